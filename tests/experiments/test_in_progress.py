"""Two checkpoints of a step are kept, each with what it belongs to and what was logged until then."""

import pytest
import torch
from run_files import CONFIG, changed, row

from satkit.experiments.in_progress import forget_progress, load_in_progress, newest_checkpoint, save_checkpoint
from satkit.experiments.run_folder import Run
from satkit.utils.files import DamagedFile

CPU = torch.device("cpu")


@pytest.fixture
def run(tmp_path):
    run = Run.create(tmp_path / "run", CONFIG)
    for iteration in (1, 2, 3):
        rows = [row(1, each, unkd=0.5, attention=1 / 3) for each in range(1, iteration + 1)]
        save_checkpoint(run, 1, {"iteration": torch.tensor(iteration)}, rows, CPU)
    return run


def test_the_newest_is_gone_on_from_with_its_rows_in_their_order(run):
    found = newest_checkpoint(run, 1)
    assert (found.iteration, len(found.rows)) == (3, 3)
    assert list(found.rows[0]) == ["step", "iteration", "lr", "unkd", "attention", "total"]
    assert found.rows[2] == row(1, 3, unkd=0.5, attention=1 / 3)
    assert found.machine["torch"] == torch.__version__


def test_where_the_newest_is_gone_the_one_before_is_gone_on_from(run):
    (run.step_folder(1) / "checkpoint.safetensors").unlink()  # killed between renaming the old and writing the new
    assert newest_checkpoint(run, 1).iteration == 2


def test_a_step_without_checkpoints_has_none_without_a_word(run, recwarn):
    assert newest_checkpoint(run, 0) is None
    forget_progress(run, 1)
    assert newest_checkpoint(run, 1) is None
    assert not recwarn.list


@pytest.mark.parametrize("step", [0, 1])
def test_one_of_another_step_or_run_is_refused(run, tmp_path, step):
    other = Run.create(tmp_path / "other", CONFIG if step == 0 else changed(seed=1))
    other.step_folder(step).mkdir(parents=True)
    source = run.step_folder(1) / "checkpoint.safetensors"
    (other.step_folder(step) / "checkpoint.safetensors").write_bytes(source.read_bytes())
    with pytest.raises(DamagedFile, match=r"belongs to step 1 of SATS .*, not to step"):
        load_in_progress(other, step, "checkpoint.safetensors")
