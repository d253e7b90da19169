"""The attention explorer: mouse, keys, sliders and code lead to the same pictures, and mistakes to a sentence."""

import base64
import gc

import numpy as np
import pytest
import torch
from mouse import panels, rest, send
from samples import count_hooks

from satkit.analysis.attention import attention_of, look, query_at
from satkit.analysis.codes import decoded
from satkit.experiments.experiment import Experiment
from satkit.experiments.kit_models import open_kit_model
from satkit.models import Segmenter
from satkit.widgets import explore_attention


@pytest.fixture
def explorer(two_steps):
    """An explorer of a student with its teacher."""
    return explore_attention(two_steps, image=3, pixel=(20, 30))


def patch_side(explorer):
    """Side of a patch of the chosen stage, in pixels of the image."""
    return explorer.subject.size[0] / next(iter(explorer.subject.taps.values())).query_grid[0]


def segmenters():
    """Every model that is still held."""
    gc.collect()
    return [thing for thing in gc.get_objects() if issubclass(type(thing), Segmenter)]


def marks(explorer, line=0):
    """Where the cross stands in every panel of a row."""
    crosses = [[each for each in ax.lines if each.get_label() == "query"] for ax in panels(explorer, line)]
    assert all(len(cross) == 1 for cross in crosses)
    return [tuple(float(values[0]) for values in cross[0].get_data()) for cross in crosses]


def test_what_is_shown_is_the_attention_of_the_query_in_teacher_and_student(explorer, two_steps):
    _experiment, run = two_steps, two_steps.run
    for stage in range(4):
        for head in ("mean", 1):
            explorer.choose(stage=stage + 1, head=head)
            shown = explorer.arrays()
            assert list(shown) == ["teacher", "student", "difference"]
            for name, step in (("teacher", 0), ("student", 1)):
                tap = look(run.load_model(step), explorer.subject.picture).taps[stage]
                query = query_at(tap, (20, 30), (64, 64))
                expected = attention_of(tap, query, None if head == "mean" else head - 1)
                np.testing.assert_allclose(shown[name], expected, rtol=1e-4)
                assert shown[name].sum() == pytest.approx(1, abs=1e-5)
            np.testing.assert_allclose(shown["difference"], shown["student"] - shown["teacher"], atol=1e-7)


@pytest.mark.parametrize("stage", range(4))
def test_the_cross_stands_on_the_patch_that_holds_the_pixel_in_every_panel(explorer, stage):
    explorer.choose(stage=stage + 1, pixel=(41, 7))
    side = patch_side(explorer)
    places = marks(explorer)
    assert len(places) == 4
    for x, y in places:
        assert abs(x - 7) <= side / 2
        assert abs(y - 41) <= side / 2


def test_a_hand_that_rests_moves_query_sliders_and_picture(explorer):
    before = explorer.picture.png
    rest(explorer, (50, 12))
    assert (explorer.row.value, explorer.column.value) == explorer.pixel == (50, 12)
    assert explorer.picture.png != before
    assert "row 50, column 12" in explorer.text
    assert explorer.picture.answers == 1


def test_what_lies_beside_the_image_is_refused_in_a_sentence(explorer):
    before = explorer.picture.png
    for pixel, pinned in (((64, 0), None), ((3, 3), [0, -1])):
        rest(explorer, pixel, pinned)
        assert "The pixel must be inside the image of 64 x 64" in explorer.picture.trouble
        assert (explorer.pixel, explorer.pinned, explorer.picture.png) == ((20, 30), None, before)
    rest(explorer, (3, 3))
    assert (explorer.pixel, explorer.picture.trouble) == ((3, 3), "")


def test_image_and_models_are_sent_once_and_maps_once_for_each_stage(explorer):
    canvas, sent = explorer.picture, []
    canvas.observe(lambda change: sent.append(change.name), ["scene", "stage", "chosen"])
    rest(explorer, (50, 12))
    assert sent == ["chosen"]
    sent.clear()
    explorer.choose(stage=2, head=1, view="student")
    assert sorted(sent) == ["chosen", "stage"]
    assert (canvas.chosen["head"], canvas.chosen["shown"], canvas.chosen["compared"]) == (0, [1], None)
    sent.clear()
    explorer.choose(image=5, view="all")
    assert sorted(sent) == ["chosen", "scene", "stage"]
    assert canvas.chosen["compared"] == 1
    assert [model["name"] for model in canvas.scene["models"]] == ["teacher", "student"]


