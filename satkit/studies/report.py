"""The report of a study: one HTML page that opens offline, pictures included.

Everything in it is read from files that the study wrote: the table from result.json, the pictures and their words from
the folder of figures, the configuration from every run's config.json.
"""

import html
import json
import shlex
import string
import textwrap
from pathlib import Path

from satkit.evaluation.conventions import sentence
from satkit.scenario import DOMAIN_SETTINGS
from satkit.studies.saved_figures import Embedded, KeptFigure, embedded, kept_figures
from satkit.utils.errors import UsageError
from satkit.utils.files import read_json, replacing
from satkit.utils.progress import format_seconds

TEMPLATE = Path(__file__).with_name("report.html")
LARGEST = 5_000_000  # bytes of a report
LITTLE = 0.02  # mean IoU after the base step, of which a share says nothing
SENTENCE = 100  # bytes for what `fitted` may say more
COLUMNS = {
    "old": "after the last step",
    "new": "learnt later",
    "all": "seen classes",
    "forgetting": "mean drop",
    "kept": "of the base",
    "average": "over steps",
}
SECTIONS = {
    "1": "Watch it forget",
    "2": "Where teacher and student look",
    "3": "Training",
}


def write_report(folder: Path) -> Path:
    """Write `report.html` of a study, at most 5 MB, and return its path.

    Pictures are embedded as they are where there is room for that; otherwise as `figures.embedded` makes them fit, and
    the page says what it lacks.

    Raises:
        UsageError: If the folder holds no finished study.
    """
    folder = Path(folder)
    if not (folder / "result.json").exists():
        raise UsageError(f"{folder} holds no finished study: result.json is missing. Run satkit study first.")
    result = read_json(folder / "result.json")
    settings = result["settings"]
    scores = next(iter(result["strategies"].values()))
    figures = kept_figures(folder / "figures")
    words = dict(
        title=html.escape(f"What was learnt, what was forgotten: {settings['data']} {settings['task']}"),
        lead=html.escape(lead(result)),
        findings="".join(f"<p>{html.escape(finding)}</p>" for finding in findings(result)),
        table=score_table(result),
        conventions=html.escape(conventions(scores)),
        configurations=configurations(folder),
        command=html.escape(command(settings)),
        made=html.escape(made(result, scores)),
    )
    template = string.Template(TEMPLATE.read_text(encoding="utf-8"))
    nothing = [Embedded("", False)] * len(figures)
    bare = template.substitute(words, sections=figure_sections(figures, nothing), fitted=fitted(nothing))
    room = LARGEST - len(bare.encode()) - SENTENCE
    pictures = embedded([picture for _, picture in figures], room)
    page = template.substitute(words, sections=figure_sections(figures, pictures), fitted=fitted(pictures))
    path = folder / "report.html"
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


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
    """What came of it, one sentence per strategy, best keeper last."""
    by_place = result["settings"]["setting"] in DOMAIN_SETTINGS
    old, new = ("old places", "the new places") if by_place else ("base classes", "the new classes")
    said = []
    for name, scores in sorted(result["strategies"].items(), key=lambda item: item[1]["kept"] or 0):
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


def ranges(result: dict) -> dict[str, str]:
    """What "old", "new" and "all" run over: class indices, or places where these are what arrives."""
    if result["settings"]["setting"] in DOMAIN_SETTINGS:
        return {"old": "places", "new": "places", "all": "places"}
    base, added = result["base_classes"], result["added_classes"]
    scores = next(iter(result["strategies"].values()))
    return {
        "old": f"{0 if scores['conventions']['background_in_old'] else 1}-{base[-1]}",
        "new": f"{added[0]}-{added[-1]}" if added else "",
        "all": f"0-{(added or base)[-1]}",
    }


def headings(result: dict) -> list[str]:
    """Heads of the columns of scores; "old" and "new" say what they run over."""
    over = {key: text for key, text in ranges(result).items() if key != "all"}
    return [f"{key} {over.get(key, '')}".strip() for key in COLUMNS]


def meaning(result: dict) -> str:
    """What the columns of scores are, as a sentence."""
    if result["settings"]["setting"] in DOMAIN_SETTINGS:
        return (
            "Mean IoU in % after the last step. Old: on the places of the base step; new: on those that came later; "
            "forgetting: mean drop of a place from its best earlier step; kept: share of old that is left since the "
            "base step; average: all, averaged over steps."
        )
    scores = next(iter(result["strategies"].values()))
    background = "included" if scores["conventions"]["background_in_old"] else "excluded"
    return (
        f"Mean IoU in % after the last step. Old: classes of the base step, background {background}; new: classes "
        "learnt later; forgetting: mean drop of a class from its best earlier step; kept: share of the base classes' "
        "mean IoU that is left, background excluded; average: all, averaged over steps."
    )


