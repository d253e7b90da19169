"""The relation explorer shows what the loss compares, for the region that was clicked."""

from dataclasses import replace

import numpy as np
import pytest
from mouse import click, panels, press
from tiny import SETTINGS, TINY

from satkit.analysis.attention import look, relation_matrix, relations_of
from satkit.data.labels import IGNORE
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


def test_a_click_into_the_image_takes_the_region_there(explorer):
    labels = explorer.subject.labels
    for panel in range(4):
        for _, label in explorer.region.options:
            row, column = np.argwhere(labels == label)[0]
            click(explorer, panels(explorer)[panel], column, row)
            assert explorer.region.value == label
            assert f"region: {explorer.subject.name(label)}" in explorer.text


def test_a_click_on_a_pixel_without_annotation_is_answered_in_the_line(explorer):
    before = explorer.region.value
    row, column = np.argwhere(explorer.subject.labels == IGNORE)[0]
    click(explorer, panels(explorer)[0], column, row)
    assert "not annotated, so it belongs to no region. Click an object." in explorer.text
    assert explorer.region.value == before


@pytest.mark.parametrize("panel", range(3))
def test_a_click_on_a_cell_names_its_numbers_and_frames_its_row(explorer, panel):
    explorer.choose(view="matrices")
    last = len(explorer.region.options) - 1
    click(explorer, panels(explorer)[panel], 1, last)
    assert explorer.region.value == explorer.region.options[last][1]
    for name in ("teacher", "student"):
        assert f"{name} {100 * explorer.arrays()[f'{name} matrix'][last, 1]:.1f} %" in explorer.text
    assert {frame.get_y() for ax in panels(explorer) for frame in ax.patches} == {last - 0.46}


def test_keys_change_region_and_stage(explorer):
    values = [value for _, value in explorer.region.options]
    explorer.choose(region=values[0])
    press(explorer, "ArrowDown")
    assert explorer.region.value == values[1]
    press(explorer, "ArrowUp")
    press(explorer, "ArrowUp")
    assert explorer.region.value == values[-1]
    press(explorer, "PageDown")
    assert explorer.stage.value == 1
    press(explorer, "x")
    assert explorer.stage.value == 1


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
    row, column = np.argwhere(explorer.subject.labels == gone[0])[0]
    click(explorer, panels(explorer)[0], column, row)
    assert "has no query in this image at stage 4; regions there are" in explorer.text


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
