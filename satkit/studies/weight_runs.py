"""Which runs of a sweep differ in the weight of an attention term, in world and in seed, and in nothing else.

Only then does a difference between two of them come from the weight. Runs that differ in more, or are missing, are
refused in one sentence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from satkit.experiments.settings import Settings
from satkit.strategies import AttentionTransfer
from satkit.strategies.lookup import find_strategy
from satkit.studies.attention_grid import WORLDS
from satkit.studies.sweep_run import DONE, State, is_sweep, runs_in
from satkit.studies.sweep_targets import TRAIN, Training
from satkit.utils.errors import UsageError, choose, shown

DIFFER = ("strategy", "habitat", "seed")  # in which the runs may differ
USUAL = Settings().habitat
# The habitat of the attention study's worlds that differ in nothing else.
HABITATS = {
    name: changed.get("habitat", USUAL) for name, changed in WORLDS["scenes"].items() if set(changed) <= {"habitat"}
}


@dataclass(frozen=True)
class WeightRun:
    """A finished run.

    Attributes:
        world: As the attention study names it. habitat: Its setting.
        weight: Of the attention term; 0 without one.
        seed: Of everything random.
        strategy: As it was given.
        folder: Of the run, in its study.
    """

    world: str
    habitat: float
    weight: float
    seed: int
    strategy: str
    folder: Path


def weight_runs(folder: Path, seeds: Sequence[int] = (), strategies: Sequence[str] = ()) -> list[WeightRun]:
    """The runs of a sweep by world, weight and seed.

    Args:
        folder: Of the sweep, which is only read.
        seeds: Those to take; all of the sweep if empty.
        strategies: Those to take, as the sweep was given them; all of the sweep if empty.

    Raises:
        UsageError: If there are no runs with an attention term, some are not finished, or they differ in more.
    """
    states = _trainings(folder, strategies)
    weights = _weights(folder, sorted({state.values["strategy"] for state in states}))
    found: dict[tuple, State] = {}
    for state in states:
        key = (state.values["habitat"], weights[state.values["strategy"]], state.values["seed"])
        if key in found:
            raise UsageError(f"{folder} must have one run for each weight, world and seed, got two: {_called(state)}.")
        found[key] = state
    habitats, sizes, all_seeds = (sorted({key[part] for key in found}) for part in range(3))
    habitats.sort(key=lambda each: list(HABITATS.values()).index(each) if each in HABITATS.values() else len(HABITATS))
    wanted = list(product(habitats, sizes, sorted(set(seeds)) or all_seeds))
    _check_finished(folder, found, wanted, all_seeds)
    return [_run(folder, found[key], key) for key in wanted]


def left_out(folder: Path, taken: Sequence[WeightRun]) -> list[dict]:
    """What else was asked for in the sweep: strategy, habitat, seed and state of every run that is not taken."""
    known = {(run.strategy, run.habitat, run.seed) for run in taken}
    rest = [state for state in runs_in(folder).values() if tuple(state.values[name] for name in DIFFER) not in known]
    found = [{name: state.values[name] for name in DIFFER} | {"state": state.state} for state in rest]
    return sorted(found, key=lambda each: [str(each[name]) for name in DIFFER])


def _trainings(folder: Path, strategies: Sequence[str]) -> list[State]:
    """The runs of a sweep of trainings that share all settings but those that may differ."""
    if not is_sweep(folder):
        raise UsageError(
            f"{folder} must be the folder of a sweep, it holds no runs of one. satkit sweep train makes one."
        )
    states = list(runs_in(folder).values())
    if others := {state.target for state in states} - {TRAIN}:
        raise UsageError(f"{folder} must be a sweep of trainings, got runs of {', '.join(sorted(others))}.")
    asked = {state.values["strategy"] for state in states}
    for strategy in strategies:
        choose("strategy of the sweep", strategy, dict.fromkeys(asked))
    states = [state for state in states if not strategies or state.values["strategy"] in strategies]
    first = states[0].values
    for name in [name for name in first if name not in DIFFER]:
        for state in states:
            if state.values.get(name) != first[name]:
                raise UsageError(
                    f"The runs of {folder} must differ in {', '.join(DIFFER[:-1])} and {DIFFER[-1]} only, but {name} "
                    f"is {shown(first[name])} and {shown(state.values.get(name))}. Make a sweep for each."
                )
    return states


def _weights(folder: Path, strategies: Sequence[str]) -> dict[str, float]:
    """The weight of the attention term of every strategy; they must differ in nothing else."""
    weights, first, same = {}, strategies[0], {}
    for strategy in strategies:
        rest = find_strategy(strategy).describe() | {"name": ""}
        terms = [each for each in rest["terms"] if each["kind"] == AttentionTransfer.__name__]
        rest["terms"] = [each for each in rest["terms"] if each not in terms]
        weights[strategy] = float(sum(each["weight"] for each in terms))
        kinds = {"strategy": rest, **({"term": [each | {"weight": 0} for each in terms]} if terms else {})}
        if len(terms) > 1 or any(same.setdefault(part, each) != each for part, each in kinds.items()):
            raise UsageError(
                f"The strategies of {folder} must be one strategy with one attention term of several weights, but "
                f"{first} and {strategy} differ in more. Make a sweep for each."
            )
    if not any(weights.values()):
        raise UsageError(
            f"{folder} must have runs with an attention term, got only {', '.join(strategies)}. Add strategies such as "
            f"{first}+attention=5 to the sweep."
        )
    return weights


def _check_finished(folder: Path, found: dict[tuple, State], wanted: list[tuple], seeds: list[int]) -> None:
    done = {key for key, state in found.items() if state.state == DONE}
    missing = [key for key in wanted if key not in done]
    if not missing:
        return
    pairs = {key[:2] for key in wanted}
    complete = [seed for seed in seeds if all((*pair, seed) in done for pair in pairs)]
    habitat, weight, seed = missing[0]
    other = f", or take only finished seeds with --seeds {','.join(map(str, complete))}" if complete else ""
    raise UsageError(
        f"All runs of {folder} must be finished, but {len(missing)} of {len(wanted)} are not, the first of them weight "
        f"{weight:g} in the {world_of(habitat)} world with seed {seed}. Run the sweep again{other}."
    )


def _run(folder: Path, state: State, key: tuple) -> WeightRun:
    habitat, weight, seed = key
    scored = Training().meaning(state.parameters, folder).scored
    return WeightRun(world_of(habitat), habitat, weight, seed, state.values["strategy"], scored)


def world_of(habitat: float) -> str:
    """What the attention study calls the world with this habitat."""
    return next((name for name, each in HABITATS.items() if each == habitat), f"habitat {habitat:g}")


def _called(state: State) -> str:
    return ", ".join(f"{name} {state.values[name]}" for name in DIFFER)
