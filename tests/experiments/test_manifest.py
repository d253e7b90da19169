"""The manifest of a step tells its own files from damaged ones and from those of other steps and runs."""

import json
import shutil

import pytest
from run_files import CONFIG, changed, finish_step

from satkit.experiments.manifest import FILES
from satkit.experiments.run_folder import Run
from satkit.utils.files import DamagedFile


@pytest.fixture
def run(tmp_path):
    """A run with two finished steps."""
    run = Run.create(tmp_path / "run", CONFIG)
    for step in (0, 1):
        run.write_history(step, [{"step": step, "iteration": 1, "lr": 0.1, "total": 1.0}])
        finish_step(run, step)
    return run


@pytest.fixture
def other(tmp_path):
    """A run of another seed with two finished steps."""
    other = Run.create(tmp_path / "other", changed(seed=1))
    for step in (0, 1):
        other.write_history(step, [{"step": step, "iteration": 1, "lr": 0.2, "total": 2.0}])
        finish_step(other, step, counts=(2,))
    return other


def test_it_holds_the_hash_of_every_file_and_what_they_belong_to(run):
    manifest = run.manifest(1)
    assert set(manifest.files) == set(FILES)
    assert (manifest.step, manifest.strategy, len(manifest.config)) == (1, "SATS", 12)
    assert manifest.teacher == run.manifest(0).files["model.safetensors"]
    assert manifest.damaged(run.step_folder(1)) == []


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_step_or_run_is_refused_like_a_damaged_one(run, other, name):
    for place in (run.step_folder(0), other.step_folder(1)):
        kept = (run.step_folder(1) / name).read_bytes()
        if (place / name).read_bytes() == kept:
            continue  # equal scores are the same scores
        shutil.copy(place / name, run.step_folder(1) / name)
        with pytest.raises(DamagedFile, match=rf"{name} is damaged, or of another step"):
            run.file(1, name)
        assert run.manifest(1).damaged(run.step_folder(1)) == [name]
        (run.step_folder(1) / name).write_bytes(kept)
    assert run.file(1, name).exists()


def test_a_file_that_is_missing_is_named(run):
    (run.step_folder(1) / "model.safetensors").unlink()
    with pytest.raises(DamagedFile, match=r"model\.safetensors is missing"):
        run.load_model(1)


def test_the_folder_of_another_step_is_refused(run):
    shutil.rmtree(run.step_folder(1))
    shutil.copytree(run.step_folder(0), run.step_folder(1))
    with pytest.raises(DamagedFile, match=r"belongs to step 0 of SATS .*, not to step 1 of SATS"):
        run.load_model(1)


def test_the_folder_of_another_run_is_refused(run, other):
    shutil.rmtree(run.step_folder(1))
    shutil.copytree(other.step_folder(1), run.step_folder(1))
    with pytest.raises(DamagedFile, match=r"belongs to step 1 of SATS \(configuration \w+\), not to step 1 of SATS"):
        run.load_model(1)


def test_a_step_that_was_trained_from_another_teacher_is_refused(run):
    shutil.rmtree(run.step_folder(0))
    finish_step(run, 0, counts=(2,))
    with pytest.raises(DamagedFile, match="was trained from other weights of step 0 than are there now"):
        run.load_model(1)


def test_a_manifest_with_other_entries_is_refused(run):
    path = run.step_folder(0) / "manifest.json"
    values = json.loads(path.read_text())
    for damaged in ({**values, "step": 1}, {}, {**values, "files": {}}):
        path.write_text(json.dumps(damaged))
        with pytest.raises(DamagedFile, match=r"manifest\.json is damaged"):
            run.load_model(0)
