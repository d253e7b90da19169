"""A grid expanded: every combination once, values read as their parameters declare, what is wrong in one sentence."""

import pytest

from satkit.notebooks.parameters import Parameter
from satkit.studies.grid import MOST, expand
from satkit.utils.errors import UsageError

DECLARED = {
    "seed": Parameter("seed", "int", 0, ""),
    "rate": Parameter("rate", "float", 0.1, ""),
    "task": Parameter("task", "str", "", ""),
    "strategy": Parameter("strategy", "str", "sats", ""),
    "steps": Parameter("steps", "list", [1], ""),
    "resume": Parameter("resume", "bool", True, ""),
}


def grid(*options, fixed=None, file=""):
    return expand(DECLARED, "train", fixed or {}, options, str(file))


def test_there_is_a_run_for_every_combination_and_the_last_name_changes_first():
    assert grid("strategy=sats,mib+attention", "seed=0-2") == [
        {"strategy": strategy, "seed": seed} for strategy in ("sats", "mib+attention") for seed in (0, 1, 2)
    ]


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("seed=3", [3]),
        ("seed=0-1,7", [0, 1, 7]),
        ("seed=-2--1", [-2, -1]),
        ("seed=-1", [-1]),
        ("task=15-5, 15-1", ["15-5", "15-1"]),
        ("rate=1,0.5,1e-3", [1.0, 0.5, 0.001]),
        ("resume=true,false", [True, False]),
    ],
)
def test_values_are_read_as_their_parameter_declares(option, values):
    name = option.partition("=")[0]
    found = [run[name] for run in grid(option)]
    assert found == values
    assert [type(each) for each in found] == [type(each) for each in values]


def test_what_is_the_same_in_every_run_stands_first():
    assert grid("seed=0,1", fixed={"task": "15-1"}) == [{"task": "15-1", "seed": 0}, {"task": "15-1", "seed": 1}]
    assert grid(fixed={"seed": 3}) == [{"seed": 3}]
    assert grid() == [{}]


def test_a_file_holds_values_with_commas_single_values_and_ranges(tmp_path):
    file = tmp_path / "grid.yaml"
    file.write_text("strategy: sats\nsteps: [[1, 2], [3]]\nseed: [0-1, 5]\nrate: [1e-3]\n")
    assert [(run["steps"], run["seed"], run["rate"]) for run in grid(file=file)] == [
        (steps, seed, 0.001) for steps in ([1, 2], [3]) for seed in (0, 1, 5)
    ]
    file.write_text("steps: [1, 2]\n")
    assert grid(file=file) == [{"steps": [1, 2]}]


def test_a_list_of_maps_is_several_grids_each_combined_with_the_options(tmp_path):
    file = tmp_path / "grid.yaml"
    file.write_text("- {strategy: [sats, mib], task: 15-5}\n- {strategy: joint}\n")
    assert grid("seed=0,1", file=file) == [
        {"strategy": "sats", "task": "15-5", "seed": 0},
        {"strategy": "sats", "task": "15-5", "seed": 1},
        {"strategy": "mib", "task": "15-5", "seed": 0},
        {"strategy": "mib", "task": "15-5", "seed": 1},
        {"strategy": "joint", "seed": 0},
        {"strategy": "joint", "seed": 1},
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["sede=1"], "Unknown parameter 'sede'. Did you mean 'seed'?"),
        (["seed="], "--grid seed=: the value is empty."),
        (["seed=1,,2"], "--grid seed=1,,2: value 2 is empty."),
        (["seed"], "--grid takes name=values, as in seed=0-4"),
        (["seed=1", "seed=2"], "Parameter 'seed' is given more than once."),
        (["seed=4-0"], "A range of 'seed' must go upwards"),
        (["seed=one"], "Parameter 'seed' must be of type int, got 'one'"),
        (["steps=1,2"], "A value of 'steps' holds commas itself"),
        ([f"seed=1-{MOST}", "resume=true,false"], f"A grid can have at most {MOST} runs"),
    ],
)
def test_what_is_no_grid_is_refused(options, said):
    with pytest.raises(UsageError) as error:
        grid(*options)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sede: [1]", "Unknown parameter 'sede'. Did you mean 'seed'?"),
        ("seed: []", "'seed' has an empty value"),
        ("seed:", "'seed' has an empty value"),
        ("seed: [1, null]", "'seed' has an empty value"),
        ("seed: [true]", "Parameter 'seed' must be of type int, got True"),
        ("[1, 2]", "but a grid file maps names to lists of values"),
        ("", "holds None, but a grid file maps"),
        ("seed: [1", "is no YAML"),
        ("!!python/object/apply:os.system [ls]", "is no YAML"),
        ("task: [2001-01-01]", "Parameter 'task' must be of type str"),
    ],
)
def test_what_is_no_grid_file_is_refused(tmp_path, text, said):
    (tmp_path / "g.yaml").write_text(text)
    with pytest.raises(UsageError) as error:
        grid(file=tmp_path / "g.yaml")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_name_in_two_places_and_a_file_that_is_missing_are_refused(tmp_path):
    (tmp_path / "g.yaml").write_text("seed: [1]")
    for options in (dict(fixed={"seed": 2}), dict(fixed={}, file=tmp_path / "missing.yaml")):
        with pytest.raises(UsageError, match="'seed' is given more than once|There is no grid file"):
            grid("seed=1", **options)
    with pytest.raises(UsageError, match="'seed' is given more than once"):
        grid("seed=1", file=tmp_path / "g.yaml")
