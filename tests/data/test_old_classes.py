"""Old classes in the images of later steps are counted as by hand; VOC's counts are those of its masks."""

import math

import numpy as np
import pytest
from hand_made import NAMES, SHOWN
from places import SHARED_DATA

from satkit.data import load_data
from satkit.data.old_classes import measure_voc, old_classes, voc_old_classes
from satkit.scenario import scenario
from satkit.utils.assets import asset
from satkit.utils.errors import UsageError

PRESENCE = SHARED_DATA / "voc2012_presence.npz"
needs_presence = pytest.mark.skipif(not PRESENCE.is_file(), reason=f"needs {PRESENCE} (set SATKIT_TEST_DATA)")
PRESENT = np.array([[label in shown for label in range(5)] for shown in SHOWN])


def test_a_small_data_set_is_counted_as_by_hand():
    """Step 1 (class c) has the images {c}, {a, c, d}; step 2 (class d) {a, c, d} and {d}."""
    counted = old_classes(PRESENT, scenario(NAMES, "2-1"))
    assert counted.images == (2, 2)
    assert counted.shares == (0.5, 0.5)
    assert counted.old_an_image == (0.5, 1.0)
    assert counted.classes_an_image == 9 / 7


def test_classes_are_old_in_the_order_of_learning():
    """With the order d, c, b, a the last step has the images {a}, {a, b} and {a, c, d}."""
    counted = old_classes(PRESENT, scenario(NAMES, "3-1", order=[4, 3, 2, 1]))
    assert counted.images == (3,)
    assert counted.shares == (pytest.approx(2 / 3),)
    assert counted.old_an_image == (1.0,)


@pytest.mark.parametrize("setting", ["overlapped", "disjoint", "sequential"])
def test_the_images_are_those_of_the_step_in_every_setting(setting):
    present = np.random.default_rng(0).random((400, 5)) < 0.4
    built = scenario(NAMES, "1-1", setting)
    counted = old_classes(present, built)
    for step, images, share in zip(built.steps[1:], counted.images, counted.shares, strict=True):
        rows = [row for row in present if built.contains_image(step, np.flatnonzero(row).tolist())]
        assert images == len(rows)
        assert share == pytest.approx(np.mean([row[list(step.old)].any() for row in rows]))


def test_images_that_belong_to_one_step_are_drawn_from_the_seed():
    present = np.random.default_rng(0).random((400, 5)) < 0.4
    built = scenario(NAMES, "1-1", "partitioned")
    assert old_classes(present, built, seed=3) == old_classes(present, built, seed=3)
    assert old_classes(present, built, seed=3).images != old_classes(present, built, seed=4).images


def test_a_step_without_images_has_no_share():
    counted = old_classes(PRESENT[:2], scenario(NAMES, "2-1"))
    assert counted.images == (0, 0)
    assert all(math.isnan(value) for value in counted.shares + counted.old_an_image)


def test_a_setting_by_domain_is_refused():
    with pytest.raises(
        UsageError, match="in the setting 'domain' all steps have the same classes. Choose a setting by"
    ):
        old_classes(PRESENT, scenario(NAMES, "1-1", "domain", domains=("here", "there")))


def test_old_classes_of_voc_come_back_in_some_steps_and_seldom_in_others():
    """Potted plant, sheep, sofa, train and monitor. Base classes alone give 69, 22, 75, 29 and 63 %."""
    stored = voc_old_classes()
    assert [round(100 * share) for share in stored.shares] == [69, 22, 79, 29, 69]
    assert stored.old_an_image == (1.0945, 0.2609, 1.1752, 0.32, 1.1095)
    assert stored.classes_an_image == 1.4699
    assert "10,582 images" in stored.source


@needs_presence
def test_the_stored_counts_are_those_of_the_masks_of_voc(tmp_path):
    file = tmp_path / "voc.json"
    counted, stored = measure_voc(PRESENCE, file), voc_old_classes()
    assert file.read_text(encoding="utf-8") == asset("voc_old_classes.json").read_text(encoding="utf-8")
    assert counted.images == stored.images == (487, 299, 491, 500, 548)
    for name in ("classes_an_image", "shares", "old_an_image"):
        assert getattr(counted, name) == pytest.approx(getattr(stored, name), abs=5e-5)


@needs_presence
def test_base_classes_alone_come_back_a_little_less_often_in_voc():
    stored = np.load(PRESENCE)
    present = stored["present"][stored["split"] == "train_aug"]
    shares = [present[present[:, label]][:, 1:16].any(axis=1).mean() for label in range(16, 21)]
    assert [round(100 * share) for share in shares] == [69, 22, 75, 29, 63]


@pytest.mark.parametrize(
    ("row", "habitat"), [("habitat 0.75, the default", 0.75), ("habitat 0, the uniform world", 0.0), ("VOC", None)]
)
def test_the_page_about_data_states_the_counts(row, habitat):
    if habitat is None:
        counted = voc_old_classes()
    else:
        data = load_data("scenes", size=64, habitat=habitat)
        counted = old_classes(data.train.present, scenario(data.class_names, "15-1"))
    shares = ", ".join(f"{100 * share:.0f}" for share in counted.shares)
    numbers = ", ".join(f"{number:.1f}" for number in counted.old_an_image)
    page = asset("data.md").read_text(encoding="utf-8")
    assert f"| {row} | {counted.classes_an_image:.1f} | {shares} | {numbers} |" in page


def shown_by_scenes(**options):
    data = load_data("scenes", size=32, train_images=1500, test_images=1, **options)
    return old_classes(data.train.present, scenario(data.class_names, "15-1"))


def test_in_uniform_scenes_old_classes_come_back_in_four_of_five_images_or_more():
    uniform = shown_by_scenes(habitat=0)
    assert all(0.75 < share < 0.92 for share in uniform.shares)
    assert all(1.3 < number < 2 for number in uniform.old_an_image)
    assert uniform.classes_an_image == pytest.approx(2.35, abs=0.1)


def test_in_the_default_scenes_old_classes_come_back_about_half_as_often_and_within_the_range_of_voc():
    default, voc = shown_by_scenes(), voc_old_classes()
    for ours, theirs in ((default.shares, voc.shares), (default.old_an_image, voc.old_an_image)):
        assert min(theirs) < min(ours) < max(ours) < max(theirs)
    assert np.mean(default.shares) == pytest.approx(0.45, abs=0.05)
    assert default.classes_an_image == pytest.approx(voc.classes_an_image, abs=0.15)
