"""The folder of a study: its settings, and its runs, which share data and base step.

`study.json` holds the settings that the study was begun with; they are read from there when the study is named.
"""

import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from satkit.data import SegmentationData
from satkit.data.catalogue import class_names
from satkit.data.orders import class_order
from satkit.experiments.experiment import Experiment
from satkit.experiments.given_base import adopt, given_base
from satkit.experiments.plan import Plan
from satkit.experiments.run_places import run_folder, runs_root
from satkit.experiments.settings import FIELDS, PLACES, STRATEGIES, Settings, read
from satkit.experiments.shared_base import base_folder, take_base
from satkit.strategies import Strategy
from satkit.strategies.lookup import find_strategy
from satkit.strategies.recipes import BASE, base_of
from satkit.training import Iteration
from satkit.utils.disk_places import expanded
from satkit.utils.errors import UsageError, nearest
from satkit.utils.files import DamagedFile
from satkit.utils.json_form import must_hold
from satkit.utils.names import slug
from satkit.utils.one_writer import FOREVER
from satkit.utils.progress import training_progress
from satkit.utils.sealed_json import read_sealed, write_sealed

FILE = "study.json"
STUDY_AGAIN = "Run satkit study again with the same settings: it writes the file again."
RESERVED = ("", "figures", "notebooks")
Report = Callable[[int, str], Callable[[Iteration], None]]


def silent(total: int, label: str) -> Callable[[Iteration], None]:
    """A report of progress that shows nothing."""
    return lambda iteration: None


class StudyFolder:
    """The runs of a study.

    Args:
        folder: Its folder; made when something is written.
        settings: The same for every run.
        data: The data set of these settings, where it is loaded already.
    """

    def __init__(self, folder: str | Path, settings: Settings, data: SegmentationData | None = None):
        self.folder, self.settings, self._data = run_folder(folder), settings, data

    @cached_property
    def data(self) -> SegmentationData:
        """The data set, which all runs share."""
        return self._data or Plan(self.settings).data

    def plan(self, strategy: str | Strategy = BASE) -> Plan:
        """The plan of a strategy with the settings of the study."""
        found = find_strategy(strategy)
        return Plan(self.settings, found, self.data)

    def base(self, strategy: str | Strategy = BASE) -> Experiment:
        """The base step that a strategy starts from, taken over where one was given; no base step is shifted."""
        base = Experiment.open(self.base_plan(strategy), self.folder / base_folder(find_strategy(strategy)))
        if base.plan.given_base and not base.run.is_done(0):
            adopt(base, base.plan.given_base)
        return base

    def base_plan(self, strategy: str | Strategy = BASE) -> Plan:
        """The plan of that base step."""
        return Plan(replace(self.settings, shift=0.0), base_of(find_strategy(strategy)), self.data)

    def experiment(self, strategy: str | Strategy) -> Experiment:
        """The experiment of a strategy; its base step is taken over if it is finished.

        Raises:
            UsageError: For a strategy with the name of another folder of a study.
        """
        plan = self.plan(strategy)
        called = slug(plan.strategy.name)
        if called in RESERVED or called.split("-")[0] == "base":
            raise UsageError(f"A strategy needs a name that no folder of a study has, got {plan.strategy.name!r}.")
        experiment = Experiment.open(plan, self.folder / called)
        if not plan.strategy.joint and not experiment.run.is_done(0):
            base = self.base(plan.strategy)
            if base.run.is_done(0):
                take_base(experiment, base)
        return experiment

    def trained(
        self, strategy: str | Strategy, steps: int | None = None, report: Report = training_progress
    ) -> Experiment:
        """The experiment of a strategy with its first steps finished; what is missing is trained now.

        A step that another process is training is waited for, and taken from it.

        Args:
            steps: How many steps must be finished; None for all.
            report: Makes a callable for the reports of the training loop, from the number of iterations and a label.
        """
        experiment = self.experiment(strategy)
        plan, run = experiment.plan, experiment.run
        if not (plan.strategy.joint or run.is_done(0) or steps == 0):
            take_base(experiment, self.train_base(plan.strategy, report))
        for step in plan.steps[:steps]:
            last = step.index == len(plan.steps) - 1
            if not run.is_done(step.index) or (last and run.result() is None):
                label = f"{plan.strategy.name}, step {step.index}"
                experiment.learn(step.index, report(plan.schedule(step).iterations, label), FOREVER)
        return experiment

    def train_base(self, strategy: str | Strategy = BASE, report: Report = training_progress) -> Experiment:
        """The base step that a strategy starts from, trained now if it is not finished."""
        base = self.base(strategy)
        if not base.run.is_done(0):
            base.learn(0, report(base.plan.schedule(base.plan.steps[0]).iterations, "base step"), FOREVER)
        return base

    def remember_settings(self) -> None:
        """Write the settings; where they are there already, only the places of data and base that have changed."""
        root = str(expanded(self.settings.root).absolute()) if self.settings.root else ""
        values = {**self.settings.plain(), "root": root}
        there = own_settings(self.folder)
        known = values if there is None else {**there, **{name: values[name] for name in PLACES if values[name]}}
        if known != there:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_sealed(self.folder / FILE, {"settings": known})


