"""A strategy trained without notebooks: by one process as by a study, and by several as by one."""

import os
import re
import sys

import kill_harness
import numpy as np
import pytest
import together
from several import ended, preset, started
from tiny_studies import learn, same_outcome

from satkit.experiments.presets import PRESETS
from satkit.experiments.run_folder import Run
from satkit.strategies import STRATEGIES
from satkit.studies import train as trains
from satkit.studies.overview import overview
from satkit.studies.report import write_report
from satkit.studies.train import train
from satkit.utils.errors import UsageError

GIVEN = {"preset": "tiny"}
TELLING = ["sats", "mib", "sdr", "ewc", "sats+memory=10", "ssul"]


def runs_of(folder):
    return {path.parent.name: Run.open(path.parent) for path in sorted(folder.glob("*/config.json"))}


@pytest.mark.usefixtures("tiny")
class TestAlone:
    def test_the_runs_are_those_of_a_study_and_what_reads_studies_reads_them(self, tmp_path, capsys):
        train(tmp_path / "one", GIVEN, "sats")
        said = capsys.readouterr().out
        found = runs_of(tmp_path / "one")
        for run in learn(tmp_path / "other", ("sats",)):
            assert same_outcome(found[run.name], run)
        assert said.startswith(f"Training SATS in {tmp_path / 'one'}\n")
        assert "scenes 15-5 overlapped, preset tiny, seed 0" in said
        assert (
            f"Run: {tmp_path / 'one' / 'sats'}\nFigures: satkit study --study {tmp_path / 'one'} --strategies sats\n"
            in said
        )
        assert "one  (finished)" in overview(tmp_path)
        assert "SATS" in write_report(tmp_path / "one").read_text(encoding="utf-8")

    def test_another_strategy_takes_the_same_base_step_and_joins_the_table(self, tmp_path, capsys):
        train(tmp_path / "one", GIVEN, "sats")
        before = (tmp_path / "one" / "base" / "steps" / "0" / "manifest.json").read_bytes()
        train(tmp_path / "one", {}, "joint")
        assert (tmp_path / "one" / "base" / "steps" / "0" / "manifest.json").read_bytes() == before
        table = capsys.readouterr().out.split("Training joint")[1]
        assert {line.split()[0] for line in table.splitlines() if line.startswith(("SATS", "joint"))} == {
            "SATS",
            "joint",
        }

    def test_run_again_it_trains_nothing(self, tmp_path, monkeypatch):
        train(tmp_path / "one", GIVEN, "sats")
        monkeypatch.setattr("satkit.experiments.experiment.train_step", lambda *_, **__: pytest.fail("all is trained"))
        train(tmp_path / "one", GIVEN, "sats")

    def test_more_processes_than_images_in_a_batch_are_refused_before_anything_is_written(self, tmp_path, monkeypatch):
        monkeypatch.setattr(trains, "started_processes", lambda: 5)
        said = r"needs an image of each batch, but 5 processes were started for batches of 4 images\. Start at most 4\."
        with pytest.raises(UsageError, match=said):
            train(tmp_path / "one", GIVEN, "sats")
        assert not (tmp_path / "one").exists()


def compared(one, several, relative=1e-5, scores=True):
    """The runs of two trainings: equal loss curves, and equal confusion matrices after every step.

    Args:
        relative: What a term may differ by, as a share of the whole loss.
        scores: Whether the confusion matrices are compared.
    """
    assert one.keys() == several.keys()
    for name, run in one.items():
        for step in range(run.steps_done()):
            mine, other = (each[name].table(step) for each in (one, several))
            assert mine.keys() == other.keys()
            for key, values in mine.items():
                difference = np.abs(np.subtract(other[key], values)) / mine["total"]
                assert difference.max() <= relative, (name, step, key)
            if scores:
                assert np.array_equal(run.load_confusion(step), several[name].load_confusion(step)), (name, step)
        assert several[name].steps_done() == run.steps_done() > 0
        assert several[name].manifest(0).machine["processes"] > 1


def trained(folder, strategies, count, **options):
    """The runs of a training by so many processes."""
    code, said = ended(started(folder, strategies, count, **options))
    assert code == 0, said
    PRESETS["scenes"]["tiny"] = preset(**options)
    try:
        return runs_of(folder)
    finally:
        del PRESETS["scenes"]["tiny"]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="processes are forked, as on POSIX")
def test_two_trainings_in_one_study_train_what_both_need_once(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    both = together.together(together.training, tmp_path / "study")
    assert sorted(step for done in both for step in done.result) == [0, 1], [done.said for done in both]
    assert kill_harness.problems(tmp_path / "study") == []
    assert Run.open(tmp_path / "study" / "sats").result() is not None


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path):
    one, two = (trained(tmp_path / str(count), TELLING, count, iterations=6) for count in (1, 2))
    compared(one, two)


