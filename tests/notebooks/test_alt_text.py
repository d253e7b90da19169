"""Every picture of an executed notebook gets the sentence that belongs to it, in plain text."""

import copy

import pytest

from satkit.notebooks import alt_text
from satkit.notebooks.alt_text import add_alt_texts, opening, picture_outputs


def prose(*lines):
    return {"cell_type": "markdown", "metadata": {}, "source": "\n".join(lines)}


def draws(count=1, kind="image/png", text="<Figure size 1x1 with 1 Axes>", alt=None):
    metadata = {kind: {"alt": alt}} if alt else {}
    output = {"output_type": "display_data", "data": {kind: "..", "text/plain": text}, "metadata": metadata}
    return {"cell_type": "code", "metadata": {}, "source": "", "outputs": [copy.deepcopy(output) for _ in range(count)]}


PRINTS = {"cell_type": "code", "metadata": {}, "source": "", "outputs": [{"output_type": "stream", "text": "1"}]}


def alts(*cells):
    notebook = {"cells": list(cells)}
    add_alt_texts(notebook)
    found = [output["metadata"][kind]["alt"] for output, kind in picture_outputs(notebook["cells"])]
    add_alt_texts(notebook)
    assert found == [output["metadata"][kind]["alt"] for output, kind in picture_outputs(notebook["cells"])]
    return found


@pytest.mark.parametrize("kind", ["image/png", "image/jpeg"])
def test_a_picture_gets_the_sentence_below_it(kind):
    assert alts(draws(kind=kind), prose("Old objects turn", "grey. New ones do not.")) == [
        "Old objects turn grey. New ones do not."
    ]


def test_a_cell_that_only_prints_may_stand_between():
    assert alts(draws(), PRINTS, prose("All is grey.")) == ["All is grey."]


def test_the_text_below_another_picture_is_not_taken():
    first, second = alts(prose("Labels come first."), draws(), draws(), prose("All is grey."))
    assert (first, second) == ("Labels come first.", "All is grey.")


def test_several_pictures_of_a_cell_are_counted():
    assert alts(draws(2), prose("All is grey.")) == ["Figure 1 of 2: All is grey.", "Figure 2 of 2: All is grey."]


def test_an_interactive_figure_speaks_for_itself():
    assert alts(draws(text="half of it has moved"), prose("Click it.")) == ["half of it has moved"]


@pytest.mark.parametrize("below", ["## What we saw", "- a list.", "The same as numbers:", "**Questions**"])
def test_where_no_sentence_follows_the_figure_has_its_own_text_or_that_before_it(below):
    assert alts(prose("A grid.", "", "Its queries."), draws(), prose(below)) == ["Its queries."]
    assert alts(prose("A grid."), draws(alt="Figure; titles: queries."), prose(below)) == ["Figure; titles: queries."]


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("*Old* is **grey**. More.", "Old is grey."),
        ("See [the *page*](a.md#b), `code` and $r^t$.", "See the page, code and r^t."),
        ("Qiu et al., 2023, say 0.5 of it. More.", "Qiu et al., 2023, say 0.5 of it."),
        ("(Aside.) More.", "(Aside.)"),
        ("Is it grey? Yes.", "Is it grey?"),
        ("no full stop", "no full stop"),
    ],
)
def test_a_sentence_is_plain_text(markdown, text, monkeypatch):
    monkeypatch.setattr(alt_text, "ENOUGH", 1)
    assert opening(markdown) == text


def test_a_short_sentence_gets_the_next_ones_but_none_that_ends_in_a_colon():
    assert opening("All is grey. That is background. In numbers:") == "All is grey. That is background."
    long = "Old objects have turned grey, which is background, in all three images."
    assert opening(f"{long} More.") == long
