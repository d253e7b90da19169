"""What a sweep can run: the training of a strategy, or a notebook. What parameters mean, and one run of them.

Two sets of parameters that mean the same have one identity, from which a run gets its hash: the code that is run, every
value also where it was left at its default, and strategies in full.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

from satkit.data import SegmentationData
from satkit.evaluation.seeds import SCORES
from satkit.experiments.plan import Plan
from satkit.experiments.run_folder import Run
from satkit.experiments.run_places import run_folder
from satkit.experiments.settings import FIELDS, PLACES, Settings, chosen
from satkit.experiments.shared_base import base_folder
from satkit.experiments.study_folder import StudyFolder, open_study, with_base, with_labels
from satkit.notebooks.finding import read_notebook
from satkit.notebooks.parameters import Parameter, accepted, setting_parameter
from satkit.notebooks.run_progress import RunProgress
from satkit.notebooks.runner import run_notebook
from satkit.notebooks.values import STRATEGY, check_values
from satkit.strategies.lookup import find_strategy, names, weighted
from satkit.studies.study import checked
from satkit.studies.train import train
from satkit.utils.disk_places import expanded
from satkit.utils.errors import UsageError
from satkit.utils.files import read_json
from satkit.utils.names import slug

TRAIN = "train"
STRATEGY_HELP = "short name, with parts added (mib+attention), or FILE.py:NAME; satkit strategies lists them"
NOTEBOOK, PROGRESS, RESULT = "notebook.ipynb", "progress.json", "scores.json"
KEPT = ("conventions", *SCORES)  # of a run's result


@dataclass(frozen=True)
class Meaning:
    """What the parameters of a run stand for.

    Attributes:
        identity: Everything that decides the run, in plain values.
        values: Every parameter, those left at their default included.
        base: The folder of the base step that the run trains if it is missing; None if it needs none, or may need none.
        scored: The folder of the run that has its scores; None if there is none.
    """

    identity: dict
    values: dict
    base: Path | None = None
    scored: Path | None = None


class Target(Protocol):
    """What a sweep runs.

    Attributes:
        word: How the command names it.
        called: Its name for people.
        declared: Its parameters by name.
    """

    word: str
    called: str
    declared: dict[str, Parameter]

    def everywhere(self, values: dict) -> dict:
        """The same parameters with paths that hold in every working directory."""

    def meaning(self, values: dict, out: Path) -> Meaning:
        """What parameters stand for, in a sweep in the folder `out`."""

    def check(self, values: dict) -> None:
        """Raise for parameters with which the run would fail, as far as that is seen before it."""

    def carry_out(self, values: dict, out: Path, folder: Path) -> dict:
        """One run, whose own files go into `folder`; gives its scores."""


class Training:
    """The training of one strategy: `satkit train`. Runs of the same settings share a study, and so their base step."""

    word = called = TRAIN

    def __init__(self):
        strategy = Parameter("strategy", "str", "sats", STRATEGY_HELP)
        self.declared = {"strategy": strategy, **{name: setting_parameter(name) for name in FIELDS}}
        self._data: dict[tuple, SegmentationData] = {}
        self._sound: set[tuple] = set()

    def everywhere(self, values: dict) -> dict:
        """The same parameters with absolute paths, and with labels in place of the names of classes."""
        values = _absolute(values)
        return {**values, "order": list(with_labels(values)["order"])} if values.get("order") else values

    def meaning(self, values: dict, out: Path) -> Meaning:
        """What parameters stand for."""
        study, strategy = self._study(values, out), find_strategy(self._strategy(values))
        plan = Plan(study.settings, strategy)
        shown = {**study.settings.plain(), "task": plan.task, "backbone": plan.backbone}
        identity = {"train": shown, "strategy": plan.strategy.describe()}
        base = None if strategy.joint or study.settings.base_model else study.folder / base_folder(strategy)
        shown = {"strategy": self._strategy(values), **shown}
        return Meaning(identity, shown, base, study.folder / slug(strategy.name))

    def check(self, values: dict) -> None:
        """Raise if the training would refuse its settings; seeds are alike in this."""
        study, strategy = self._study(values, Path.cwd()), self._strategy(values)
        settings = replace(study.settings, seed=0)
        if (settings, strategy) not in self._sound:
            images = (settings.data, settings.root, settings.habitat, settings.preset)
            study = StudyFolder(study.folder, settings, self._data.get(images))
            checked(study, (strategy,))
            self._data[images] = study.data
            self._sound.add((settings, strategy))

    def carry_out(self, values: dict, out: Path, folder: Path) -> dict:
        """Train every step, and give the scores of the run."""
        meaning = self.meaning(values, out)
        train(str(self._study(values, out).folder), _settings(values), self._strategy(values))
        return _scores_of(meaning.scored)

    def _study(self, values: dict, out: Path) -> StudyFolder:
        settings = Settings(**with_labels(_settings(values)))
        return StudyFolder(out / _study_name(settings), settings)

    def _strategy(self, values: Mapping[str, object]) -> str:
        return str(values.get("strategy", self.declared["strategy"].default))


class Notebook:
    """A notebook, as `satkit run` carries it out; studies that it makes are in the folder of the sweep.

    A lesson has the scores of the run that it trains. Any other notebook may leave some, as a JSON object of numbers in
    the file that SATKIT_RESULT names.
    """

    def __init__(self, path: Path):
        self.path, self.word, self.called = path, str(path), path.stem
        self.declared = accepted(path)

    def everywhere(self, values: dict) -> dict:
        """The same parameters; of a lesson with absolute paths."""
        if "study" not in self.declared:
            return dict(values)
        study = {"study": str(run_folder(values["study"]).absolute())} if values.get("study") else {}
        return {**_absolute(values), **study}

    def meaning(self, values: dict, out: Path) -> Meaning:
        """What parameters stand for."""
        full = {name: parameter.default for name, parameter in self.declared.items()} | values
        named = [full[name] for name in STRATEGY if name in full and full[name]]
        named = [*named, *full.get("strategies", ())] if "study" in full else []
        described = [find_strategy(name).describe() for name in named]
        identity = {"notebook": self._code, "values": full, "strategies": described}
        return Meaning(identity, full, scored=self._scored(values, full, out))

    def check(self, values: dict) -> None:
        """Raise for values that a lesson cannot take."""
        check_values(self.path, values)

    def carry_out(self, values: dict, out: Path, folder: Path) -> dict:
        """Execute the notebook into the folder of the run, and give the scores that it leaves."""
        scored, left = self.meaning(values, out).scored, folder / RESULT
        left.unlink(missing_ok=True)
        env = {"SATKIT_RUNS": str(out), "SATKIT_RESULT": str(left)}
        progress = RunProgress(self.called, folder / PROGRESS)
        try:
            seen = {"on_poll": progress.show, "on_cell": progress.at_cell}
            run_notebook(self.path, folder / NOTEBOOK, values, env=env, **seen)
        finally:
            progress.close()
        return read_json(left) if left.exists() else _scores_of(scored)

    def _scored(self, values: dict, full: dict, out: Path) -> Path | None:
        """The run that a lesson with these parameters trains, if it trains one."""
        if not {"study", "strategy"} <= set(full):
            return None
        study = open_study(full["study"], chosen(values, explicit=True)) if full["study"] else None
        folder = study.folder if study else out / _study_name(Settings(**with_labels(with_base(chosen(full)))))
        return folder / slug(find_strategy(weighted(full["strategy"], full.get("weights", {}))).name)

    @cached_property
    def _code(self) -> str:
        """A hash over the code of all cells; texts, outputs and metadata do not decide what is computed."""
        cells = [cell for cell in read_notebook(self.path)["cells"] if cell["cell_type"] == "code"]
        return hashlib.sha256("\0".join("".join(cell["source"]) for cell in cells).encode()).hexdigest()


def _absolute(values: dict) -> dict:
    """Settings and strategies with absolute paths."""
    found = dict(values)
    for name in PLACES:
        if found.get(name):
            found[name] = str(with_base({name: found[name]})[name] if name == "base_model" else _place(found[name]))
    for name in STRATEGY:
        if found.get(name):
            found[name] = _one_name(name, found[name])
    return found


def _settings(values: Mapping[str, object]) -> dict:
    """The settings among the parameters of a training."""
    found = {name: value for name, value in values.items() if name in FIELDS}
    return {**found, "order": tuple(found["order"])} if "order" in found else found


def _place(folder: str) -> Path:
    return expanded(folder).absolute()


def _one_name(name: str, text: str) -> str:
    several = names(text)
    if len(several) != 1:
        raise UsageError(f"{name} must name one strategy, got {text!r}. Name several one by one, separated by commas.")
    return several[0]


def _study_name(settings: Settings) -> str:
    """The name of a study with these settings; of two whose data or base lie in different places, different names."""
    places = [str(asdict(settings)[name]) for name in PLACES if asdict(settings)[name]]
    name = settings.name(Plan(settings).task)
    return f"{name}-{hashlib.sha256(repr(places).encode()).hexdigest()[:6]}" if places else name


def _scores_of(folder: Path | None) -> dict:
    """Scores and conventions of a run, if it is finished."""
    if folder is None or not (folder / "result.json").exists():
        return {}
    result = Run.open(folder).result() or {}
    return {name: result[name] for name in KEPT if name in result}