def score_table(result: dict) -> str:
    """The table of strategies as HTML."""
    over = ranges(result)
    heads = "".join(
        f'<th scope="col">{key} {over.get(key, "")}<small>{words}</small></th>' for key, words in COLUMNS.items()
    )
    rows = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th>'
        + "".join(f"<td>{number(scores[key])}</td>" for key in COLUMNS)
        + "</tr>"
        for name, scores in result["strategies"].items()
    )
    stepwise = {name: scores["base"] for name, scores in result["strategies"].items() if len(scores["steps"]) > 1}
    old = "the old places" if over["old"] == "places" else "the old classes"
    began = f" After the base step {old} had {percent(next(iter(stepwise.values())))}." if stepwise else ""
    if len(set(stepwise.values())) > 1:
        each = ", ".join(f"{percent(score)} ({html.escape(name)})" for name, score in stepwise.items())
        began = f" After their base steps {old} had {each}."
    caption = meaning(result) + began
    return (
        f'<table><thead><tr><th scope="col">strategy</th>{heads}</tr></thead><tbody>{rows}</tbody>'
        f"<caption>{caption}</caption></table>"
    )


def markdown_table(result: dict) -> str:
    """The table of strategies as Markdown, with what a reader must know beside it."""
    heads = ["strategy", *headings(result)]
    rows = ["| " + " | ".join(heads) + " |", "|---|" + "--:|" * (len(heads) - 1)]
    for name, scores in result["strategies"].items():
        rows.append(f"| {name} | " + " | ".join(number(scores[key]) for key in COLUMNS) + " |")
    scores = next(iter(result["strategies"].values()))
    settings, machine = result["settings"], scores["machine"]
    note = (
        f"`satkit study`: {settings['data']} {settings['task']} {settings['setting']}, preset {settings['preset']}, "
        f"seed {settings['seed']} (one seed), {threads(machine)} on {machine['device']}, torch {machine['torch']}, "
        f"{format_seconds(result['seconds'])}. {meaning(result)} Old was {number(scores['base'])} after the base step. "
        f"{sentence(scores['conventions'])}"
    )
    return "\n".join(rows) + "\n\n" + "\n".join(textwrap.wrap(note, 118))


def figure_sections(figures: list[tuple[KeptFigure, Path]], pictures: list[Embedded]) -> str:
    """The figures with their words, in sections by the first digit of their names."""
    entries = [(figure, path, picture) for (figure, path), picture in zip(figures, pictures, strict=True)]
    parts = []
    for digit, heading in {**SECTIONS, "": "More figures"}.items():
        inside = [entry for entry in entries if (entry[0].name[0] if entry[0].name[0] in SECTIONS else "") == digit]
        if inside:
            parts.append(f"<h2>{heading}</h2>" + "".join(_figure(*entry) for entry in inside))
    return "\n".join(parts)


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


def configurations(folder: Path) -> str:
    """Every run's config.json."""
    parts = []
    for path in sorted(folder.glob("*/config.json")):
        text = json.dumps(read_json(path), indent=1)
        parts.append(f"<h3>{html.escape(path.parent.name)}</h3><pre>{html.escape(text)}</pre>")
    return "".join(parts)


def command(settings: dict) -> str:
    """The command line that makes this study."""
    words = ["satkit", "study", "--data", settings["data"], "--task", settings["task"]]
    if settings["data"] != "scenes":
        words += ["--root", "FOLDER"]
    words += ["--setting", settings["setting"], "--strategies", ",".join(settings["strategies"])]
    words += ["--preset", settings["preset"], "--seed", str(settings["seed"])]
    if settings.get("shift"):
        words += ["--shift", f"{settings['shift']:g}"]
    if settings.get("protocol"):
        words += ["--protocol", settings["protocol"]]
    if settings["backbone"]:
        words += ["--backbone", settings["backbone"]]
    if settings["order"] != sorted(settings["order"]):
        words += ["--order", ",".join(map(str, settings["order"]))]
    return shlex.join(words)


def made(result: dict, scores: dict) -> str:
    """On what the study ran, and how long it took."""
    machine = scores["machine"]
    return (
        f"Made by satkit {machine['satkit']} with torch {machine['torch']}, Python {machine['python']}, "
        f"{threads(machine)} of {machine['cores']} cores, {machine['device']}, {machine['system']}, in "
        f"{format_seconds(result['seconds'])}."
    )


def number(value: float | None) -> str:
    """A share as percent with one decimal; a dash where there is none."""
    return "-" if value is None else f"{round(100 * value, 1) + 0.0:.1f}"  # + 0.0 makes -0.0 zero


def threads(machine: dict) -> str:
    """How many threads torch used, in words."""
    return f"{machine['threads']} thread" + ("" if machine["threads"] == 1 else "s")


def percent(value: float | None) -> str:
    """A share as percent with its unit."""
    return "no score" if value is None else f"{100 * value:.1f} %"


def _figure(figure: KeptFigure, path: Path, picture: Embedded) -> str:
    alt = html.escape(figure.alt, quote=True)
    shown = f'<img src="{picture.source}" alt="{alt}">'
    if not picture.source:
        where = html.escape(f"{path.parent.name}/{path.name}")
        shown = f'<p class="left-out">There was no room for this picture; it lies beside this page: {where}. {alt}</p>'
    return (
        f"<h3>{html.escape(figure.title)}</h3><figure>{shown}"
        f"<figcaption>{html.escape(figure.see)}</figcaption></figure>"
    )
