"""A model by the name or folder that somebody gives: an exported model, a run, a strategy of a study, or the kit's."""

from contextlib import suppress
from pathlib import Path

from satkit.data.catalogue import CLASS_NAMES, class_names
from satkit.experiments.run_folder import Run
from satkit.experiments.run_places import NAME, runs_root
from satkit.experiments.settings import STRATEGIES
from satkit.experiments.shared_models import CONFIG, TRAINED, SharedModel, is_exported, of_run, open_exported
from satkit.strategies.lookup import find_strategy
from satkit.utils.assets import asset
from satkit.utils.disk_places import resolved
from satkit.utils.errors import UsageError, nearest, shown
from satkit.utils.json_form import must_hold
from satkit.utils.names import slug
from satkit.utils.sealed_json import read_sealed

KIT = "models"  # the folder of the kit's models, see `kit_models`
RUNS_OF_STUDY = "*/config.json"
STUDY_FILES = (("result.json", "classes"), ("study.json", "settings"))


def find_model(name: str, step: int | None = None, root: str = "") -> SharedModel:
    """A model by name or folder.

    Args:
        name: A folder with an exported model or a run; the name of one in the folder of runs, as STUDY/STRATEGY, where
            the strategy is a folder of the study or a short name; or one of the models that come with the kit.
        step: Of a run; None for the last finished one. An exported model has one only.
        root: Folder of somebody's own data, whose classes' names are asked for where the study does not know them.

    Raises:
        UsageError: If there is no such model, or it has no such step.
        DamagedFile: If a file of it is damaged.
    """
    return open_model(model_folder(name), step, root)


def open_model(folder: Path, step: int | None = None, root: str = "") -> SharedModel:
    """The model in a folder, see `find_model`."""
    if is_exported(folder):
        found = open_exported(folder)
        if step not in (None, found.about["step"]):
            raise UsageError(f"{folder} holds the model of step {found.about['step']} alone, got step {step}.")
        return found
    run = Run.open(folder)
    return of_run(run, step, names_of_classes(run, root))


def model_folder(name: str) -> Path:
    """The folder that a name of a model means.

    Raises:
        UsageError: If there is none, with the nearest match, or it is a study with several runs.
    """
    text = str(name)
    places = [resolved(text)] if text else []
    if text and all(NAME.fullmatch(part) for part in text.split("/")):
        places.append(runs_root() / text)
    for place in places:
        if (place / CONFIG).is_file():
            return place
    for place in places:
        if (found := _of_study(place)) is not None:
            return found
    if (found := _of_kit(text)) is not None:
        return found
    raise _nothing(text, places)


def names_of_classes(run: Run, root: str = "") -> list[str]:
    """Names of all classes of a run in the order of learning, background first.

    Raises:
        UsageError: If they are in a folder of data that is not there.
    """
    must_hold(run.folder / CONFIG, run.config, {name: TRAINED[name] for name in ("data", "order")})
    data, order = run.config["data"], run.config["order"]
    if (known := CLASS_NAMES.get(data)) is None:
        study = {} if root else _said_by_study(run.folder.parent)
        if "classes" in study:
            return list(map(str, study["classes"]))
        place = root or str(study.get("root") or "")
        if not place:
            raise UsageError(f"The names of the classes of {run.folder} are in its data. Name its folder with --root.")
        known = class_names(data, place)
    if sorted(order) != list(range(1, len(known))):
        raise UsageError(f"{run.folder} has learnt {len(order)} classes, but {data} has {len(known) - 1} names.")
    return [known[0], *(known[label] for label in order)]


def _said_by_study(folder: Path) -> dict:
    """What the files of a study say about its data: "classes", or "root"."""
    for name, key in STUDY_FILES:
        with suppress(FileNotFoundError):
            values = read_sealed(folder / name, "Run satkit study again: it writes the file again.")
            must_hold(folder / name, values, {key: list if key == "classes" else dict})
            return values if key == "classes" else values[key]
    return {}


def _of_study(place: Path) -> Path | None:
    """The run of a study that STUDY/STRATEGY names with a short name; None if the place is no such thing."""
    if place.exists() or not any(place.parent.glob(RUNS_OF_STUDY)) or place.name.endswith(".py"):
        return None
    with suppress(UsageError):
        folder = place.parent / slug(find_strategy(place.name).name)
        return folder if (folder / CONFIG).is_file() else None
    return None


def _of_kit(name: str) -> Path | None:
    folders = {known: slug(find_strategy(known).name) for known in STRATEGIES}
    called = folders.get(name, name)
    with suppress(FileNotFoundError):
        return asset(f"{KIT}/{called}") if called in folders.values() else None
    return None


def _nothing(name: str, places: list[Path]) -> UsageError:
    there = next((place for place in places if place.exists()), None)
    runs = sorted(path.parent.name for path in there.glob(RUNS_OF_STUDY)) if there and there.is_dir() else []
    if runs:
        choices = ", ".join(f"{name.rstrip('/')}/{run}" for run in runs)
        return UsageError(f"{there} is a study, and a model is of one of its runs. Name one of: {choices}.")
    if there:
        what = "is a file" if there.is_file() else "holds neither a run nor an exported model"
        return UsageError(f"A model is a folder with {CONFIG} and weights, but {there} {what}. Name another one.")
    studies = runs_root()
    known = [path.parent.relative_to(studies).as_posix() for path in sorted(studies.glob(f"*/{RUNS_OF_STUDY}"))]
    match = nearest(name, [*known, *STRATEGIES])
    hint = f" Did you mean {match!r}?" if match else ""
    return UsageError(
        f"There is no model {shown(name)}.{hint} Name the folder of an exported model or of a run, a run as "
        f"STUDY/STRATEGY, or a model of the kit: {', '.join(STRATEGIES)}."
    )
