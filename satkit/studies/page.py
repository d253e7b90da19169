"""A page that needs no Python: whoever opens the file moves over an image and sees where every model looks.

It is made of the finished models of a study, or of those that come with the kit. It makes no request, works offline and
by keyboard, and shows still pictures where JavaScript is switched off. How it looks is in the template `page.html`.
"""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from satkit.evaluation.conventions import sentence
from satkit.experiments.experiment import Experiment
from satkit.experiments.kit_models import open_kit_model
from satkit.experiments.settings import STRATEGIES
from satkit.experiments.study_folder import StudyFolder, existing_study, stored_settings
from satkit.studies.explorer import Explorer, explorer_of, with_explorer
from satkit.studies.page_data import Students
from satkit.studies.score_table import ScoreTable
from satkit.studies.study_result import read_result
from satkit.studies.weight_page import ROOM, WeightSection, weight_section
from satkit.utils.disk_places import can_hold, expanded
from satkit.utils.errors import UsageError
from satkit.utils.files import replacing
from satkit.utils.names import slug

LARGEST = 3_000_000  # bytes of a page
TABLE = 20_000  # bytes of the template and its table
IMAGES = 6
FILE = "explore.html"


def write_page(study: str = "", out: str = "", images: int = IMAGES) -> tuple[Path, str]:
    """Write the page of a study, at most 3 MB; gives its path, and what there was no room for, as a sentence.

    Args:
        study: Name or folder of a finished study; empty for the models that come with the kit.
        out: The file; empty for `explore.html` in the folder of the study, or for the kit in the working directory.
        images: How many test images at most.

    Raises:
        UsageError: If the study is not finished, or its backbone has no attention to tap.
    """
    if images < 1:
        raise UsageError(f"A page must have at least one image, got --images {images}.")
    path = expanded(out) if out else (existing_study(study) if study else Path()) / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    can_hold(path)  # before the work
    page, left_out = made(study, images)
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path, left_out


def made(study: str = "", images: int = IMAGES) -> tuple[str, str]:
    """The text of that page, and what there was no room for; that of the kit also has a weight to drag."""
    students, weights = Students(experiments_of(study)), None if study else weight_section()
    explorer = explorer_of(students, images, LARGEST - TABLE - (ROOM if weights else 0))
    return page_of(students, explorer, weights), explorer.left_out


def experiments_of(study: str | Path) -> dict[str, Experiment]:
    """The finished experiments of a study by the names of their strategies, or those that come with the kit.

    Raises:
        UsageError: If the study is not finished.
    """
    if not study:
        found = [open_kit_model(name) for name in STRATEGIES]
        return {each.plan.strategy.name: each for each in found}
    folder = existing_study(study)
    if not (folder / "result.json").exists():
        raise UsageError(f"{folder} holds no finished study: result.json is missing. Run satkit study first.")
    place, known = StudyFolder(folder, stored_settings(folder)), {}
    for name in read_result(folder / "result.json")["settings"]["strategies"]:
        plan = place.plan(name)
        if (folder / slug(plan.strategy.name)).exists():
            known[plan.strategy.name] = place.experiment(name)
    if not known:
        raise UsageError(f"{folder} must hold the runs of its strategies, it holds none. Run satkit study again.")
    return known


def page_of(students: Students, explorer: Explorer, weights: WeightSection | None = None) -> str:
    """The text of a page; everything in its template that is no HTML is escaped."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    result = scores_of(students)
    first = next(iter(result["strategies"].values()))
    page = templates.get_template("page.html").render(
        title="Where do they look? Teacher and students, before and after new classes",
        lead=lead(students),
        figures=explorer.stills,
        left_out=explorer.left_out,
        weights=weights,
        table=ScoreTable(result).html(),
        made=f"{sentence(first['conventions'])} One seed ({first['seed']}). Made by satkit "
        f"{first['machine']['satkit']} on {first['data']} {first['task']}, preset {first['preset']}, backbone "
        f"{first['backbone']}.",
    )
    return with_explorer(page, explorer.data | ({"weights": weights.data} if weights else {}))


def lead(students: Students) -> list[str]:
    """What the page shows, in a few sentences."""
    plan, names = students.plan, students.plan.scenario.names
    base, added = plan.scenario.base, plan.scenario.added
    learnt = (
        f"The base model, a segmentation model, learnt {len(base)} classes ({names[base[0]]} to {names[base[-1]]})."
    )
    if not added:
        return [learnt, "Move over the image to see what each patch attends to."]
    students_are = ", ".join(students.experiments)
    return [
        f"{learnt} From it, the students ({students_are}) each learnt {len(added)} more ({names[added[0]]} to "
        f"{names[added[-1]]}) from images in which only the new ones are annotated.",
        "A transformer mixes every patch of an image with others; its attention says with which, and how much. Move "
        "over the image: do the students still look where their teacher, the base model, looked?",
    ]


def scores_of(students: Students) -> dict:
    """The scores of the strategies, in the form of a study's result.json.

    Raises:
        UsageError: If one of them is not finished.
    """
    plan = students.plan
    results = {name: each.run.result() for name, each in students.experiments.items()}
    unfinished = [name for name, result in results.items() if result is None]
    if unfinished or not results:
        raise UsageError(f"Every strategy must be finished, not so {', '.join(unfinished)}. Run satkit study first.")
    return {
        "settings": {**plan.settings.plain(), "task": plan.task, "strategies": list(results)},
        "base_classes": list(plan.scenario.base),
        "added_classes": list(plan.scenario.added),
        "strategies": results,
        "seconds": 0.0,
    }
