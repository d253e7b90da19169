"""A run continues what it holds, refuses what it does not, and never loses a finished step."""

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

import satkit
from satkit.experiments.run_folder import Run, RunBusy, differences, run_folder, runs_root
from satkit.models import build_segmenter
from satkit.strategies.step_state import StepState
from satkit.utils.errors import UsageError
from satkit.utils.files import CheckpointError

CONFIG = {
    "data": "scenes",
    "seed": 0,
    "order": (1, 2, 3),
    "strategy": {
        "name": "SATS",
        "terms": [{"kind": "CrossEntropy"}],
        "classifier": {"kind": "BackgroundInit"},
    },
    "machine": {"torch": "2.13.0", "threads": 2},
}
CONFUSION = np.array([[5, 1, 0], [0, 3, 0], [1, 0, 4]])


def changed(**settings):
    return {**CONFIG, **settings}


def tiny_model(counts=(3,), seed=0):
    torch.manual_seed(seed)
    return build_segmenter("mit_quick", counts, decoder_width=16).eval()


def finish_step(run, step, counts=(3,), state=None):
    model = tiny_model(counts, seed=step)
    run.save_step(step, model, CONFUSION, {"old": 0.5, "new": float("nan")}, state or StepState())
    return model


def row(step, iteration, **losses):
    return {"step": step, "iteration": iteration, "lr": 1e-3, **losses, "total": sum(losses.values())}


def everything_in(folder):
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


class TestNames:
    def test_a_name_is_a_folder_among_the_runs(self, tmp_path, monkeypatch):
        monkeypatch.setenv("SATKIT_RUNS", str(tmp_path))
        assert run_folder("voc-15-5_seed0+a.b") == tmp_path / "voc-15-5_seed0+a.b"
        assert run_folder("mine", root=tmp_path / "other") == tmp_path / "other" / "mine"

    @pytest.mark.parametrize("name", ["", " ", "a b", "-x", "_x", "a\n", "a;b", "ä", "x" * 81, "$HOME", "a:b", "*"])
    def test_a_name_that_could_mean_something_else_is_refused(self, name, tmp_path):
        with pytest.raises(UsageError, match=r"must begin with a letter or digit .* got "):
            run_folder(name, root=tmp_path)

    def test_a_path_stays_the_path_it_is_and_never_lands_among_the_runs(self, tmp_path, monkeypatch):
        working = tmp_path / "working"
        working.mkdir()
        monkeypatch.chdir(working)
        runs = tmp_path / "runs"
        assert run_folder(tmp_path / "a" / "b", root=runs) == tmp_path / "a" / "b"
        assert run_folder("../x", root=runs) == tmp_path / "x"
        assert run_folder("a/b", root=runs) == working / "a" / "b"
        assert run_folder("./a", root=runs) == working / "a"
        assert run_folder("~/a", root=runs) == Path.home() / "a"

    def test_runs_live_in_the_working_directory_or_beside_the_notebooks(self, tmp_path, monkeypatch):
        monkeypatch.delenv("SATKIT_RUNS")
        (tmp_path / "notebooks").mkdir()
        monkeypatch.chdir(tmp_path)
        assert runs_root() == tmp_path / "runs"
        monkeypatch.chdir(tmp_path / "notebooks")
        assert runs_root() == tmp_path / "runs"


class TestConfiguration:
    def test_a_new_run_writes_its_configuration(self, tmp_path):
        run = Run.create(tmp_path / "study" / "sats", CONFIG)
        assert json.loads((tmp_path / "study" / "sats" / "config.json").read_text()) == run.config
        assert run.config == {**CONFIG, "order": [1, 2, 3]}
        assert run.name == "sats"

    def test_the_same_configuration_continues_the_run(self, tmp_path):
        finish_step(Run.create(tmp_path, CONFIG), 0)
        before = everything_in(tmp_path)
        run = Run.create(tmp_path, CONFIG)
        assert run.steps_done() == 1
        assert {path: before.get(path, data) for path, data in everything_in(tmp_path).items()} == everything_in(
            tmp_path
        )

    def test_another_machine_continues_the_run_and_leaves_the_first_ones_record(self, tmp_path):
        Run.create(tmp_path, CONFIG)
        run = Run.create(tmp_path, changed(machine={"torch": "2.14.0", "threads": 64}))
        assert run.config["machine"] == CONFIG["machine"]

    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            (changed(seed=1), r"seed: 0 there, 1 asked for"),
            (changed(order=(2, 1, 3)), r"order: \[1, 2, 3\] there, \[2, 1, 3\] asked for"),
            (
                changed(strategy={**CONFIG["strategy"], "name": "MiB"}),
                r"strategy\.name: 'SATS' there, 'MiB' asked for",
            ),
            (changed(backbone="mit_b2"), r"backbone: None there, 'mit_b2' asked for"),
            ({key: CONFIG[key] for key in CONFIG if key != "data"}, r"data: 'scenes' there, None asked for"),
        ],
    )
    def test_another_configuration_is_refused_and_nothing_is_overwritten(self, tmp_path, asked, said):
        finish_step(Run.create(tmp_path, CONFIG), 0)
        before = everything_in(tmp_path)
        with pytest.raises(UsageError, match=said) as caught:
            Run.create(tmp_path, asked)
        assert str(tmp_path) in str(caught.value)
        after = everything_in(tmp_path)
        assert {path: data for path, data in after.items() if path in before} == before

    def test_a_folder_without_a_run_is_named(self, tmp_path):
        with pytest.raises(UsageError, match=r"no run in .*nothing: config\.json is missing"):
            Run.open(tmp_path / "nothing")

    def test_differences_are_named_to_their_depth(self):
        there = {"a": {"b": {"c": 1, "d": 2}}, "e": 3, "machine": {"threads": 1}}
        asked = {"a": {"b": {"c": 1, "d": 4}}, "f": 5, "machine": {"threads": 2}}
        assert differences(there, asked) == [("a.b.d", 2, 4), ("e", 3, None), ("f", None, 5)]

    def test_a_tuple_and_a_list_are_the_same_setting(self):
        assert differences({"scale": [0.5, 2.0]}, {"scale": (0.5, 2.0)}) == []

    def test_only_the_outermost_machine_is_left_out_of_the_comparison(self):
        assert differences({"a": {"machine": 1}}, {"a": {"machine": 2}}) == [("a.machine", 1, 2)]


