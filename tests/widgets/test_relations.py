"""The relation explorer shows what the loss compares, for the region that was pointed at."""

from dataclasses import replace

import numpy as np
import pytest
from mouse import panels, point
from tiny import SETTINGS, TINY

from satkit.analysis.attention import look, relation_matrix, relations_of
from satkit.experiments.presets import PRESETS
from satkit.experiments.study_folder import StudyFolder, silent
from satkit.widgets import explore_relations


@pytest.fixture
def explorer(two_steps):
    """An explorer of a student with its teacher, on an image with several objects."""
    return explore_relations(two_steps)


@pytest.mark.parametrize("stage", range(4))
def test_it_shows_the_relations_that_region_pool_computes(explorer, two_steps, stage):
    explorer.choose(stage=stage + 1)
    subject = explorer.subject
    classes = (0, *subject.now.seen)
    for name, step in (("teacher", 0), ("student", 1)):
        tap = look(two_steps.run.load_model(step), subject.picture).taps[stage]
        expected, kept = relations_of(tap, subject.labels, classes)
        np.testing.assert_allclose(explorer.arrays()[f"{name} relations"], expected, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(explorer.arrays()[f"{name} relations"].sum(axis=(1, 2)), 1, atol=1e-5)
        matrix = relation_matrix(tap, subject.labels, classes)[:, 1:]
        np.testing.assert_allclose(explorer.arrays()[f"{name} matrix"], matrix, rtol=1e-5, atol=1e-7)
        assert [value for _, value in explorer.region.options] == kept


def test_the_map_shown_is_that_of_the_chosen_region(explorer):
    for place, (_, label) in enumerate(explorer.region.options):
        explorer.choose(region=label)
        shown = panels(explorer)[2].images[-1].get_array()
        np.testing.assert_array_equal(shown, explorer.arrays()["student relations"][place])


def test_each_head_has_its_own_relations_and_their_mean_is_shown_at_first(explorer):
    explorer.choose(stage=4)
    mean, heads = explorer.arrays(), []
    for head in explorer.head.options[1:]:
        explorer.choose(head=head)
        heads.append(explorer.arrays())
    assert len(heads) > 1
    for name, values in mean.items():
        np.testing.assert_allclose(np.mean([each[name] for each in heads], axis=0), values, rtol=1e-5, atol=1e-7)
    with pytest.raises(ValueError, match=rf"heads 1..{len(heads)}, and their 'mean', got 99"):
        explorer.choose(head=99)


def test_the_region_under_the_hand_is_taken_over_and_the_words_name_it(explorer):
    for _, label in explorer.region.options:
        point(explorer, label)
        assert explorer.region.value == label
        assert f"region: {explorer.subject.name(label)}" in explorer.text
        assert explorer.picture.chosen["region"] == label


def test_a_region_that_is_pinned_stays_in_a_row_of_its_own(explorer):
    first, last = (explorer.region.options[place][1] for place in (0, -1))
    point(explorer, last, pinned=first)
    assert (explorer.region.value, explorer.pinned, explorer.pin.value) == (last, first, True)
    for row, label in enumerate((first, last)):
        place = [value for _, value in explorer.region.options].index(label)
        shown = panels(explorer, row)[2].images[-1].get_array()
        np.testing.assert_array_equal(shown, explorer.arrays()["student relations"][place])
    explorer.pin.value = False
    assert explorer.picture.chosen["pinned"] is None
    assert not panels(explorer, 1)
    explorer.choose(region=first, pinned=True)
    assert explorer.pinned == first


def test_a_region_that_is_not_there_is_answered_in_words(explorer):
    before, absent = explorer.region.value, next(each for each in range(21) if each not in explorer.subject.labels)
    point(explorer, absent)
    assert f"Class {absent} ({explorer.subject.name(absent)}) has no query in this image" in explorer.picture.trouble
    assert explorer.region.value == before
    point(explorer, before)
    assert explorer.picture.trouble == ""


def test_the_menu_of_the_still_picture_is_there_only_where_the_canvas_is_not(explorer):
    assert explorer.view.layout.display == "flex"
    explorer.picture.alive = True
    assert explorer.view.layout.display == "none"


def test_a_region_without_a_query_at_a_later_stage_gives_way_and_the_line_says_so(tmp_path, monkeypatch):
    many = replace(TINY, data={**TINY.data, "test_images": 80})
    monkeypatch.setitem(PRESETS["scenes"], "tiny", many)
    small = StudyFolder(tmp_path, replace(SETTINGS, habitat=0.0)).trained(
        "fine-tuning", 2, report=silent
    )  # 8 x 8, then 4 x 4 queries
    explorer = explore_relations(small)
    for image in range(len(small.plan.tests(small.plan.steps[1]))):
        explorer.choose(image=image, stage=1)
        early = {value for _, value in explorer.region.options}
        explorer.choose(stage=4)
        gone = sorted(early - {value for _, value in explorer.region.options})
        if gone:
            break
    explorer.choose(stage=1, region=gone[0])
    explorer.stage.value = 3
    assert f"{explorer.subject.name(gone[0])} has no query here, so this is {explorer.region.label}" in explorer.text
    with pytest.raises(ValueError, match=rf"Class {gone[0]} .* has no query in this image at stage 4"):
        explorer.choose(region=gone[0])
    explorer.choose(stage=1, region=gone[0], pinned=True)
    explorer.choose(stage=4)
    assert explorer.pinned is None


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"step": 2}, "finished steps 0..1, got step 2"),
        ({"image": 10**6}, "got 1000000"),
        ({"stage": 0}, "stages 1..4, got 0"),
        ({"view": "matrix"}, "Did you mean 'matrices'"),
    ],
)
def test_what_does_not_exist_is_refused_in_one_sentence(explorer, choice, message):
    before = explorer.picture.png
    with pytest.raises(ValueError, match=message):
        explorer.choose(**choice)
    assert explorer.picture.png == before


def test_an_earlier_stage_is_advised_only_where_there_is_one(explorer):
    absent = next(label for label in range(1, 21) if label not in explorer.subject.labels)
    for stage, instead in ((1, "Choose one of them[.]$"), (2, "Choose one of them, or an earlier stage[.]$")):
        with pytest.raises(ValueError, match=f"Class {absent} .* has no query in this image .* {instead}"):
            explorer.choose(stage=stage, region=absent)


@pytest.mark.parametrize("view", ["maps", "matrices"])
def test_the_base_step_has_one_model(two_steps, view):
    explorer = explore_relations(two_steps, step=0, view=view)
    assert {name.split()[0] for name in explorer.arrays()} == {"model"}
    assert "model: " in explorer.alt


def test_both_views_are_saved(explorer, tmp_path):
    sizes = set()
    for view in ("maps", "matrices"):
        explorer.choose(view=view)
        sizes.add(explorer.save(tmp_path / f"{view}.png").stat().st_size)
    assert len(sizes) == 2
