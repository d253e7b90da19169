"""What `satkit data` does: everything wrong with a data set, a contact sheet of it, and its download."""

import math
from pathlib import Path

import numpy as np
from matplotlib.text import Text

from satkit import plots
from satkit.analysis.images import image_and_labels, informative_images
from satkit.data.catalogue import DOWNLOADS, DRAWN, find_files, load_data
from satkit.data.dataset import SegmentationData
from satkit.data.labels import IGNORE
from satkit.data.reading.problems import counted, listing
from satkit.data.reading.reading import DataFiles, Scan, read, scan_and_keep
from satkit.data.step_images import StepImages
from satkit.data.suspicions import count_pixels, suspicions
from satkit.experiments.plan import Plan, data_options
from satkit.experiments.settings import Settings
from satkit.plots.text import undrawable
from satkit.scenario import Step
from satkit.utils.errors import UsageError
from satkit.utils.saying import saying
from satkit.utils.tables import RIGHT, Column, Table

LARGE = 1_000_000  # pixels of an image from which one forward pass of it takes long
PREFERRED = 12  # images on a contact sheet
RESOLUTION = 110  # dots an inch


def check(settings: Settings, every: bool = False) -> tuple[str, bool]:
    """Everything wrong with a data set, as text, and whether it can be used.

    With a task, also how many images each of its steps has. Data that leaves a step without images cannot be used.

    Args:
        every: A line for every problem, also where many files have the same.
    """
    lines, options = [], data_options(settings)
    if settings.data not in DRAWN:
        with saying("Listing the images and masks ..."):
            files = find_files(settings.data, settings.root)
        scan = scan_and_keep(files)
        lines.append(_found(files.name, scan, every))
        if not all(problem.warning for problem in scan.problems):
            return "\n".join(lines), False
    data = load_data(settings.data, settings.root, **options) if settings.data in DRAWN else read(files)
    lines.append(_content(data))
    if settings.data not in DRAWN:
        lines += _large(data)
    if settings.data == "folder":
        lines += _doubts(data, files)
    empty = []
    if settings.task:
        plan = Plan(settings)
        empty = empty_steps(plan)
        lines += empty or [step_counts(plan)]
    return "\n".join(lines), not empty


def step_counts(plan: Plan) -> str:
    """How many images each step of a scenario learns from and is tested on, as a table.

    Raises:
        UsageError: For a step without images.
    """
    scenario = plan.scenario
    columns = [Column("step", RIGHT), _count("train"), _count("test"), Column("learns")]
    rows = [
        [step.index, len(plan.annotated(step)), len(plan.tests(step)), _what_arrives(scenario.names, step)]
        for step in scenario.steps
    ]
    return f"{scenario.task} {scenario.setting}\n{Table(columns, rows).text()}"


def empty_steps(plan: Plan) -> list[str]:
    """A sentence for every step that has no images to learn from, or none to be tested on."""
    said = []
    for step in plan.scenario.steps:
        for images in (plan.annotated, plan.tests):
            try:
                images(step)
            except UsageError as error:
                said.append(str(error))
    return said


def show(settings: Settings, count: int = PREFERRED, step: int | None = None) -> list[tuple[str, object]]:
    """Contact sheets: of the whole annotation, or, with a task, of what the annotator of each step shows.

    Args:
        count: Images on a sheet; those that show most of different classes.
        step: Only this step.

    Returns:
        A name and a figure for each sheet.

    Raises:
        UsageError: For a step that the task does not have.
    """
    if count < 1:
        raise UsageError(f"A contact sheet needs at least 1 image, got {count}.")
    plan = Plan(settings)
    if not settings.task and step is None:
        return [(settings.data, _sheet(*_everything(plan.data), count=count, title=settings.data))]
    scenario, steps = plan.scenario, plan.scenario.steps
    if step is not None and not 0 <= step < len(steps):
        raise UsageError(f"Task {plan.task} has the steps 0..{len(steps) - 1}, got step {step}.")
    sheets = []
    for each in steps if step is None else [steps[step]]:
        names = scenario.names
        title = f"{settings.data} {scenario.task} {scenario.setting}, step {each.index}: {_what_arrives(names, each)}"
        images = plan.annotated(each)
        found = _sheet(images, each.new or each.old, names, count=count, title=_wrapped(title), old=each.old)
        sheets.append((f"{settings.data}-{scenario.task}-step{each.index}", found))
    return sheets


def unreadable(sheets: list[tuple[str, object]]) -> str:
    """Which names on contact sheets are drawn as boxes, in one sentence; "" if there are none."""
    return undrawable(dict.fromkeys(text.get_text() for _, figure in sheets for text in figure.findobj(Text)))