class TestTemporaries:
    def leftover(self, run):
        folder = run.step_folder(1)
        folder.mkdir(parents=True)
        stale = [run.folder / "history.csv.tmp-1-abc", folder / "model.safetensors.tmp-1-abc"]
        for path in stale:
            path.write_text("half")
        return stale

    def test_what_a_killed_process_left_behind_is_removed_on_opening(self, tmp_path):
        run = Run.create(tmp_path, CONFIG)
        finish_step(run, 0)
        stale = self.leftover(run)
        kept = [path for path in everything_in(tmp_path) if path not in stale]
        Run.open(tmp_path)
        assert not any(path.exists() for path in stale)
        assert all(path.exists() for path in kept)

    def test_opening_a_run_to_look_at_it_leaves_the_files_of_a_writing_process_alone(self, tmp_path):
        run = Run.create(tmp_path, CONFIG)
        with run.writing():
            being_written = self.leftover(run)
            Run.open(tmp_path)
            assert all(path.exists() for path in being_written)


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
        assert len(manifest["model.safetensors"]) == 64
        assert manifest["segmenter"]["backbone"] == "mit_quick"
        assert b"fitted.thresholds" in (run.step_folder(0) / "model.safetensors").read_bytes()
        run.load_model(0)  # and does not get into its way

    def test_the_metrics_are_written_last(self, tmp_path, monkeypatch):
        run = Run.create(tmp_path, CONFIG)
        order, replace = [], os.replace
        monkeypatch.setattr("satkit.utils.files.os.replace", lambda a, b: (order.append(Path(b).name), replace(a, b)))
        finish_step(run, 0)
        assert order == ["model.safetensors", "manifest.json", "confusion.npy", "metrics.json"]

    def test_a_step_is_done_when_its_metrics_are_there(self, tmp_path, monkeypatch):
        run = Run.create(tmp_path, CONFIG)
        replace = os.replace

        def die_before_the_metrics(source, target):
            if Path(target).name == "metrics.json":
                raise KeyboardInterrupt
            replace(source, target)

        monkeypatch.setattr("satkit.utils.files.os.replace", die_before_the_metrics)
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

    def test_damaged_weights_are_noticed_and_deleting_them_reopens_the_step(self, tmp_path):
        run = Run.create(tmp_path, CONFIG)
        finish_step(run, 0)
        path = run.step_folder(0) / "model.safetensors"
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        with pytest.raises(CheckpointError, match="Delete it and train the step again"):
            run.load_model(0)
        path.unlink()  # as the message says
        assert not run.is_done(0)

    def test_a_finished_step_takes_its_checkpoint_away(self, tmp_path):
        run = Run.create(tmp_path, CONFIG)
        assert run.load_checkpoint(0) is None
        run.save_checkpoint(0, {"iteration": torch.tensor(3)})
        assert run.load_checkpoint(0)["iteration"] == 3
        assert not run.is_done(0)
        finish_step(run, 0)
        assert run.load_checkpoint(0) is None


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
        with pytest.raises(CheckpointError, match="is damaged"):
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


HOLD = """
import sys
from satkit.utils.files import try_lock
with open(sys.argv[1], "a+") as lock:
    assert try_lock(lock)
    print("writing", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process_writing(folder):
    command = [sys.executable, "-c", HOLD, str(folder / ".lock")]
    environment = {**os.environ, "PYTHONPATH": str(Path(satkit.__file__).parents[1])}
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    with subprocess.Popen(command, **pipes) as holder:
        assert holder.stdout.readline() == "writing\n"
        yield holder
        holder.kill()


def test_only_one_process_writes_into_a_run_until_it_ends(tmp_path):
    run = Run.create(tmp_path, CONFIG)
    with another_process_writing(tmp_path) as holder:
        with (
            pytest.raises(RunBusy, match="Another process is writing into"),
            run.writing(patience=0),
        ):
            pytest.fail("Nobody may write now.")
        assert Run.open(tmp_path).steps_done() == 0  # looking is always possible
        threading.Timer(0.3, holder.kill).start()
        with run.writing(patience=60):  # waits for the other to end, however it ends
            assert holder.wait(timeout=60) != 0
