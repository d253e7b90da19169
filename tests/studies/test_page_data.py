"""What a page holds fits into it: steps, stages and images are left out in this order, and that is said."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from satkit.analysis.codes import decoded
from satkit.experiments.kit_models import open_kit_model
from satkit.studies import page_data
from satkit.studies.page_data import BASE, Extent, Students, extent_of, image_data, json_inside, telling_images


@pytest.fixture(scope="module")
def students():
    """Two strategies of the kit."""
    found = [open_kit_model(name) for name in ("fine-tuning", "sats")]
    return Students({each.plan.strategy.name: each for each in found})


def test_the_base_model_comes_first_and_then_every_strategy_after_every_step(students):
    assert students.shown((1,)) == [(BASE, 0), ("fine-tuning", 1), ("SATS", 1)]
    assert students.model("SATS", 1) is students.model("SATS", 1)  # loaded once


def test_images_show_old_and_new_classes_in_turn_and_none_twice(students):
    numbers = telling_images(students, 6)
    assert len(numbers) == len(set(numbers)) == 6
    last, tests = students.plan.steps[-1], students.tests
    for number, classes in zip(numbers[:2], (last.old, last.new), strict=True):
        assert np.isin(tests.labels(number), classes).mean() > 0.2


def test_an_image_holds_what_every_model_attends_to(students):
    shown = students.shown((1,))
    made = image_data(students, 3, shown, (1,))
    assert len(made["predictions"]) == len(made["stages"][0]["maps"]) == 3
    stage = made["stages"][0]
    tall, wide = np.prod(stage["queries"]), np.prod(stage["keys"])
    first = stage["maps"][0]
    codes = np.frombuffer(first["codes"], dtype=np.uint8).reshape(stage["heads"], tall, wide)
    rows = decoded(codes, np.frombuffer(first["peaks"], dtype="<f4").reshape(stage["heads"], tall))
    np.testing.assert_allclose(rows.sum(axis=-1), 1, atol=0.02)


class FiveSteps:
    """Students of a task of five steps, of which only sizes are asked."""

    steps = (1, 2, 3, 4, 5)
    tests = None

    def model(self, name, step):
        return None

    def shown(self, steps):
        return [(BASE, 0), *((name, step) for step in steps for name in "ab")]


@pytest.fixture
def sizes(monkeypatch):
    """Two stages, the first of which takes four times as many bytes."""
    taps = ["large", "small"]
    monkeypatch.setattr(page_data, "image_and_labels", lambda images, number: (None, None))
    monkeypatch.setattr(page_data, "look", lambda model, picture: SimpleNamespace(taps=taps))
    monkeypatch.setattr(page_data, "rows", lambda tap: {"large": 4000, "small": 1000}[tap])
    return FiveSteps()


@pytest.mark.parametrize(
    ("room", "steps", "stages", "images", "said"),
    [
        (10**7, (1, 2, 3, 4, 5), (0, 1), 4, ""),
        (190_000, (1, 2, 4, 5), (0, 1), 3, "without step 3, 1 of 4 images."),
        (110_000, (1, 5), (0, 1), 3, "without step 2, step 3, step 4, 1 of 4 images."),
        (60_000, (1, 5), (1,), 4, "without step 2, step 3, step 4, stage 1."),
        (100, (1, 5), (1,), 1, "without step 2, step 3, step 4, stage 1, 3 of 4 images."),
    ],
)
def test_steps_between_go_first_then_the_largest_stage_then_images(sizes, room, steps, stages, images, said):
    extent = extent_of(sizes, (7, 8, 9, 10), room)
    assert (extent.steps, extent.stages) == (steps, stages)
    if said:
        assert extent.images == images
        assert extent.left_out.endswith(said)
    assert bool(extent.left_out) == bool(said)


def test_what_is_whole_says_nothing():
    assert Extent((1,), (0, 1), 3).left_out == ""


def test_json_inside_an_element_cannot_end_it_and_means_the_same():
    hostile = {"names": ["</script><script>alert(1)</script>", "<!--", "a & b", "\u2028"], "codes": b"\x00\xff"}
    text = json_inside(hostile)
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {**hostile, "codes": "AP8="}
