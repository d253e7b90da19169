"""A step that was interrupted goes on where it stopped, and ends with the same bits."""

import shutil
import signal
from dataclasses import replace

import pytest
from tiny import SETTINGS
from tiny_studies import Interrupted, learn, opened, same_outcome

from satkit.experiments import checkpoints
from satkit.experiments.in_progress import newest_checkpoint
from satkit.utils.interrupts import HANGUP, Terminated
from satkit.utils.progress import training_progress

OTHER_SEED = replace(SETTINGS, seed=1)
pytestmark = pytest.mark.usefixtures("tiny_preset")


class TestInterruptions:
    @pytest.fixture(autouse=True)
    def _checkpoint_at_every_iteration(self, monkeypatch):
        monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", -1.0)

    def interrupt(self, study, learning, step, at, act):
        def report(iteration):
            if iteration.number == at:
                act()

        opened(study, learning).learn(step, report)

    def stop(self):
        raise Interrupted

    @pytest.mark.parametrize("at", [1, 3])
    def test_an_interrupted_step_goes_on_bit_for_bit(self, tmp_path, undisturbed, at):
        with pytest.raises(Interrupted):
            self.interrupt(tmp_path, "", 0, at, self.stop)
        base = opened(tmp_path).run
        assert newest_checkpoint(base, 0).iteration == at
        self.interrupt(tmp_path, "", 0, None, None)
        with pytest.raises(Interrupted):
            self.interrupt(tmp_path, "sats", 1, at, self.stop)
        base, sats = learn(tmp_path)
        assert same_outcome(base, undisturbed[0])
        assert same_outcome(sats, undisturbed[1])
        assert not list(tmp_path.rglob("checkpoint*"))
        assert not list(tmp_path.rglob("*.tmp-*"))

    def test_only_what_is_left_is_trained(self, tmp_path):
        with pytest.raises(Interrupted):
            self.interrupt(tmp_path, "", 0, 3, self.stop)
        experiment = opened(tmp_path)
        numbers = []
        experiment.learn(0, lambda iteration: numbers.append(iteration.number))
        assert numbers == [4]

    def test_an_interruption_before_the_first_checkpoint_starts_again(self, tmp_path, undisturbed, monkeypatch):
        monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", 3600.0)
        with pytest.raises(Interrupted):
            self.interrupt(tmp_path, "", 0, 2, self.stop)
        assert same_outcome(learn(tmp_path, strategies=())[0], undisturbed[0])

    @pytest.mark.parametrize(
        ("number", "error"),
        [
            (signal.SIGINT, KeyboardInterrupt),
            (signal.SIGTERM, Terminated),
            pytest.param(HANGUP, Terminated, marks=pytest.mark.skipif(HANGUP is None, reason="Windows has none")),
        ],
    )
    def test_a_signal_saves_a_checkpoint_first(self, tmp_path, undisturbed, monkeypatch, number, error):
        monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", 3600.0)
        with pytest.raises(error):
            self.interrupt(tmp_path, "", 0, 2, lambda: signal.raise_signal(number))
        assert newest_checkpoint(opened(tmp_path).run, 0).iteration == 3  # the iteration after the signal is the last
        assert same_outcome(learn(tmp_path, strategies=())[0], undisturbed[0])

    @pytest.mark.parametrize("resumes", [True, False])
    def test_it_says_where_a_signal_has_stopped_it_and_how_it_goes_on(self, tmp_path, capsys, resumes):
        experiment, shown = opened(tmp_path), training_progress(4, "base step", resumes)

        def report(iteration):
            shown(iteration)
            if iteration.number == 2:
                signal.raise_signal(signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            experiment.learn(0, report)
        said = capsys.readouterr().err
        assert newest_checkpoint(experiment.run, 0).iteration == 3
        assert "base step: stopped at 3 of 4, loss" in said
        assert (
            said.endswith("\nA checkpoint is kept; the same cell or command goes on from this iteration.\n") == resumes
        )

    def test_a_signal_in_the_last_iteration_is_not_lost(self, tmp_path, undisturbed):
        with pytest.raises(KeyboardInterrupt):
            self.interrupt(tmp_path, "", 0, 4, lambda: signal.raise_signal(signal.SIGINT))
        assert same_outcome(learn(tmp_path, strategies=())[0], undisturbed[0])

    def stopped_at(self, study, at):
        with pytest.raises(Interrupted):
            self.interrupt(study, "", 0, at, self.stop)
        return study / "base" / "steps" / "0"

    def test_a_step_goes_on_from_the_checkpoint_before_a_damaged_one(self, tmp_path, undisturbed):
        folder = self.stopped_at(tmp_path, 3)
        flip(folder / "checkpoint.safetensors")
        with (
            pytest.warns(UserWarning, match=r"checkpoint\.safetensors is damaged"),
            pytest.warns(UserWarning, match=r"Step 0 goes on from iteration 2\."),
        ):
            (base,) = learn(tmp_path, strategies=())
        assert same_outcome(base, undisturbed[0])

    def test_a_step_without_a_sound_checkpoint_starts_again(self, tmp_path, undisturbed):
        folder = self.stopped_at(tmp_path, 3)
        for path in folder.glob("checkpoint*"):
            flip(path)
        with (
            pytest.warns(UserWarning, match="is damaged"),
            pytest.warns(UserWarning, match="no sound checkpoint. Step 0 starts again from its beginning"),
        ):
            (base,) = learn(tmp_path, strategies=())
        assert same_outcome(base, undisturbed[0])

    def test_a_checkpoint_of_another_step_or_run_is_not_gone_on_from(self, tmp_path, undisturbed):
        folder, other = self.stopped_at(tmp_path / "one", 3), opened(tmp_path / "other", settings=OTHER_SEED)
        with pytest.raises(Interrupted):
            other.learn(0, lambda iteration: self.stop())
        for path in folder.glob("checkpoint*"):
            shutil.copy(other.run.step_folder(0) / "checkpoint.safetensors", path)
        with (
            pytest.warns(UserWarning, match=r"belongs to step 0 of .*, not to step 0 of .*\. It is not used"),
            pytest.warns(UserWarning, match="starts again"),
        ):
            (base,) = learn(tmp_path / "one", strategies=())
        assert same_outcome(base, undisturbed[0])

    def test_the_history_of_a_step_that_goes_on_is_that_of_its_checkpoint(self, tmp_path, undisturbed):
        folder = self.stopped_at(tmp_path, 3)
        (folder / "history.csv").write_text("nonsense")
        assert same_outcome(learn(tmp_path, strategies=())[0], undisturbed[0])

    def test_going_on_with_other_versions_is_said(self, tmp_path, monkeypatch):
        self.stopped_at(tmp_path, 3)
        monkeypatch.setattr("satkit.experiments.experiment.machine", lambda device: {"torch": "9.9"})
        with pytest.warns(UserWarning, match=r"made with torch .* \(now 9\.9\)\. The result is valid, but not equal"):
            learn(tmp_path, strategies=())


def flip(path):
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


class TestSeveralProcesses:
    def test_another_than_the_first_writes_nothing_and_stops_with_the_one_that_is_stopped(self, tmp_path, monkeypatch):
        experiment, numbers = opened(tmp_path), []
        stopped = {1: None, 2: signal.SIGTERM}
        monkeypatch.setattr(checkpoints.processes, "any_signal", lambda own: stopped[len(numbers) + 1])
        monkeypatch.setattr(checkpoints.processes, "is_first", lambda: False)
        monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", -1.0)
        with pytest.raises(Terminated):
            experiment.train(experiment.begin(0), lambda iteration: numbers.append(iteration.number))
        assert numbers == [1, 2]
        assert not list(tmp_path.rglob("checkpoint*"))
        assert not list(tmp_path.rglob("history.csv"))
