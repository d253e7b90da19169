"""Masks of one's own images are those of the evaluation; no image stops the others, and nothing is replaced unasked."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from places import SHARED_DATA
from samples import picture

from satkit.data.batches import evaluation_batches
from satkit.data.labels import class_palette
from satkit.evaluation.predict import predict
from satkit.experiments.model_places import find_model
from satkit.experiments.presets import PRESETS
from satkit.experiments.settings import Settings
from satkit.experiments.study_folder import StudyFolder, silent
from satkit.studies import image_masks
from satkit.studies.image_masks import made_by, predict_images, report_of, target_names
from satkit.training import Schedule
from satkit.utils.errors import UsageError

REAL = SHARED_DATA / "camvid_small"
needs_data = pytest.mark.skipif(not REAL.is_dir(), reason=f"needs CamVid in {REAL} (set SATKIT_TEST_DATA)")


@pytest.fixture(scope="module")
def model():
    """SATS of the kit after its last step."""
    return find_model("sats")


def save(path, seed=0, size=(64, 64)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(seed, size)).save(path)
    return path


def values(path):
    with Image.open(path) as file:
        assert file.mode == "P"
        return np.array(file)


def names_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@needs_data
@pytest.mark.parametrize("protocol", ["", "evaluation=windows"])
def test_masks_of_real_test_images_are_those_that_the_evaluation_counts(tmp_path, monkeypatch, protocol):
    brief = replace(PRESETS["camvid"]["smoke"], base=Schedule(3, 2e-3, batch_size=4))
    monkeypatch.setitem(PRESETS["camvid"], "tiny", brief)
    study = StudyFolder(tmp_path / "study", Settings("camvid", str(REAL), preset="tiny", protocol=protocol))
    base = study.train_base(report=silent)
    shared = find_model(str(base.run.folder))
    some = tmp_path / "images"
    some.mkdir()
    files = sorted(path for path in (REAL / "test").iterdir() if path.suffix in (".png", ".jpg"))[:6]
    for file in files:
        (some / file.name).write_bytes(file.read_bytes())
    written = predict_images(shared, some, tmp_path / "masks")
    assert (written.made, written.problems) == (len(files), [])
    tests, compared = base.plan.tests(base.plan.steps[0]), 0
    network = base.model(0)
    for images, _, positions in evaluation_batches(tests, 1, base.plan.crop):
        name = tests.split.names[tests.indices[positions[0]]]
        mask = tmp_path / "masks" / f"{name}.png"
        if mask.exists():
            np.testing.assert_array_equal(values(mask), predict(network, images, base.plan.window)[0].numpy())
            compared += 1
    assert compared == len(files)


def test_a_mask_holds_indices_and_the_palette_and_the_classes_are_listed(model, tmp_path):
    image = save(tmp_path / "a.jpg", size=(48, 80))
    written = predict_images(model, image, tmp_path / "out")
    assert names_in(tmp_path / "out") == ["a.png", "a_overlay.png", "classes.csv"]
    with Image.open(image) as file:
        np.testing.assert_array_equal(values(tmp_path / "out" / "a.png"), model.predict(np.array(file)))
    with Image.open(tmp_path / "out" / "a.png") as file:
        np.testing.assert_array_equal(np.array(file.getpalette()).reshape(-1, 3), class_palette())
        assert file.size == (80, 48)
    with (tmp_path / "out" / "classes.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == model.about["classes"]
    assert rows[9] == {"value": "9", "name": "bar", "colour": "#c00000"}
    assert report_of(written)[0].startswith(
        f"Wrote 1 mask with overlays to {tmp_path / 'out'}.\nA value of a mask is a c"
    )


def test_an_overlay_shows_the_image_with_a_legend_beside_it(tmp_path):
    labels = np.zeros((60, 90), dtype=np.uint8)
    image_masks.write_overlay(tmp_path / "none.png", picture(size=(60, 90)), labels, ["background", "cat"])
    labels[:, 30:] = 1
    image_masks.write_overlay(tmp_path / "cat.png", picture(size=(60, 90)), labels, ["background", "cat"])
    with Image.open(tmp_path / "cat.png") as file:
        pixels = np.array(file.convert("RGB")).astype(int)
    assert pixels.shape[0] == 480
    assert pixels.shape[1] > 720  # the legend beside the picture
    left, right = pixels[:, :200], pixels[:, 260:700]
    assert (left[..., 0] == left[..., 1]).all()  # grey: background shows the image
    assert right[..., 0].mean() > right[..., 1].mean() + 50  # the red of the first class
    assert (pixels[:, 730:] < 255).any()


def test_a_damaged_image_is_named_and_does_not_stop_the_others(model, tmp_path):
    for name in ("a.png", "c.png", "below/d.PNG"):
        save(tmp_path / "in" / name)
    (tmp_path / "in" / "b.png").write_bytes((tmp_path / "in" / "a.png").read_bytes()[:100])
    Image.fromarray(np.full((64, 64), 999, dtype=np.uint16)).save(tmp_path / "in" / "below" / "e.png")
    written = predict_images(model, tmp_path / "in", tmp_path / "out")
    assert written.made == 3
    assert {Path(problem.path).name for problem in written.problems} == {"b.png", "e.png"}
    made = [name for name in names_in(tmp_path / "out") if "overlay" not in name]
    assert made == ["a.png", "below/d.png", "c.png", "classes.csv"]
    said = report_of(written)[1]
    assert said.startswith("satkit: 2 problems, nothing was written for:\n")
    assert said.count("\n") == 3


def test_an_image_that_the_network_refuses_is_named_too(model, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise UsageError("It is too small.")

    monkeypatch.setattr("satkit.experiments.shared_models.predict_image", refuse)
    written = predict_images(model, save(tmp_path / "a.png"), tmp_path / "out")
    assert str(written.problems[0]).endswith("image that cannot be predicted (It is too small.)")


def test_images_in_other_formats_are_counted(model, tmp_path):
    for name in ("a.png", "b.tiff", "c.bmp"):
        save(tmp_path / "in" / name)
    with pytest.warns(UserWarning, match="Left out: 2 images in other formats, such as b.tiff. Save what you need"):
        predict_images(model, tmp_path / "in", tmp_path / "out")


class TestNames:
    def test_are_those_of_the_images(self):
        files = (Path("a.jpg"), Path("b/a.png"), Path("c.d.jpeg"))
        assert list(target_names(files).values()) == [Path("a"), Path("b/a"), Path("c.d")]

    @pytest.mark.parametrize(
        "files",
        [
            ["a.jpg", "a.png"],
            ["a.jpg", "A.png", "b.png"],
            ["a.jpg", "a.jpg.png", "a.png"],
            ["a.jpg", "a_overlay.png"],
            ["a.jpg", "a_overlay.png", "a_overlay.jpg", "a.png"],
            ["a.jpg", "A.jpg", "a.JPG"],
        ],
    )
    def test_never_meet(self, files):
        found = target_names(tuple(map(Path, files)))
        written = [f"{stem}{end}" for stem in found.values() for end in (image_masks.MASK, image_masks.OVERLAY)]
        assert len(set(written)) == 2 * len(files)
        assert list(map(str, found)) == files

    def test_with_different_suffixes_give_a_mask_each(self, model, tmp_path):
        for seed, name in enumerate(("a.jpg", "a.png", "a_overlay.png")):
            save(tmp_path / "in" / name, seed)
        predict_images(model, tmp_path / "in", tmp_path / "out")
        masks = ["a.jpg.png", "a.jpg_overlay.png", "a.png.png", "a.png_overlay.png"]
        masks += ["a_overlay.png.png", "a_overlay.png_overlay.png", "classes.csv"]
        assert names_in(tmp_path / "out") == sorted(masks)


class TestWhatIsThereAlready:
    def test_is_kept_if_it_is_of_the_same_model(self, model, tmp_path):
        for name in ("a.png", "b.png"):
            save(tmp_path / "in" / name)
        predict_images(model, tmp_path / "in" / "a.png", tmp_path / "out")
        before = (tmp_path / "out" / "a.png").stat().st_mtime_ns
        written = predict_images(model, tmp_path / "in", tmp_path / "out")
        assert (written.made, written.kept) == (1, 1)
        assert (tmp_path / "out" / "a.png").stat().st_mtime_ns == before
        assert ", and kept 1 mask that it had made before." in report_of(written)[0]
        assert predict_images(model, tmp_path / "in", tmp_path / "out", overwrite=True).made == 2

    def test_is_made_whole_after_an_interruption(self, model, tmp_path, monkeypatch):
        save(tmp_path / "in" / "a.png")
        with monkeypatch.context() as patch:
            patch.setattr(image_masks, "write_mask", interrupted)
            with pytest.raises(KeyboardInterrupt):
                predict_images(model, tmp_path / "in", tmp_path / "out")
        assert names_in(tmp_path / "out") == ["a_overlay.png", "classes.csv"]
        assert predict_images(model, tmp_path / "in", tmp_path / "out").made == 1

    def test_is_refused_if_it_is_of_another_model_or_something_else(self, model, tmp_path):
        image = save(tmp_path / "in" / "a.png")
        predict_images(find_model("fine-tuning"), image, tmp_path / "out")
        with pytest.raises(UsageError, match=r"a.png is there already and was not made by this model \(2 such files\)"):
            predict_images(model, image, tmp_path / "out")
        with pytest.raises(UsageError, match="Nothing was written. Name another folder with --out, or replace"):
            predict_images(find_model("fine-tuning"), image, tmp_path / "out", whole=True)
        assert predict_images(model, image, tmp_path / "out", overwrite=True).made == 1
        assert made_by(tmp_path / "out" / "a.png") == made_by(tmp_path / "out" / "a_overlay.png")
        assert made_by(tmp_path / "out" / "a.png") == model.about["weights"]
        for content in (b"", b"something else", image.read_bytes()):
            (tmp_path / "out" / "a.png").write_bytes(content)
            with pytest.raises(UsageError, match=r"\(1 such file\)"):
                predict_images(model, image, tmp_path / "out")
            assert (tmp_path / "out" / "a.png").read_bytes() == content

    def test_is_refused_if_it_is_another_list_of_classes(self, model, tmp_path):
        image = save(tmp_path / "a.png")
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "classes.csv").write_text("mine")
        with pytest.raises(UsageError, match="classes.csv is there already and was not made by this model"):
            predict_images(model, image, tmp_path / "out")
        assert (tmp_path / "out" / "classes.csv").read_text() == "mine"

    @pytest.mark.parametrize("overwrite", [True, False])
    def test_is_never_replaced_if_it_is_an_image_itself(self, model, tmp_path, overwrite):
        image = save(tmp_path / "a.png")
        before = image.read_bytes()
        for place in (tmp_path, image):
            with pytest.raises(UsageError, match="a.png is one of the images and would be replaced by a mask"):
                predict_images(model, place, tmp_path, overwrite=overwrite)
        assert image.read_bytes() == before

    def test_is_no_image_of_the_next_call(self, model, tmp_path):
        save(tmp_path / "a.jpg")
        for kept in (0, 1):
            written = predict_images(model, tmp_path, tmp_path / "masks")
            assert (written.made, written.kept) == (1 - kept, kept)


def interrupted(*_, **__):
    raise KeyboardInterrupt


def test_images_that_are_large_are_counted_if_they_are_predicted_in_windows(model, tmp_path, monkeypatch):
    monkeypatch.setattr("satkit.analysis.whole_images.MOST_WHOLE", 64 * 64)
    save(tmp_path / "in" / "a.png"), save(tmp_path / "in" / "b.png", size=(64, 80))
    written = predict_images(model, tmp_path / "in", tmp_path / "out")
    assert [path.name for path in written.in_windows] == ["b.png"]
    assert "1 image of more than" in report_of(written)[0]
    assert not predict_images(model, tmp_path / "in", tmp_path / "whole", whole=True).in_windows


def test_a_file_is_no_folder_of_masks(model, tmp_path):
    image = save(tmp_path / "a.png")
    for out in (image, image / "below"):
        with pytest.raises(UsageError, match="Masks are written into a folder, but .*a.png is a file"):
            predict_images(model, image, out)