def test_what_is_sent_are_the_maps_that_are_shown(explorer):
    explorer.choose(stage=3, head=2)
    stage = explorer.picture.stage
    query = query_at(explorer.tap, explorer.pixel, explorer.subject.size)
    place = query[0] * stage["queries"][1] + query[1]
    for found, name in zip(stage["maps"], ("teacher", "student"), strict=True):
        shape = (stage["heads"], stage["queries"][0] * stage["queries"][1])
        codes = np.frombuffer(found["codes"], dtype=np.uint8).reshape(*shape, -1)[1, place]
        peak = np.frombuffer(found["peaks"], dtype="<f4").reshape(shape)[1, place]
        shown = explorer.arrays()[name].ravel()
        np.testing.assert_allclose(decoded(codes, np.asarray(peak)), shown, atol=0.004 * peak)


def test_sliders_do_the_same_as_a_click_pixel(explorer, two_steps):
    explorer.row.value, explorer.column.value = 50, 12
    other = explore_attention(two_steps, image=3, pixel=(50, 12))
    assert explorer.picture.png == other.picture.png
    assert explorer.text == other.text


def test_a_moved_picture_is_the_one_that_would_have_been_drawn_anew(explorer, two_steps):
    for choice in ({"pixel": (1, 60)}, {"stage": 2}, {"stage": 4, "head": 1}, {"image": 5}, {"view": "student"}):
        explorer.choose(**choice)
    explorer.choose(view="all", stage=1, head="mean", pixel=(9, 9), image=7)
    fresh = explore_attention(two_steps, image=7, pixel=(9, 9), stage=1)
    assert explorer.picture.png == fresh.picture.png


def test_the_next_stage_follows_the_last(explorer):
    for step, stage in ((1, 1), (-1, 0), (-1, 3), (1, 0)):
        send(explorer.picture, {"kind": "stage", "step": step})
        assert explorer.stage.value == stage


def test_a_pinned_query_stays_while_another_moves(explorer):
    alone = explorer.arrays()
    rest(explorer, (40, 30), pinned=[20, 30])
    assert (explorer.pinned, explorer.pin.value) == ((20, 30), True)
    assert panels(explorer, 1)
    pinned = panels(explorer, 0)[2].images[-1].get_array()
    np.testing.assert_array_equal(pinned, alone["student"])
    assert marks(explorer, 0) != marks(explorer, 1)
    explorer.pin.value = False
    assert explorer.pinned is explorer.picture.chosen["pinned"] is None
    assert not panels(explorer, 1)
    explorer.pin.value = True
    assert explorer.pinned == (40, 30)


def test_the_student_of_another_strategy_stands_beside(two_steps):
    other = open_kit_model("sats")
    explorer = explore_attention(two_steps, beside=other, image=3, pixel=(20, 30))
    assert list(explorer.arrays()) == ["teacher", "student", "student of SATS", "difference"]
    tap = look(other.model(1), explorer.subject.picture).taps[0]
    expected = attention_of(tap, query_at(tap, (20, 30), (64, 64)))
    np.testing.assert_allclose(explorer.arrays()["student of SATS"], expected, rtol=1e-4)
    assert len(explorer.picture.stage["maps"]) == 3
    assert "student of SATS: " in explorer.text
    explorer.choose(step=0)
    assert list(explorer.arrays()) == ["model"]


def test_one_panel_alone_keeps_the_scale_of_the_pair(explorer):
    limit = panels(explorer)[1].images[-1].get_clim()
    explorer.choose(view="student")
    assert list(explorer.arrays()) == ["student"]
    assert panels(explorer)[1].images[-1].get_clim() == limit


def test_the_base_step_is_looked_at_without_a_teacher(two_steps):
    explorer = explore_attention(two_steps, step=0, image=3)
    assert list(explorer.arrays()) == ["model"]
    assert "model: " in explorer.text
    explorer.subject.step.value = 1
    assert list(explorer.arrays()) == ["teacher", "student", "difference"]


WRONG = [
    ({"step": 7}, "finished steps 0..1, got step 7"),
    ({"image": -1}, r"images 0..\d+, got -1"),
    ({"stage": 5}, "stages 1..4, got 5"),
    ({"head": 9}, r"heads 1..\d, and their 'mean', got 9"),
    ({"view": "studnet"}, "Did you mean 'student'"),
    ({"pixel": (64, 0)}, "inside the image of 64 x 64, got row 64, column 0"),
]


