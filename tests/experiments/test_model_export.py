"""An exported model loads in a fresh process by the lines that its card documents, and an export replaces nothing."""

import errno
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from disk_faults import failing
from PIL import Image
from safetensors.torch import load_file
from samples import picture
from tiny_studies import same

from satkit.analysis.whole_images import Preparation, predict_image
from satkit.data.batches import to_input
from satkit.data.transforms import CentreCrop, resize_image
from satkit.experiments.model_card import card
from satkit.experiments.model_export import FILES, export_model
from satkit.experiments.model_places import find_model
from satkit.experiments.shared_models import open_exported
from satkit.models import build_segmenter
from satkit.utils.assets import source_path
from satkit.utils.errors import UsageError
from satkit.utils.files import read_json

KEEP = """
import numpy
numpy.savez("out.npz", **{name: numpy.asarray(globals()[name]) for name in ("logits", "labels") if name in globals()})
"""


@pytest.fixture
def model():
    """SATS of the kit after its last step."""
    return find_model("sats")


def documented(readme):
    """The lines of Python of a model card, one text for each example."""
    return re.findall(r"```python\n(.*?)```", readme, re.DOTALL)


def run_alone(lines, folder):
    """What lines of a card compute, in a process of their own that is started in the folder of the model."""
    command = [sys.executable, "-c", lines + KEEP]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={**os.environ, **source_path(os.environ)}
    )
    assert done.returncode == 0, done.stderr
    with np.load(folder / "out.npz") as found:
        return dict(found), done.stdout


def test_the_files_are_what_hubs_and_other_programs_read(model, tmp_path):
    folder = export_model(model, tmp_path / "deep" / "model", "mit")
    assert {path.name for path in folder.iterdir()} == set(FILES)
    network = build_segmenter(**read_json(folder / "config.json")["model"])
    weights = load_file(folder / "model.safetensors")
    network.load_state_dict(weights)
    assert same(weights, model.network.state_dict())
    assert {str(value.dtype) for value in weights.values()} <= {"torch.float32", "torch.int64"}
    assert (folder / "README.md").read_text(encoding="utf-8") == card(open_exported(folder).about, "mit")


def test_the_documented_lines_compute_the_logits_of_the_run_in_a_fresh_process(model, tmp_path):
    folder, image = export_model(model, tmp_path / "model"), picture(7, (64, 96))
    Image.fromarray(image).save(folder / "image.png")
    with_satkit, with_safetensors = documented((folder / "README.md").read_text(encoding="utf-8"))
    network = find_model("sats").network
    with torch.no_grad():
        expected = network(to_input(torch.from_numpy(image)[None]))
    plain, said = run_alone(with_safetensors, folder)
    np.testing.assert_allclose(plain["logits"], expected.logits[0].numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(plain["labels"], expected.classes()[0].numpy())
    assert "'background'" in said
    found, same_said = run_alone(with_satkit, folder)
    np.testing.assert_array_equal(found["labels"], expected.classes()[0].numpy())
    assert same_said == said


def test_the_lines_of_a_model_that_was_evaluated_on_resized_images_resize_them(model, tmp_path):
    about = {**model.about, "preprocessing": {**model.about["preprocessing"], "evaluation": "centre"}}
    folder, image = export_model(model, tmp_path / "model"), picture(8, (100, 100))
    Image.fromarray(image).save(folder / "image.png")
    lines = documented(card(about))[1]
    assert "resize" in lines
    assert "resize" not in documented(card(model.about))[1]
    found, _ = run_alone(lines, folder)
    resized = resize_image(image, *CentreCrop(64).resized(100, 100))
    np.testing.assert_array_equal(found["labels"], predict_image(model.network, resized, Preparation("full", 64)))


def test_a_folder_that_holds_something_is_refused_and_left_as_it_is(model, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="must be empty or new, and it holds something. Nothing was written."):
        export_model(model, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    for wrong in (tmp_path / "notes.txt", tmp_path / "notes.txt" / "below"):
        with pytest.raises(UsageError, match="but .*notes.txt is a file"):
            export_model(model, wrong)
    with pytest.raises(UsageError, match="got no name of one"):
        export_model(model, "")


def test_an_empty_folder_will_do(model, tmp_path):
    (tmp_path / "model").mkdir()
    assert open_exported(export_model(model, tmp_path / "model")).about["step"] == 1


@pytest.mark.parametrize("operation", ["write", "fsync", "rename"])
@pytest.mark.parametrize("name", FILES)
def test_where_the_disk_fails_nothing_is_left(model, tmp_path, operation, name):
    with failing(tmp_path, operation, name, errno.ENOSPC) as hits, pytest.raises(OSError, match="No space"):
        export_model(model, tmp_path / "new" / "model")
    assert hits
    assert list(tmp_path.iterdir()) == []


def test_a_licence_in_two_lines_is_refused_before_anything_is_written(model, tmp_path):
    with pytest.raises(UsageError, match="--license must be one line of text"):
        export_model(model, tmp_path / "model", "mit\nlicense: other")
    assert not (tmp_path / "model").exists()
