"""A run of a study in worlds: what its parameters mean, where its base step is, and what is known from elsewhere."""

import math

import pytest

from satkit.studies.attention_grid import SHIFT, WORLDS, Entry
from satkit.studies.drift_study import DriftRuns
from satkit.studies.sweep_run import DONE, SweepRun
from satkit.studies.world_runs import MACHINE, AttentionRuns, keep_done, known_machine, parameters_of
from satkit.utils.errors import UsageError
from satkit.utils.files import write_json

RUNS = AttentionRuns()


def test_the_settings_of_a_world_are_in_the_plan_of_its_runs():
    settings = {name: RUNS.plan({"world": name}).settings for name in WORLDS["scenes"]}
    assert {name: (settings[name].habitat, settings[name].shift) for name in ("habitat", "uniform", "shifted")} == {
        "habitat": (0.75, 0.0),
        "uniform": (0.0, 0.0),
        "shifted": (0.75, SHIFT),
    }
    noise = settings["habitat from noise"]
    assert noise.from_scratch
    assert noise.habitat == 0.75


def test_every_world_has_a_base_step_of_its_own_unless_only_later_steps_differ(tmp_path):
    bases = {name: RUNS.meaning({"world": name}, tmp_path).base for name in WORLDS["scenes"]}
    assert bases["habitat"] == bases["shifted"]
    assert len(set(bases.values())) == len(bases) - 1
    assert RUNS.meaning({"strategy": "joint"}, tmp_path).base is None
    assert RUNS.meaning({"strategy": "ssul"}, tmp_path).base != bases["habitat"]


@pytest.mark.parametrize("kind", [AttentionRuns, DriftRuns])
def test_runs_that_mean_the_same_are_one_and_those_that_differ_are_not(tmp_path, kind):
    runs = kind()
    same = [{}, {"seed": 0, "world": "habitat"}, {"strategy": "sats"}]
    other = [{"seed": 1}, {"world": "uniform"}, {"strategy": "mib"}]
    names = [SweepRun(runs, values, tmp_path).name for values in (*same, *other)]
    assert len(set(names[:3])) == 1
    assert len(set(names)) == 4


def test_an_unknown_world_is_answered_with_the_worlds():
    with pytest.raises(UsageError, match="Unknown world 'unifrom'. Did you mean 'uniform'"):
        RUNS.plan({"world": "unifrom"})


def test_the_root_of_a_data_set_holds_in_every_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert RUNS.everywhere({"root": "camvid"}) == {"root": str(tmp_path / "camvid")}
    assert parameters_of(Entry("mib", "6-5", 1), "camvid", "there") == {
        **{"strategy": "mib", "world": "6-5", "seed": 1},
        **{"data": "camvid", "root": "there"},
    }


def test_a_run_whose_scores_are_known_counts_as_done(tmp_path):
    run = SweepRun(RUNS, {"strategy": "mib"}, tmp_path)
    keep_done(run, {"old": 0.5, "forgetting": math.nan}, 12.0)
    assert (run.state.state, run.state.scores, run.state.seconds) == (DONE, {"old": 0.5, "forgetting": None}, 12.0)


def test_the_machine_is_known_after_the_first_run(tmp_path):
    assert known_machine(tmp_path) == {}
    write_json(tmp_path / MACHINE, {"cores": 2})
    assert known_machine(tmp_path) == {"cores": 2}


def test_only_the_study_of_several_data_sets_takes_one():
    assert {"data", "root"} <= AttentionRuns().declared.keys()
    assert list(DriftRuns().declared) == ["strategy", "world", "seed"]
