"""Every convention is a choice by name, and says in words what it is."""

from dataclasses import fields

import pytest

from satkit.evaluation.conventions import CHOICES, PROTOCOLS, Protocol, evaluation_of, protocol, sentence
from satkit.utils.errors import UsageError


def test_nothing_and_the_default_name_are_the_default():
    assert protocol() == protocol("satkit") == Protocol()


def test_single_conventions_are_changed_behind_a_name_or_alone():
    changed = protocol("mib, evaluation=full,checkpoint = best")
    assert (changed.evaluation, changed.checkpoint) == ("full", "best")
    assert (changed.void, changed.future, changed.background_in_old) == ("background", "ignored", "no")
    assert protocol("future=ignored") == Protocol(future="ignored")


def test_every_convention_has_choices_that_are_said_in_different_words():
    assert set(CHOICES) == {field.name for field in fields(Protocol)}
    for name, choices in CHOICES.items():
        best = {"checkpoint": "best"} if name == "selection" else {}
        said = [str(Protocol(**{**best, name: choice}).describe(512)) for choice in choices]
        assert len(set(said)) == len(choices) > 1, name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mibb", "Unknown protocol 'mibb'. Did you mean 'mib'"),
        ("plop,futur=ignored", "Unknown convention 'futur'. Did you mean 'future'"),
        ("future=ignore", "Unknown choice of future 'ignore'. Did you mean 'ignored'"),
        ("evaluation=window", "Unknown choice of evaluation 'window'. .* Choose one of: full, windows, centre"),
        ("plop,mib", "A protocol is a name with conventions behind it"),
    ],
)
def test_what_is_unknown_is_named_with_the_nearest(text, message):
    with pytest.raises(UsageError, match=message):
        protocol(text)


def test_published_protocols_differ_where_their_code_does():
    plop, mib, ssul, sats = (PROTOCOLS[name] for name in ("plop", "mib", "ssul", "sats"))
    assert {each.evaluation for each in (plop, mib, ssul, sats)} == {"centre"}
    assert (mib.void, plop.void) == ("background", "ignored")
    assert not mib.counts_background
    assert plop.counts_background
    assert (plop.checkpoint, sats.checkpoint, ssul.checkpoint) == ("last", "best", "best")
    assert (plop.future, mib.future, ssul.future) == ("background", "ignored", "ignored")
    assert (plop.test_images, ssul.test_images) == ("seen", "all")


def test_only_the_best_on_held_out_images_needs_them():
    assert protocol("checkpoint=best,selection=validation").validates
    assert not protocol("selection=validation").validates
    assert not protocol("checkpoint=best").validates


def test_the_sentence_names_every_convention():
    said = sentence(PROTOCOLS["mib"].describe(512))
    assert said == (
        "Background counts only in all; void pixels are background in training; classes not yet learnt are "
        "ignored at test time; evaluated are centre crops of 512 pixels, the shorter side resized to them, those with "
        "a class seen so far, with the last weights of each step."
    )


def test_windows_are_described_by_their_size_and_leave_the_words_of_other_choices_as_they_were():
    assert protocol("evaluation=windows").describe(96)["evaluation"] == (
        "whole images at full size in windows of 96 pixels that overlap by a third"
    )
    assert protocol("evaluation=full").describe(96)["evaluation"] == "whole images at full size"
    assert protocol("evaluation=centre").describe(96)["evaluation"] == (
        "centre crops of 96 pixels, the shorter side resized to them"
    )


@pytest.mark.parametrize("kind", CHOICES["evaluation"])
def test_the_choice_of_an_evaluation_is_read_from_its_words(kind):
    assert evaluation_of(protocol(f"mib,evaluation={kind}").describe(96), 96) == kind


def test_words_of_no_evaluation_are_refused():
    with pytest.raises(UsageError, match="Unknown evaluation 'whole images somehow'"):
        evaluation_of({"evaluation": "whole images somehow"}, 96)
    with pytest.raises(UsageError, match="Unknown evaluation 'centre crops of 64 pixels"):
        evaluation_of(protocol("plop").describe(64), 96)