@pytest.mark.full
@pytest.mark.parametrize("count", [2, 3])
def test_two_and_three_processes_train_every_strategy_as_one(tmp_path, count):
    strategies = [*STRATEGIES, "sats+memory=10", "mib+attention+fusion", "plop+ewc", "ssul+memory=10"]
    one, several = (trained(tmp_path / str(number), strategies, number, iterations=20) for number in (1, count))
    compared(one, several)


@pytest.mark.full
def test_the_best_weights_are_those_of_one_process(tmp_path):
    given = {"protocol": "sats,selection=validation"}
    one, two = (trained(tmp_path / str(count), ["sats"], count, iterations=10, given=given) for count in (1, 2))
    compared(one, two)
    assert one["sats"].load_state(1).best_iteration == two["sats"].load_state(1).best_iteration


@pytest.mark.full
def test_forward_passes_in_fewer_bits_are_those_of_one_process_within_these_bits(tmp_path):
    given = {"autocast": "bfloat16"}
    one, two = (trained(tmp_path / str(count), ["sats", "sdr"], count, iterations=10, given=given) for count in (1, 2))
    compared(one, two, relative=0.02, scores=False)


@pytest.mark.slow
class TestFaults:
    """Two processes, of which the second meets a fault in the fourth iteration of step 1."""

    AT = [1, 3]

    def faulty(self, folder, **fault):
        code, said = ended(started(folder, ["sats"], 2, iterations=6, **fault))
        assert code != 0
        assert "does not answer" not in said, "it was not waited for until the time is over"
        return said

    def test_an_exception_ends_both_with_its_own_traceback_first(self, tmp_path):
        said = self.faulty(tmp_path / "study", fault="an exception", at=self.AT)
        order = ("RuntimeError: This was planted in process 1.", "satkit, process 0: ", "Root Cause")
        assert sorted(map(said.index, order)) == [said.index(each) for each in order]
        assert said.count("Traceback") == 2  # its own, and torchrun's

    def test_undefined_images_of_one_process_stop_all_in_the_same_iteration(self, tmp_path):
        said = self.faulty(tmp_path / "study", fault="undefined images", at=self.AT)
        (own,) = [line for line in said.splitlines() if line.startswith("satkit")]
        assert own.startswith("satkit, process 0: The images must hold finite numbers, but those of this batch do not.")
        assert "at step 1, iteration 4 (cross-entropy = nan" in own
        assert len(own.split("The images of this batch: ")[1].split(", ")) == 4
        assert Run.open(tmp_path / "study" / "sats").steps_done() == 1

    def test_a_killed_process_ends_the_other_and_a_resume_is_equal_to_an_undisturbed_training(self, tmp_path):
        said = self.faulty(tmp_path / "study", fault="a kill", at=self.AT)
        assert re.search("satkit, process 0: (Another process of this training has ended|Terminated)", said)
        assert (tmp_path / "study" / "sats" / "steps" / "1" / "checkpoint.safetensors").exists()
        killed = trained(tmp_path / "study", ["sats"], 2, iterations=6)
        undisturbed = trained(tmp_path / "undisturbed", ["sats"], 2, iterations=6)
        assert all(same_outcome(killed[name], run) for name, run in undisturbed.items())
        assert not list((tmp_path / "study").rglob("checkpoint*"))

    def test_another_configuration_of_one_process_is_one_sentence_before_anything_is_written(self, tmp_path):
        said = self.faulty(tmp_path / "study", given={"seed": 1}, only=1)
        (own,) = [line for line in said.splitlines() if line.startswith("satkit")]
        assert own.startswith("satkit, process 0: All processes must train the same, but seed is 0 in process 0 and")
        assert said.count("exitcode  : 2 ") >= 1
        assert not (tmp_path / "study").exists()

    @pytest.mark.full
    def test_a_signal_to_one_process_stops_both_after_the_same_iteration_with_a_checkpoint(self, tmp_path):
        said = self.faulty(tmp_path / "study", fault="a signal", at=self.AT)
        assert "stopped at 4 of 6" in said
        assert "satkit, process 0: Terminated. What was finished is kept" in said
        assert "process 1:" not in said
        resumed = trained(tmp_path / "study", ["sats"], 2, iterations=6)
        undisturbed = trained(tmp_path / "undisturbed", ["sats"], 2, iterations=6)
        assert all(same_outcome(resumed[name], run) for name, run in undisturbed.items())
