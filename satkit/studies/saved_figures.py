"""Figures that a run keeps: a PNG, and beside it its title, what to see in it, and alt text.

The report is made of these; a notebook keeps what it shows. The words stand here, side by side, so that the cells of a
lesson stay short and the report reads in one voice. A page has room for so much: `embedded` makes pictures fit.
"""

import base64
import io
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NamedTuple

from PIL import UnidentifiedImageError

from satkit.notebooks.drawn_once import show_instead
from satkit.utils.errors import UsageError, choose
from satkit.utils.files import DamagedFile, replacing, sha256_of
from satkit.utils.images import image_bytes, opened_image
from satkit.utils.json_form import must_hold
from satkit.utils.names import file_name
from satkit.utils.sealed_json import read_sealed, write_sealed
from satkit.utils.tables import percent

DPI = 100
FIGURE_AGAIN = "Run the notebook that made it again."
QUALITIES = (90, 80, 65, 50, 30)  # of WebP; at the lowest, 9-point text is still sharp


@dataclass(frozen=True)
class KeptFigure:
    """A figure on disk.

    Attributes:
        name: Orders the figures of a report, e.g. "10-iou".
        title: One line.
        see: One sentence that says what to see.
        alt: States the finding, for readers who cannot see the picture.
    """

    name: str
    title: str
    see: str
    alt: str


WORDS = {each.name: str for each in fields(KeptFigure)}  # of the file beside a picture


@dataclass(frozen=True)
class Caption:
    """The words of one kind of figure, with names in braces for what differs.

    Attributes:
        order: Place in the report; its first digit is the section.
        title, see, alt: As in `KeptFigure`.
    """

    order: str
    title: str
    see: str
    alt: str


CAPTIONS = {
    "scores": Caption(
        "10",
        "Old classes, new classes, all",
        "Long bars for old classes mean that little was forgotten, long bars for new ones that something was learnt.",
        "Mean IoU of old, new and all classes for {strategies}.",
    ),
    "strip": Caption(
        "11",
        "The same images before and after the new classes",
        "Compare the old objects after the base step with each strategy's last step: grey means background.",
        "Predictions for three test images after the base step and at the end of {strategies}.",
    ),
    "film": Caption(
        "12",
        "{strategy}: the same images after every step",
        "Follow an old object from left to right. {left}",
        "Predictions of {strategy} after each step for three test images.",
    ),
    "iou": Caption(
        "13",
        "{strategy}: IoU of every class over the steps",
        "Blue lines are classes of the base step, orange ones were learnt later; where a blue line falls, a class is "
        "forgotten.",
        "IoU of every class after each step under {strategy}.",
    ),
    "forgetting": Caption(
        "14",
        "Forgetting of every class",
        "How far each class has fallen from its best earlier step. Zero is perfect memory.",
        "Drop in IoU of each old class under {strategies}.",
    ),
    "flow": Caption(
        "15",
        "Where the pixels of the old classes went",
        "For each strategy, the upper bar is the model after the base step, the lower one after the last step.",
        "Shares of old-class pixels that are right, another old class, background or a new class, for {strategies}.",
    ),
    "multiples": Caption(
        "16",
        "Every class by itself over the steps",
        "The dotted line stands where a class was learnt. See which classes fall after it, and which never rise.",
        "IoU of every class after each step, in a panel of its own, under {strategies}.",
    ),
    "attention": Caption(
        "20",
        "{strategy}: what one pixel of the {name} looks at",
        "Teacher and student share a scale in each row. In the last column purple is attention that the student has "
        "gained, orange what it has lost, and what is nearly white has hardly changed.",
        "Attention maps of teacher and student of {strategy} for one query on the {name}, by stage.",
    ),
    "relations": Caption(
        "21",
        "{strategy}: relations of the regions in one image",
        "One row per region: what it attends to as a whole, in the teacher, in the student, and the difference: purple "
        "gained, orange lost, nearly white hardly changed.",
        "Relations of teacher and student of {strategy} for the regions {names}.",
    ),
    "drift": Caption(
        "22",
        "How far relations move away from the teacher's in step {step}",
        "A line that stays low is a stage whose relations the student has kept; all panels have one scale.",
        "Distance between teacher's and student's relations over step {step}, by stage, for {strategies}.",
    ),
    "base loss": Caption(
        "30",
        "Loss of the base step",
        "The thin line is what was logged, the thick one smooths it.",
        "Cross-entropy of the base step over its iterations.",
    ),
    "loss": Caption(
        "31",
        "{strategy}, step {step}: loss terms",
        "Every term as it enters the sum, weight included.",
        "Loss terms of {strategy} over the iterations of step {step}.",
    ),
}


def what_is_left(kept: float | None) -> str:
    """How much of the base classes' mean IoU is left at the end, as a sentence.

    Args:
        kept: The share, as a run's result.json has it; None where the base step has learnt none of them.
    """
    if kept is None:
        return "The base step has learnt none of its classes, so there is nothing to forget."
    return f"{percent(kept)} of the base classes' mean IoU is left at the end."


