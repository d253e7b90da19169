"""A base step that somebody gives: compared with what a study would have trained, then taken over by it.

The run that takes it over names it in its configuration by the hash of its weights, which is the same for a run and for
the folder that was exported from it. What it scores is measured again, on the test images of the study.
"""

import warnings
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from satkit.data.reading.problems import counted
from satkit.experiments.manifest import WEIGHTS
from satkit.experiments.model_places import model_folder, open_model
from satkit.experiments.shared_models import SharedModel
from satkit.models.weight_files import check_weights
from satkit.strategies.contracts import Targets
from satkit.strategies.description import plain
from satkit.strategies.recipes import BASE, base_of
from satkit.strategies.strategy import Labels
from satkit.training import begin_step
from satkit.utils.errors import UsageError, shown

if TYPE_CHECKING:  # a plan and an experiment ask for these functions
    from satkit.experiments.experiment import Experiment
    from satkit.experiments.plan import Plan

MOST_SAID = 3  # differences in a message
STUDY_BASE = "base"  # the run of a study that holds its base step
OTHERS = "Take another base, or leave --base out to train one."
# What shapes a network, and what a base step is trained by, with what a message calls it.
BUILT = {
    "decoder_width": "width of the decoder",
    "plain_decoder": "plain decoder",
    "counts": "outputs of the classifier",
    "reserved": "reserved outputs",
    "deep_heads": "deep heads",
    "readout": "readout",
}
TRAINED_BY = {"base_terms": "loss of the base step", "targets": "targets of the base step", "head": "classifier"}


def base_folder_of(name: str) -> Path:
    """The folder of the base that a name means; of a study, its base step.

    Raises:
        UsageError: As `model_folder`.
    """
    try:
        return model_folder(name)
    except UsageError as error:
        try:
            return model_folder(f"{str(name).rstrip('/')}/{STUDY_BASE}")
        except UsageError:
            raise error from None


def given_base(name: str) -> SharedModel:
    """The base step of this name, read once as long as its weights stay the same file.

    Raises:
        UsageError: If there is none, with what to name.
        DamagedFile: If a file of it is damaged.
    """
    try:
        folder = base_folder_of(name)
    except UsageError as error:
        raise UsageError(
            f"--base names no base step: {error} A study that was begun with one holds a copy, STUDY/{STUDY_BASE}."
        ) from None
    places = (folder / WEIGHTS, folder / "steps" / "0" / WEIGHTS)
    facts = tuple((place.stat().st_mtime_ns, place.stat().st_size) for place in places if place.is_file())
    return _opened(folder, facts)


def check_base(plan: "Plan", base: SharedModel) -> None:
    """Raise unless a strategy can start from a base step.

    Raises:
        UsageError: Naming every difference with both sides.
    """
    said = differences_of_base(plan, base)
    if said:
        more = [f"and {counted(len(said) - MOST_SAID, 'difference')} more"] if len(said) > MOST_SAID else []
        raise UsageError(
            f"The base step in {base.folder} does not fit {plan.strategy.name} of this study: "
            f"{'; '.join([*said[:MOST_SAID], *more])}. "
            f"{OTHERS}"
        )


def differences_of_base(plan: "Plan", base: SharedModel) -> list[str]:
    """In what a base step differs from the one that a strategy would train, as "name: this there, that asked for"."""
    trained, step, strategy = base.about["training"], plan.steps[0], plan.strategy
    strategy = strategy if strategy.name == BASE.name else base_of(strategy)
    described = strategy.describe()
    if base.about["step"] != 0:
        return [f"it is of step {base.about['step']}, and a study starts from step 0"]
    pairs = [("backbone", trained["backbone"], plan.backbone), ("setting", trained["setting"], plan.settings.setting)]
    pairs += _of_classes(base.about["classes"], plan.scenario.names[: step.num_outputs])
    pairs += [(words, base.about["model"].get(name), value) for name, words, value in _built(plan)]
    pairs += _of_training(trained["strategy"], described)
    pairs += [(name, trained["conventions"].get(name), wanted) for name, wanted in plan.conventions.items()]
    found = [f"{name}: {' there, '.join(_told(*each))} asked for" for name, *each in pairs if each[0] != each[1]]
    measured = trained["strategy"].get("importance") if base.state.importances else None
    if strategy.importance and measured != described["importance"]:
        found.append("it does not hold the importance of parameters that this strategy measures in the base step")
    return found


def adopt(experiment: "Experiment", base: SharedModel) -> None:
    """Make a given base step the finished step 0 of an experiment that has none, with scores that are measured now.

    Raises:
        UsageError: If it does not fit.
    """
    plan, run, trained = experiment.plan, experiment.run, base.about["training"]
    check_base(plan, base)
    if trained["data_fingerprint"] != plan.data.fingerprint:
        warnings.warn(
            f"The base step in {base.folder} was trained on other images ({trained['data']}) than the study has, so "
            "it may have seen some of the test images.",
            stacklevel=3,
        )
    with run.writing():
        if run.is_done(0):
            return
        step = plan.steps[0]
        student, _ = begin_step(plan.blank(), step, plan.strategy, plan.settings.seed)
        weights = base.network.state_dict()
        check_weights(weights, student.state_dict(), f"The base step in {base.folder}")
        student.load_state_dict(weights)
        student.eval()
        confusion = experiment.evaluate(student, step)
        run.save_step(0, student, confusion, experiment.scores(confusion), base.state)


@lru_cache(maxsize=2)
def _opened(folder: Path, facts: tuple) -> SharedModel:
    step = 0 if (folder / "steps").is_dir() else None
    return open_model(folder, step)


def _of_classes(there: list[str], asked: tuple[str, ...]) -> list[tuple[str, object, object]]:
    """The number of classes, and the first that differs, in the order of learning."""
    both = enumerate(zip(there, asked, strict=False))
    other = next(((f"class {place}", *pair) for place, pair in both if pair[0] != pair[1]), None)
    return [("classes of the base step", len(there) - 1, len(asked) - 1), *([other] if other else [])]


def _told(there: object, asked: object) -> tuple[str, str]:
    """Two values in a message; described parts by their kinds, where these tell them apart."""
    kinds = [_kinds(value) for value in (there, asked)]
    return tuple(kinds) if all(kinds) and kinds[0] != kinds[1] else (shown(there), shown(asked))


def _kinds(value: object) -> str:
    parts = value if isinstance(value, list) else [value]
    return " and ".join(str(part["kind"]) for part in parts if isinstance(part, dict) and "kind" in part)


def _built(plan: "Plan") -> list[tuple[str, str, object]]:
    """What shapes the network of a plan after its base step: name, in words, and value."""
    student, _ = begin_step(plan.blank(), plan.steps[0], plan.strategy, plan.settings.seed)
    return [(name, words, student.spec[name]) for name, words in BUILT.items()]


def _of_training(there: dict, asked: dict) -> list[tuple[str, object, object]]:
    """How a base step was trained and is read: descriptions of the run's strategy, and of the base step asked for."""
    kinds = {kind.__name__: kind for kind in _kinds_of_targets(Targets)}
    targets = there.get("targets") or {}
    kind = kinds.get(targets.get("kind"))
    if kind is not None and not kind.in_base_step:  # in the base step the labels are taken as they are
        targets = plain(Labels())
    there = {**there, "targets": targets}
    return [(words, there.get(name), asked[name]) for name, words in TRAINED_BY.items()]


def _kinds_of_targets(kind: type) -> Iterator[type]:
    yield kind
    for each in kind.__subclasses__():
        yield from _kinds_of_targets(each)
