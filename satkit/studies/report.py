"""The report of a study: one HTML page that opens offline, pictures included.

What it says is read from files that the study wrote: the table from result.json, the pictures and their words from the
folder of figures, the configuration from every run's config.json. Its explorer is that of `satkit page`, made from the
models. How the page looks is in the template `report.html` beside this file.
"""

import json
import warnings
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from satkit.evaluation.conventions import sentence
from satkit.experiments.study_folder import STUDY_AGAIN, settings_from
from satkit.scenario import DOMAIN_SETTINGS
from satkit.studies.explorer import Explorer, explorer_of, with_explorer
from satkit.studies.page import experiments_of
from satkit.studies.page_data import Students
from satkit.studies.saved_figures import Embedded, KeptFigure, embedded, kept_figures
from satkit.studies.score_table import ScoreTable, threads
from satkit.studies.study_result import read_result
from satkit.utils.errors import UsageError
from satkit.utils.files import replacing
from satkit.utils.progress import format_seconds
from satkit.utils.sealed_json import read_sealed
from satkit.utils.tables import percent

LARGEST = 5_000_000  # bytes of a report
EXPLORER = 1_600_000  # bytes of its explorer
IMAGES = 3  # in the explorer
LITTLE = 0.02  # mean IoU after the base step, of which a share says nothing
SENTENCE = 100  # bytes for what `fitted` may say more
SECTIONS = {
    "1": "Watch it forget",
    "2": "Where teacher and student look",
    "3": "Training",
}


def write_report(folder: Path) -> Path:
    """Write `report.html` of a study, at most 5 MB, and return its path.

    Pictures are embedded as they are where there is room for that; otherwise as `saved_figures.embedded` makes them
    fit, and the page says what it lacks.

    Raises:
        UsageError: If the folder holds no finished study, or a file of it something else than it must.
    """
    folder = Path(folder)
    if not (folder / "result.json").exists():
        raise UsageError(f"{folder} holds no finished study: result.json is missing. Run satkit study first.")
    words = {**contents(read_result(folder / "result.json"), folder), "explorer": explorer_in(folder)}
    figures = kept_figures(folder / "figures")
    nothing = [Embedded("", False)] * len(figures)
    room = LARGEST - len(page(words, figures, nothing).encode()) - SENTENCE
    whole = page(words, figures, embedded([picture for _, picture in figures], room))
    path = folder / "report.html"
    with replacing(path) as temporary:
        temporary.write_text(whole, encoding="utf-8")
    return path


def explorer_in(folder: Path) -> Explorer | None:
    """The explorer of a study; None where its models or images cannot be opened here, which a warning says."""
    try:
        return explorer_of(Students(experiments_of(folder)), IMAGES, EXPLORER)
    except (UsageError, OSError) as error:
        warnings.warn(f"The report is without an explorer. {error}", stacklevel=2)
        return None


def contents(result: dict, folder: Path) -> dict:
    """Everything that the page says beside its figures, by the names of the template `report.html`."""
    settings, scores = result["settings"], next(iter(result["strategies"].values()))
    return dict(
        title=f"What was learnt, what was forgotten: {settings['data']} {settings['task']}",
        lead=lead(result),
        findings=findings(result),
        table=ScoreTable(result).html(),
        conventions=conventions(scores),
        configurations=configurations(folder),
        command=settings_from(settings, folder / "result.json").command(settings["strategies"]),
        made=made(result, scores),
    )