def in_groups(things: Iterable, most: int) -> list[list]:
    """Things in groups of at most `most`, as even as can be: so many fit into one figure."""
    things = list(things)
    count = max(1, -(-len(things) // most))
    return [things[len(things) * place // count : len(things) * (place + 1) // count] for place in range(count)]


def keep(figure, folder: Path, kind: str, tag: str = "", part: int = 0, finding: str = "", **words: object) -> Path:
    """Save a figure of a kind that has a caption; returns the picture's path.

    Args:
        figure: A matplotlib figure, or axes, whose figure is meant.
        folder: Where the study's figures are.
        kind: One of `CAPTIONS`.
        tag: Tells several figures of one kind apart.
        part: Number of the figure where one had to become several, from 0.
        finding: What this figure shows, in a sentence with its numbers (see `findings`); ends the alt text.
        **words: What the caption leaves open.
    """
    caption = choose("figure", kind, CAPTIONS)
    name = f"{caption.order}-{tag}" if tag else f"{caption.order}-{kind.replace(' ', '-')}"
    name += f"-{part}" if part else ""
    filled = {each: getattr(caption, each).format(**words) for each in ("title", "see", "alt")}
    filled["alt"] = f"{filled['alt']} {finding}".strip()
    return keep_figure(getattr(figure, "figure", None) or figure, folder, name, **filled)


def keep_figure(figure, folder: Path, name: str, *, title: str, see: str, alt: str) -> Path:
    """Save a matplotlib figure with its words into a folder; returns the picture's path. A notebook shows the picture.

    Raises:
        UsageError: For a name that would lead out of the folder, or that a file cannot have.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{file_name(name, 'figure')}.png"
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI, bbox_inches="tight", facecolor="white")
    about = asdict(KeptFigure(name, title, see, alt))
    write_sealed(folder / f"{name}.json", {**about, "picture": sha256_of(path)})
    show_instead(figure, path.read_bytes(), alt)
    return path


def read_figure(about: Path) -> tuple[KeptFigure, Path]:
    """A kept figure with its picture, from the JSON file beside it.

    Raises:
        DamagedFile: If one of the two is not what was written.
        UsageError: If the file does not hold the words of a figure, or the picture is no PNG of a safe size.
    """
    words, picture = read_sealed(about, FIGURE_AGAIN), about.with_suffix(".png")
    must_hold(about, words, {**WORDS, "picture": str})
    if words["picture"] != sha256_of(picture):
        raise DamagedFile(picture, "is damaged, or of another figure", FIGURE_AGAIN)
    _check_picture(picture)
    return KeptFigure(**{name: words[name] for name in WORDS}), picture


def kept_figures(folder: Path) -> list[tuple[KeptFigure, Path]]:
    """All figures of a folder with their pictures, in the order of their names.

    One that is damaged is left out, which a warning says.

    Raises:
        UsageError: If a sound file does not hold the words of a figure, or a picture is no PNG of a safe size.
    """
    found = []
    for path in sorted(Path(folder).glob("*.json"), key=lambda path: path.stem):
        if path.with_suffix(".png").exists():
            try:
                found.append(read_figure(path))
            except DamagedFile as error:
                warnings.warn(f"{error} It is left out.", stacklevel=2)
    return found


def _check_picture(path: Path) -> None:
    try:
        with opened_image(image_bytes(path), path.name, ["PNG"]):
            return
    except (UnidentifiedImageError, OSError) as error:
        raise UsageError(f"{path} must be a PNG picture, and it is none. Remove it, or draw it again.") from error


class Embedded(NamedTuple):
    """A picture as a page holds it.

    Attributes:
        source: The address `data:image/...;base64,...`; "" for a picture that had to be left out.
        exact: Whether its pixels are those of the file.
    """

    source: str
    exact: bool


def embedded(pictures: Sequence[Path], room: int) -> list[Embedded]:
    """PNG pictures for a page in which they may take `room` characters together.

    Where they fit they stay as they are. Where they do not, the largest become WebP, first with the same pixels, then
    coarser and coarser: no more of them and no coarser than it takes. Those that do not fit even then are left out, the
    largest first. The same files and room give the same pictures.
    """
    forms = [[Embedded(_source(picture.read_bytes(), "png"), True)] for picture in pictures]  # ever coarser
    for quality in (None, *QUALITIES):
        for place in _by_size(forms, largest_first=True):
            if _length(forms) > room:
                other = Embedded(_source(_webp(pictures[place], quality), "webp"), quality is None)
                forms[place] += [other] if len(other.source) < len(forms[place][-1].source) else []
    for place in _by_size(forms, largest_first=True):
        if _length(forms) > room:
            forms[place].append(Embedded("", False))
    for place in _by_size(forms, largest_first=False):  # what the last change has left of the room
        while len(forms[place]) > 1:
            last = forms[place].pop()
            if _length(forms) > room:
                forms[place].append(last)
                break
    return [form[-1] for form in forms]


def _by_size(forms: list[list[Embedded]], *, largest_first: bool) -> list[int]:
    return sorted(range(len(forms)), key=lambda place: len(forms[place][-1].source), reverse=largest_first)


def _length(forms: list[list[Embedded]]) -> int:
    return sum(len(form[-1].source) for form in forms)


def _source(data: bytes, form: str) -> str:
    return f"data:image/{form};base64,{base64.b64encode(data).decode()}"


def _webp(path: Path, quality: int | None) -> bytes:
    """A picture as WebP; without a quality, with every pixel as it was."""
    how = {"lossless": True, "quality": 50, "method": 3, "exact": True} if quality is None else {"quality": quality}
    stream = io.BytesIO()
    with opened_image(image_bytes(path), path.name, ["PNG"]) as picture:
        picture.save(stream, format="WEBP", **how)
    return stream.getvalue()