def open_study(study: str | Path, given: Mapping[str, object]) -> StudyFolder:
    """The study of this name with its own settings; one that does not exist yet gets those that are given.

    Args:
        study: Name or folder of the study; empty for the one that is named after its settings.
        given: Settings that were asked for.

    Raises:
        UsageError: If the study has other settings than those asked for.
    """
    given = with_base(given)
    if not study:
        settings = Settings(**with_labels(given))
        plan = Plan(settings)
        return StudyFolder(settings.name(plan.task), settings)
    folder = run_folder(study)
    there = stored_settings(folder)
    if there is None:
        return StudyFolder(folder, Settings(**with_labels(given)))
    given = with_labels(given, there)
    elsewhere = {"root": True, "base_model": bool(there.base_model)}  # where the same may lie now
    places = {name: given[name] for name, may in elsewhere.items() if may and given.get(name)}
    study_folder = StudyFolder(folder, replace(there, **places))
    refuse_contradictions(study_folder, given)
    return study_folder


def with_base(given: Mapping[str, object]) -> dict:
    """Settings that were asked for, in which a base step is named so that it is found from everywhere.

    Raises:
        UsageError: If there is no such base step.
    """
    name = str(given.get("base_model") or "")
    if not name or name in STRATEGIES:  # the kit's, wherever that is installed
        return dict(given)
    return {**given, "base_model": str(given_base(name).folder)}


def with_labels(given: Mapping[str, object], there: Settings | None = None) -> dict:
    """Settings that were asked for, with the labels of a class order that was given by names.

    Args:
        given: Settings that were asked for.
        there: Of a study, which say what the data is where that was not asked for.

    Raises:
        UsageError: For a name that is no class of the data.
        DataError: If the names are in masks that cannot be read.
    """
    there, order = there or Settings(), given.get("order", ())
    order = read("order", order) if isinstance(order, str) else order
    if not any(isinstance(each, str) for each in order):
        return {**given, "order": order} if "order" in given else dict(given)
    data, root = (str(given.get(name) or getattr(there, name)) for name in ("data", "root"))
    return {**given, "order": class_order(data, class_names(data, root), order)}


def refuse_contradictions(study: StudyFolder, given: Mapping[str, object]) -> None:
    """Raise if a study has other settings than those asked for."""
    plan = Plan(study.settings)
    for name, asked in given.items():
        there = getattr(study.settings, name)
        if name == "root" or asked == there or asked == resolved(plan, name):
            continue
        unset = "none" if name == "base_model" else "the preset's"
        shown = there if there not in ("", ()) else resolved(plan, name) or unset
        raise UsageError(
            f"The study {study.folder.name} has its own settings: {name}: {shown} in the study, {asked} asked for. "
            f"Leave {name} out, or name another study."
        )


def resolved(plan: Plan, name: str) -> object:
    """What a setting that was left to preset and data comes to; None for those that are what they are."""
    if name == "order":
        return plan.scenario.order
    return {"task": plan.task, "backbone": plan.backbone}.get(name)


def stored_settings(folder: Path) -> Settings | None:
    """The settings that a study was begun with; None if there is no study in the folder.

    Where `study.json` is missing or damaged, they are those of the study's result or of one of its runs.
    """
    if (found := own_settings(folder)) is not None:
        return settings_from(found, folder / FILE)
    result = folder / "result.json"
    with suppress(DamagedFile, FileNotFoundError):
        values = read_sealed(result, STUDY_AGAIN)
        must_hold(result, values, {"settings": {}})
        return settings_from(values["settings"], result)
    for path in sorted(folder.glob("*/config.json"), key=lambda path: path.parent.name.startswith("base")):
        with suppress(DamagedFile):
            return settings_from(read_sealed(path, STUDY_AGAIN), path)
    return None


def own_settings(folder: Path) -> dict | None:
    """What a study's `study.json` says; None where it is missing, or damaged, which a warning says."""
    path = folder / FILE
    try:
        values = read_sealed(path, STUDY_AGAIN)
    except FileNotFoundError:
        return None
    except DamagedFile as error:
        warnings.warn(f"{error}", stacklevel=2)
        return None
    must_hold(path, values, {"settings": {}})
    return values["settings"]


def settings_from(values: Mapping[str, object], path: Path) -> Settings:
    """Settings from a JSON file; a class order that is the data set's own counts as none chosen.

    Args:
        path: The file, for the message.

    Raises:
        UsageError: For a value that no setting can have.
    """
    found = {name: values[name] for name in FIELDS if name in values}
    order = found.get("order")
    if isinstance(order, list) and order == list(range(1, len(order) + 1)):
        found["order"] = ()
    try:
        return Settings(**found)
    except UsageError as error:
        raise UsageError(f"{path} holds no settings of a study: {error}") from error


def is_study(folder: Path) -> bool:
    """Whether a folder holds a study, sound or damaged."""
    return any((folder / name).exists() for name in (FILE, "result.json")) or any(folder.glob("*/config.json"))


def existing_study(study: str | Path) -> Path:
    """The folder of a study that exists.

    Raises:
        UsageError: If there is none of this name, with the nearest match.
    """
    folder = run_folder(study)
    if stored_settings(folder) is None:
        known = [path.name for path in sorted(runs_root().glob("*")) if is_study(path)]
        match = nearest(folder.name, known)
        hint = f" Did you mean {match!r}?" if match else ""
        there = f" There are: {', '.join(known)}." if known else ""
        raise UsageError(f"There is no study {study} in {folder.parent}.{hint}{there} satkit study makes one.")
    return folder