def save_sheets(sheets: list[tuple[str, object]], out: str = "") -> list[Path]:
    """Write contact sheets as PNG or SVG; several of them get the step's number before the suffix."""
    path = Path(out) if out else None
    written = []
    for number, (name, figure) in enumerate(sheets):
        file = path or Path(f"{name}.png")
        if path and len(sheets) > 1:
            file = path.with_name(f"{path.stem}-step{number}{path.suffix}")
        if file.suffix.lower() not in (".png", ".svg"):
            raise UsageError(f"A contact sheet is written as .png or .svg, got {str(file)!r}.")
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=RESOLUTION)
        written.append(file)
    return written


def get(name: str, root: str) -> str:
    """Download a data set, where that is possible, and say what is left to do.

    Raises:
        UsageError: For a data set that has to be fetched by hand, with where to get it and the tree expected; and if
            the download fails.
    """
    if name not in DOWNLOADS:
        find_files(name, root)  # raises without a folder, with the source and the tree that is expected
        raise UsageError(
            f"satkit downloads only {', '.join(DOWNLOADS)}, got {name}. Look at what is in {root} with "
            f"satkit data check {name} --root {root}."
        )
    if not root:
        raise UsageError("A download needs a folder to go to. Pass it with --root ROOT.")
    return DOWNLOADS[name](root)


def _found(name: str, scan: Scan, every: bool) -> str:
    serious = [problem for problem in scan.problems if not problem.warning]
    notes = [problem for problem in scan.problems if problem.warning]
    speed = f"{scan.pairs / scan.seconds:.0f} a second" if scan.seconds > 0 else "at once"
    lines = [f"{name}: read {counted(scan.pairs, 'pair')} of image and mask, {speed}."]
    for kind, problems in (("problem", serious), ("warning", notes)):
        if problems:
            lines += [f"{counted(len(problems), kind)}:", listing(problems, every)]
    if not every and any(listing(problems) != listing(problems, True) for problems in (serious, notes)):
        lines.append("With --all, every file has a line.")
    return "\n".join(lines if scan.problems else [*lines, "Nothing is wrong with them."])


def _content(data: SegmentationData) -> str:
    """Images of every class, as text."""
    lines = [f"{counted(len(data.train), 'image')} to learn from, {len(data.test):,} to test on; images of each class:"]
    counts = [split.present.sum(axis=0) for split in (data.train, data.test)]
    columns = [Column("label", RIGHT), Column("class"), _count("train"), _count("test")]
    lines.append(Table(columns, list(zip(range(len(data.class_names)), data.class_names, *counts))).text())
    for number, purpose in zip(counts, ("to learn from", "to test on"), strict=True):
        absent = [data.class_names[label] for label in np.flatnonzero(number == 0) if label]
        lines += [f"In no image {purpose}: {', '.join(absent)}."] if absent else []
    if not (counts[0][0] or counts[1][0]):
        lines.append("There is no background in a whole annotation: it is what a step does not show.")
    return "\n".join([*lines, f"fingerprint {data.fingerprint[:16]}"])


def _large(data: SegmentationData) -> list[str]:
    """What to do about large test images, as a sentence, if there are any."""
    height, width = max((labels.shape for labels in data.test.labels), key=math.prod)
    if height * width < LARGE:
        return []
    return [
        f"The largest image to test on has {width} x {height} pixels. To score whole images of this size, let them be "
        "predicted in windows: --protocol evaluation=windows."
    ]


def _doubts(data: SegmentationData, files: DataFiles) -> list[str]:
    """How much of somebody's own data is ignored, and what in it is probably not meant as it is read."""
    with saying("Counting the pixels of every class ..."):
        pixels = count_pixels(data.pool)
    values = {int(files.table[value]): value for value in sorted(files.values, reverse=True) if value != IGNORE}
    values.pop(IGNORE, None)
    share = pixels[IGNORE] / pixels.sum()
    ignored = [f"{100 * share:.1f} % of the pixels are ignored."] if share else []
    return ignored + [f"Look at this: {each}" for each in suspicions(data.class_names, values, data.pool, pixels)]


def _count(head: str) -> Column:
    return Column(head, RIGHT, form="{:,d}".format)


def _everything(data: SegmentationData) -> tuple[StepImages, list[int], tuple[str, ...]]:
    identity = np.arange(256, dtype=np.uint8)
    labels = range(1, len(data.class_names))
    return StepImages(np.arange(len(data.train)), identity, data.train), list(labels), data.class_names


def _sheet(images: StepImages, classes, names, *, count: int, title: str, old=()):
    with saying("Choosing the images of the contact sheet ..."):
        chosen = informative_images(images, classes, count)
    pairs = [image_and_labels(images, index) for index in chosen]
    titles = [images.split.names[images.indices[index]] for index in chosen]
    plots.use_style()
    return plots.contact_sheet(*map(list, zip(*pairs, strict=True)), names, titles=titles, old=old, title=title)


def _what_arrives(names, step: Step) -> str:
    return ", ".join(step.domains or [names[index] for index in step.new])


def _wrapped(text: str, width: int = 110) -> str:
    return text if len(text) <= width else f"{text[: width - 2]} …"