def page(words: dict, figures: list[tuple[KeptFigure, Path]], pictures: list[Embedded]) -> str:
    """The page with its figures as far as there are pictures of them; everything that is no HTML is escaped."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    sections = figure_sections(figures, pictures)
    written = templates.get_template("report.html").render(words, sections=sections, fitted=fitted(pictures))
    return with_explorer(written, words["explorer"].data) if words["explorer"] else written


def lead(result: dict) -> str:
    """What was done, in two sentences."""
    classes, base, added = result["classes"], result["base_classes"], result["added_classes"]
    learnt = f"A segmentation model first learnt {len(base)} classes ({classes[base[0]]} to {classes[base[-1]]})"
    if not added and result["settings"]["setting"] not in DOMAIN_SETTINGS:
        return learnt + "."
    bases = {scores["base"] for scores in result["strategies"].values() if len(scores["steps"]) > 1}
    began = "the same base model" if len(bases) < 2 else "the same base model, or from one of its own kind"
    if not added:
        return f"{learnt} in some places, and then the same in others. Each strategy below started from {began}."
    return (
        f"{learnt}, and then {len(added)} more ({classes[added[0]]} to {classes[added[-1]]}), from images in which "
        f"only the new ones are annotated. Each strategy below started from {began}."
    )


def findings(result: dict) -> list[str]:
    """What came of it, one sentence per strategy, in the order of the table."""
    by_place = result["settings"]["setting"] in DOMAIN_SETTINGS
    old, new = ("old places", "the new places") if by_place else ("base classes", "the new classes")
    said = []
    for name, scores in result["strategies"].items():
        if scores["new"] is None:
            continue
        reached = f"reached {percent(scores['new'])} mean IoU on {new}."
        if len(scores["steps"]) == 1:
            others = new if by_place else "the others"
            said.append(f"{name}: {percent(scores['old'])} on the {old}, {percent(scores['new'])} on {others}.")
        elif (learnt := base_score(result, scores)) < LITTLE:
            said.append(
                f"{name}: its base model had learnt next to nothing ({percent(learnt)} mean IoU), so that there was "
                f"nothing to keep. It {reached}"
            )
        elif scores["kept"] > 1:
            said.append(
                f"{name} forgot nothing on the whole: the {old}' mean IoU grew from {percent(learnt)} after the base "
                f"step to {percent(learnt * scores['kept'])}. It {reached}"
            )
        else:
            said.append(f"{name} kept {percent(scores['kept'])} of what the {old}' mean IoU had been, and {reached}")
    return said


def base_score(result: dict, scores: dict) -> float:
    """Mean IoU of what "kept" is a share of: the base classes without background, or the old places, after step 0."""
    if scores["kept"] is None:
        return 0.0
    if result["settings"]["setting"] in DOMAIN_SETTINGS or "per_class" not in scores:
        return scores["base"]
    first = [scores["per_class"][result["classes"][index]]["iou"][0] for index in result["base_classes"]]
    known = [value for value in first if value is not None]
    return sum(known) / len(known)


def figure_sections(figures: list[tuple[KeptFigure, Path]], pictures: list[Embedded]) -> dict[str, list]:
    """Figures, their paths and pictures by the heading of the section that the first digit of their name says."""
    sections = {heading: [] for heading in (*SECTIONS.values(), "More figures")}
    for (figure, path), picture in zip(figures, pictures, strict=True):
        sections[SECTIONS.get(figure.name[:1], "More figures")].append((figure, path, picture))
    return {heading: inside for heading, inside in sections.items() if inside}


def fitted(pictures: list[Embedded]) -> str:
    """What was done to the pictures so that the page stays small, as a sentence; empty if no pixel was changed."""
    missing = sum(not picture.source for picture in pictures)
    coarse = sum(not picture.exact for picture in pictures) - missing
    done = [f"{coarse} of {len(pictures)} pictures are compressed"] if coarse else []
    done += [f"{missing} of {len(pictures)} are left out"] if missing else []
    return (
        f"So that this page stays small, {' and '.join(done)}; the folder figures holds all as drawn." if done else ""
    )


def conventions(scores: dict) -> str:
    """The conventions that a number follows, as a sentence."""
    return (
        f"{sentence(scores['conventions'])} Setting: {scores['setting']}; backbone: {scores['backbone']}; preset: "
        f"{scores['preset']}; seed: {scores['seed']} (one seed, so differences of a few points between strategies mean "
        "little)."
    )


def configurations(folder: Path) -> dict[str, str]:
    """The text of every run's config.json by the name of the run."""
    return {
        path.parent.name: json.dumps(read_sealed(path, STUDY_AGAIN), indent=1)
        for path in sorted(folder.glob("*/config.json"))
    }


def made(result: dict, scores: dict) -> str:
    """On what the study ran, and how long it took."""
    machine = scores["machine"]
    return (
        f"Made by satkit {machine['satkit']} with torch {machine['torch']}, Python {machine['python']}, "
        f"{threads(machine)} of {machine['cores']} cores, {machine['device']}, {machine['system']}, in "
        f"{format_seconds(result['seconds'])}."
    )