@pytest.mark.parametrize(("choice", "message"), WRONG)
def test_what_does_not_exist_is_refused_in_one_sentence_and_the_explorer_lives_on(explorer, choice, message):
    before = explorer.picture.png
    with pytest.raises(ValueError, match=message):
        explorer.choose(**choice)
    assert explorer.picture.png == before
    rest(explorer, (2, 2))
    assert explorer.pixel == (2, 2)


def test_what_came_before_a_mistake_is_chosen_and_shown(explorer):
    with pytest.raises(ValueError, match="stages 1..4, got 9"):
        explorer.choose(step=0, stage=9)
    assert explorer.subject.step.value == 0
    assert list(explorer.arrays()) == ["model"]  # the picture is that of the controls


@pytest.mark.parametrize(("choice", "message"), WRONG)
def test_it_is_refused_from_the_beginning_too(two_steps, choice, message):
    with pytest.raises(ValueError, match=message):
        explore_attention(two_steps, **choice)


def test_what_goes_wrong_under_the_mouse_is_told_in_the_line(explorer, monkeypatch):
    def missing():
        raise ValueError("The file is gone. Train the step again.")

    monkeypatch.setattr(explorer.subject, "load", missing)
    before = explorer.picture.png
    rest(explorer, (30, 30))
    assert explorer.text == explorer.picture.trouble == "The file is gone. Train the step again."
    assert explorer.picture.png == before
    assert explorer.picture.answers == 1
    monkeypatch.undo()
    rest(explorer, (30, 30))
    assert "ground truth" in explorer.text
    assert explorer.picture.trouble == ""


def test_a_run_without_a_finished_step_is_refused(two_steps, tmp_path):
    with pytest.raises(ValueError, match="must have a finished step to look at, it has none. Train it first"):
        explore_attention(Experiment.open(two_steps.plan, tmp_path / "empty"))


def test_it_says_what_the_picture_shows_and_carries_it_as_png(explorer):
    bundle, metadata = explorer._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]) == explorer.picture.png
    assert bundle["text/plain"] == explorer.alt
    assert metadata["image/png"]["alt"] == explorer.alt
    assert "application/vnd.jupyter.widget-view+json" in bundle
    for word in ("ground truth", "teacher", "student", "% of the attention has moved"):
        assert word in explorer.alt


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_picture_is_saved_in_one_call(explorer, tmp_path, suffix):
    path = explorer.save(tmp_path / f"picture.{suffix}")
    head = path.read_bytes()[:200]
    assert head.startswith(b"\x89PNG") if suffix == "png" else b"<?xml" in head


def test_another_kind_of_file_is_refused(explorer, tmp_path):
    with pytest.raises(ValueError, match=r"one of .png, .svg, .pdf, got 'picture.doc'"):
        explorer.save(tmp_path / "picture.doc")


def test_images_that_are_not_square_have_their_cross_where_it_belongs():
    from satkit.plots.attention_view import AttentionView

    image = np.zeros((33, 90, 3), dtype=np.uint8)
    view = AttentionView(image, ("model",))
    weights = np.full((3, 5), 1 / 15)
    view.show({"model": weights}, query=(8, 22), grid=(9, 23))
    for ax in view.axes[0]:
        cross = next(line for line in ax.lines if line.get_label() == "query")
        assert float(cross.get_data()[0][0]) == pytest.approx(22.5 * 90 / 23 - 0.5)
        assert float(cross.get_data()[1][0]) == pytest.approx(8.5 * 33 / 9 - 0.5)


def test_many_queries_leave_nothing_behind(explorer):
    """No hook on the models, no further tensor, no further artist."""
    models = segmenters()

    def census():
        gc.collect()
        hooks = sum(map(count_hooks, models))
        tensors = sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())
        return hooks, tensors, [len(ax.get_children()) for ax in explorer.figure.axes]

    generator = np.random.default_rng(0)
    rest(explorer, (1, 1))
    before = census()
    for row, column in generator.integers(0, 64, (200, 2)):
        rest(explorer, (int(row), int(column)))
    assert census() == before
    assert before[0] == 0


def test_an_explorer_that_is_closed_can_be_forgotten(two_steps):
    before = {id(model) for model in segmenters()}
    explorer = explore_attention(two_steps)
    mine = {id(model) for model in segmenters()} - before
    assert len(mine) == 2  # teacher and student
    explorer.close_all()
    del explorer
    assert not mine & {id(model) for model in segmenters()}
