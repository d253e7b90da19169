"""A finished step is never lost: its model, scores, history and result are all there or it is not finished."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from run_files import CONFIG, CONFUSION, everything_in, finish_step, row

from satkit.experiments.in_progress import newest_checkpoint, save_checkpoint
from satkit.experiments.run_folder import Run
from satkit.strategies.step_state import StepState
from satkit.utils.errors import UsageError
from satkit.utils.files import DamagedFile


class TestSteps:
    def test_a_saved_step_is_loaded_bit_for_bit(self, tmp_path):
        run = Run.create(tmp_path, CONFIG)
        model = finish_step(run, 0, counts=(3, 2))
        loaded = Run.open(tmp_path).load_model(0)
        assert not loaded.training
        assert loaded.spec == model.spec
        expected, found = model.state_dict(), loaded.state_dict()
        assert expected.keys() == found.keys()
        assert all(torch.equal(expected[name], found[name]) for name in expected)
        images = torch.randn(1, 3, 32, 32)
        assert torch.equal(loaded(images).logits, model(images).logits)
        np.testing.assert_array_equal(run.load_confusion(0), CONFUSION)
        assert json.loads((run.step_folder(0) / "metrics.json").read_text()) == {"old": 0.5, "new": None}

    def test_what_was_fitted_is_kept_beside_the_model(self, tmp_path):
        run = Run.create(tmp_path, CONFIG)
        finish_step(run, 0, state=StepState({"thresholds": torch.tensor([0.25])}))
        manifest = json.loads((run.step_folder(0) / "manifest.json").read_text())
        assert len(manifest["files"]["model.safetensors"]) == 64
        assert (manifest["step"], manifest["strategy"]) == (0, "SATS")
        assert b"fitted.thresholds" in (run.step_folder(0) / "model.safetensors").read_bytes()
        run.load_model(0)  # and does not get into its way

    def test_the_manifest_is_written_last(self, tmp_path, monkeypatch):
        run = Run.create(tmp_path, CONFIG)
        order, replace = [], os.replace
        monkeypatch.setattr("satkit.utils.files.os.replace", lambda a, b: (order.append(Path(b).name), replace(a, b)))
        finish_step(run, 0)
        assert order == ["model.safetensors", "confusion.npy", "metrics.json", "manifest.json"]

    def test_a_step_is_done_when_its_manifest_is_there(self, tmp_path, monkeypatch):
        run = Run.create(tmp_path, CONFIG)
        replace = os.replace

        def die_before_the_manifest(source, target):
            if Path(target).name == "manifest.json":
                raise KeyboardInterrupt
            replace(source, target)

        monkeypatch.setattr("satkit.utils.files.os.replace", die_before_the_manifest)
        with pytest.raises(KeyboardInterrupt):
            finish_step(run, 0)
        assert not run.is_done(0)
        monkeypatch.undo()
        finish_step(run, 0)
        assert run.is_done(0)

    def test_steps_are_counted_from_the_base_step_on(self, tmp_path):
        run = Run.create(tmp_path, CONFIG)
        assert run.steps_done() == 0
        finish_step(run, 1)
        assert run.steps_done() == 0
        finish_step(run, 0)
        assert run.steps_done() == 2
        assert len(run.confusions()) == 2

    def test_a_step_that_is_not_finished_cannot_be_loaded(self, tmp_path):
        run = Run.create(tmp_path, CONFIG)
        finish_step(run, 0)
        with pytest.raises(UsageError, match=r"Step 1 of .* is not finished; finished are 1 step"):
            run.load_model(1)

    def test_damaged_weights_are_noticed_and_deleting_the_folder_reopens_the_step(self, tmp_path):
        run = Run.create(tmp_path, CONFIG)
        finish_step(run, 0)
        path = run.step_folder(0) / "model.safetensors"
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        with pytest.raises(DamagedFile, match=r"or delete .*steps.0 and the folders of later steps"):
            run.load_model(0)
        shutil.rmtree(run.step_folder(0))  # as the message says
        assert not run.is_done(0)

    def test_a_finished_step_takes_its_checkpoint_away(self, tmp_path):
        run = Run.create(tmp_path, CONFIG)
        assert newest_checkpoint(run, 0) is None
        for iteration in (3, 4):
            save_checkpoint(run, 0, {"iteration": torch.tensor(iteration)}, [], torch.device("cpu"))
        assert newest_checkpoint(run, 0).iteration == 4
        assert not run.is_done(0)
        finish_step(run, 0)
        assert not list(tmp_path.rglob("checkpoint*"))


class TestHistory:
    def test_rewriting_a_step_keeps_the_others(self, tmp_path):
        run = Run.create(tmp_path, CONFIG)
        assert run.history() == []
        run.write_history(1, [row(1, 1, ce=0.5, attention=2.0)])
        run.write_history(0, [row(0, 2, ce=0.25), row(0, 1, ce=0.75)])
        run.write_history(1, [row(1, 1, ce=1.0, attention=3.0), row(1, 2, ce=0.5, attention=2.5)])
        assert run.history() == [
            *(row(0, 1, ce=0.75), row(0, 2, ce=0.25)),
            *(row(1, 1, ce=1.0, attention=3.0), row(1, 2, ce=0.5, attention=2.5)),
        ]
        assert run.history(0) == [row(0, 1, ce=0.75), row(0, 2, ce=0.25)]
        assert run.history(7) == []

    def test_columns_begin_with_where_and_a_missing_term_is_an_empty_cell(self, tmp_path):
        run = Run.create(tmp_path, CONFIG)
        run.write_history(0, [row(0, 1, ce=0.5)])
        run.write_history(1, [row(1, 1, ce=0.5, attention=2.0)])
        lines = (tmp_path / "history.csv").read_text().splitlines()
        assert lines == ["step,iteration,lr,total,ce,attention", "0,1,0.001,0.5,0.5,", "1,1,0.001,2.5,0.5,2"]

    def test_reading_and_writing_again_changes_no_byte(self, tmp_path):
        run = Run.create(tmp_path, CONFIG)
        random = np.random.default_rng(0)
        run.write_history(0, [row(0, i, ce=float(random.random()), unkd=float(random.random())) for i in range(1, 50)])
        before = (tmp_path / "history.csv").read_bytes()
        run.write_history(0, run.history(0))
        assert (tmp_path / "history.csv").read_bytes() == before


class TestResult:
    def test_there_is_no_result_before_finish_and_nan_becomes_null(self, tmp_path):
        run = Run.create(tmp_path, CONFIG)
        assert run.result() is None
        assert run.finish({"all": 0.5, "new": float("nan")}) == {"all": 0.5, "new": None}
        assert Run.open(tmp_path).result() == {"all": 0.5, "new": None}


class TestAdoptingABase:
    def test_model_scores_and_history_are_taken_over(self, tmp_path):
        base, run = Run.create(tmp_path / "base", CONFIG), Run.create(tmp_path / "sats", CONFIG)
        base.write_history(0, [row(0, 1, ce=0.75)])
        base.write_history(1, [row(1, 1, ce=0.5)])
        model = finish_step(base, 0)
        run.adopt_base(base, StepState())
        assert run.steps_done() == 1
        found = run.load_model(0).state_dict()
        assert all(torch.equal(found[name], value) for name, value in model.state_dict().items())
        np.testing.assert_array_equal(run.load_confusion(0), CONFUSION)
        assert run.history() == [row(0, 1, ce=0.75)]
        assert (run.step_folder(0) / "metrics.json").read_bytes() == (base.step_folder(0) / "metrics.json").read_bytes()

    def test_a_base_of_ones_own_is_kept(self, tmp_path):
        base, run = Run.create(tmp_path / "base", CONFIG), Run.create(tmp_path / "sats", CONFIG)
        finish_step(run, 0)
        before = everything_in(run.folder)
        run.adopt_base(base, StepState())  # which has none
        assert everything_in(run.folder) == before

    def test_a_base_that_is_not_finished_is_refused(self, tmp_path):
        base, run = Run.create(tmp_path / "base", CONFIG), Run.create(tmp_path / "sats", CONFIG)
        with pytest.raises(UsageError, match="Step 0 of .*base is not finished"):
            run.adopt_base(base, StepState())
        assert run.steps_done() == 0

    def test_a_damaged_base_is_not_taken_over(self, tmp_path):
        base, run = Run.create(tmp_path / "base", CONFIG), Run.create(tmp_path / "sats", CONFIG)
        finish_step(base, 0)
        path = base.step_folder(0) / "model.safetensors"
        path.write_bytes(path.read_bytes()[:-5])
        with pytest.raises(DamagedFile, match="is damaged"):
            run.adopt_base(base, StepState())
        assert run.steps_done() == 0

    def test_a_base_counts_as_taken_over_only_with_its_history(self, tmp_path, monkeypatch):
        base, run = Run.create(tmp_path / "base", CONFIG), Run.create(tmp_path / "sats", CONFIG)
        base.write_history(0, [row(0, 1, ce=0.75)])
        finish_step(base, 0)

        def die(*arguments):
            raise KeyboardInterrupt

        monkeypatch.setattr(run, "write_history", die)
        with pytest.raises(KeyboardInterrupt):
            run.adopt_base(base, StepState())
        assert not run.is_done(0)
