"""The runs of a sweep over one weight are taken in order, and those that are missing or differ in more are refused."""

from dataclasses import replace

import pytest

from satkit.studies.sweep import Sweep
from satkit.studies.sweep_run import DONE, FAILED
from satkit.studies.sweep_targets import Training
from satkit.studies.weight_runs import left_out, weight_runs, world_of
from satkit.utils.errors import UsageError

WEIGHTS = {"mib": 0, "mib+attention=2.5": 2.5, "mib+attention": 20}
GRID = [
    {"strategy": strategy, "habitat": habitat, "seed": seed}
    for strategy in reversed(WEIGHTS)
    for habitat in (0.0, 0.75)
    for seed in (1, 0)
]


def swept(folder, grid, left=()):
    """A sweep whose runs count as done, without those that are left."""
    for number, run in enumerate(Sweep(Training(), grid, str(folder)).runs):
        run.write(replace(run.new, state=FAILED if number in left else DONE))
    return folder


def test_runs_are_ordered_by_world_weight_and_seed(tmp_path):
    runs = weight_runs(swept(tmp_path / "all", GRID))
    found = [(run.world, run.weight, run.seed) for run in runs]
    worlds = ("habitat", "uniform")
    assert found == [(world, weight, seed) for world in worlds for weight in (0, 2.5, 20) for seed in (0, 1)]
    for run in runs:
        assert WEIGHTS[run.strategy] == run.weight
        assert run.habitat == {"habitat": 0.75, "uniform": 0.0}[run.world]
    place = tmp_path / "all" / "scenes-15-5-quick-seed1-habitat0"
    assert runs[-1].folder.parent == place
    assert weight_runs(tmp_path / "all", (1,)) == [run for run in runs if run.seed == 1]


def test_a_world_has_its_name_in_the_attention_study():
    assert [world_of(each) for each in (0.75, 0.0, 0.25)] == ["habitat", "uniform", "habitat 0.25"]


def test_runs_that_are_missing_are_named_and_their_seeds_can_be_left_out(tmp_path):
    last = [number for number, values in enumerate(GRID) if values["strategy"] == "mib+attention" and values["seed"]]
    folder = swept(tmp_path / "cut", GRID, left=last)
    said = r"2 of 12 are not, the first of them weight 20 in the habitat world with seed 1.*again, .* with --seeds 0\."
    with pytest.raises(UsageError, match=said):
        weight_runs(folder)
    assert {run.seed for run in weight_runs(folder, (0,))} == {0}
    with pytest.raises(UsageError, match="6 of 6 are not, the first of them weight 0 in the habitat world with seed 7"):
        weight_runs(folder, (7,))
    everything = swept(tmp_path / "none", GRID, left=range(12))
    with pytest.raises(UsageError, match=r"12 of 12 are not, .* Run the sweep again\.$"):
        weight_runs(everything)


def test_strategies_can_be_chosen_and_what_is_left_out_is_known(tmp_path):
    folder = swept(
        tmp_path / "all", GRID, left=[number for number, each in enumerate(GRID) if each["strategy"][-1] == "n"]
    )
    runs = weight_runs(folder, (0,), ("mib", "mib+attention=2.5"))
    assert [(run.weight, run.seed) for run in runs] == [(0, 0), (2.5, 0)] * 2
    rest = left_out(folder, runs)
    assert len(rest) == 12 - 4
    assert rest[-1] == {"strategy": "mib+attention=2.5", "habitat": 0.75, "seed": 1, "state": DONE}
    assert {each["state"] for each in rest if each["strategy"] == "mib+attention"} == {FAILED}
    assert left_out(folder, [*runs, *weight_runs(folder, (1,), ("mib", "mib+attention=2.5"))]) == [
        each for each in rest if each["strategy"] == "mib+attention"
    ]
    with pytest.raises(UsageError, match="Unknown strategy of the sweep 'mib.attention=9'. .* Choose one of: mib"):
        weight_runs(folder, (), ("mib+attention=9",))


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        ([{"strategy": "mib"}, {"strategy": "lwf+attention=5"}], "one strategy with one attention term of several"),
        (
            [{"strategy": "mib+attention=5"}, {"strategy": "mib+attention-old=2"}],
            r"mib\+attention=5 differ in more|old=2",
        ),
        (
            [{"strategy": "mib"}],
            r"must have runs with an attention term, got only mib. Add strategies such as mib\+att",
        ),
        ([{"strategy": "mib"}, {"strategy": "mib", "task": "10-1"}], "seed only, but task is '1[05]-[15]' and '1"),
        ([{"strategy": "mib"}, {"strategy": "mib", "shift": 0.5}], "only, but shift is .* Make a sweep for each"),
        (
            [{"strategy": "sats"}, {"strategy": "pseudo+distillation=20+attention=20"}],
            "one run for each .* got two: strat",
        ),
    ],
)
def test_runs_that_differ_in_more_or_have_no_weight_are_refused(tmp_path, grid, said):
    with pytest.raises(UsageError, match=said):
        weight_runs(swept(tmp_path / "other", grid))


def test_what_is_no_sweep_of_trainings_is_refused(tmp_path):
    with pytest.raises(UsageError, match="must be the folder of a sweep, it holds no runs of one. satkit sweep train"):
        weight_runs(tmp_path)
    folder = swept(tmp_path / "told", [{"strategy": "mib+attention=5"}])
    (run,) = Sweep(Training(), [{"strategy": "mib+attention=5"}], str(folder)).runs
    run.write(replace(run.state, target="told"))
    with pytest.raises(UsageError, match="must be a sweep of trainings, got runs of told"):
        weight_runs(folder)
