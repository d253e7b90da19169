"""Masks for images of somebody's own: `satkit predict`.

For every image a mask, a PNG file whose values are classes and whose palette shows their colours, and beside it an
overlay to look at; `classes.csv` says which value is which class. Each file names the model that made it, so that the
same command goes on after an interruption, and replaces nothing that it has not made.
"""

import errno
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from satkit import plots
from satkit.analysis.whole_images import MOST_WHOLE
from satkit.data.labels import BACKGROUND, class_palette
from satkit.data.reading.check import DECODING_ERRORS
from satkit.data.reading.own_images import OwnImages, find_images, read_upright
from satkit.data.reading.problems import Problem, counted
from satkit.data.transforms import resize_image, resize_labels
from satkit.experiments.shared_models import SharedModel
from satkit.plots.text import undrawable
from satkit.utils.csv_files import read_csv, write_csv
from satkit.utils.disk_places import resolved
from satkit.utils.errors import UsageError
from satkit.utils.files import replacing
from satkit.utils.images import image_bytes, opened_image
from satkit.utils.names import printable
from satkit.utils.progress import QUIET_SECONDS, Progress
from satkit.utils.seeding import best_device

CLASSES = "classes.csv"
MADE_BY = "satkit model"  # under which a file says which weights made it
MASK, OVERLAY = ".png", "_overlay.png"
LONGEST_SIDE, SHORTEST_SIDE = 1024, 480  # pixels of the picture in an overlay
DOTS, LETTER, LINE = 100, 0.075, 0.21  # dots per inch; inches of a letter and of a line in the legend
ONLY_BACKGROUND = "background only"


@dataclass
class Written:
    """What came of it.

    Attributes:
        folder: Where the masks are.
        made: Number of images that were predicted now.
        kept: Number of those whose masks were there already.
        problems: One for each image or folder that could not be used.
        in_windows: Images that were predicted in windows for their size alone.
    """

    folder: Path
    made: int = 0
    kept: int = 0
    problems: list[Problem] = field(default_factory=list)
    in_windows: list[Path] = field(default_factory=list)


def predict_images(
    model: SharedModel, images: str | Path, out: str | Path, whole: bool = False, overwrite: bool = False
) -> Written:
    """Write mask and overlay of every image into a folder; those that this model has made there already are kept.

    Args:
        images: An image, or a folder of images.
        out: A folder, where subfolders of images become subfolders.
        whole: Whether large images are taken in one forward pass, where the model's evaluation does so.
        overwrite: Whether to predict all of them again and to replace what has the names of the masks.

    Raises:
        UsageError: If there are no images, or something else has the name of a mask.
    """
    out = _folder(out)
    found = find_images(images, out)
    places = MaskFolder(out, target_names(found.files), f"{model.about['weights']}{' whole' if whole else ''}")
    rows = rows_of_classes(model)
    places.check([found.root / file for file in found.files], rows, overwrite)
    _say_first(found, model)
    out.mkdir(parents=True, exist_ok=True)
    write_csv(out / CLASSES, rows)
    model.network.to(best_device())
    plots.use_style()
    written = Written(out, problems=list(found.problems))
    with Progress(len(found.files), "images predicted", quiet=QUIET_SECONDS, unit="image") as progress:
        for number, file in enumerate(found.files):
            progress.update(number)
            if not overwrite and places.is_made(file):
                written.kept += 1
                continue
            report = lambda windows, done=number: progress.update(done, windows=windows)  # noqa: E731
            problem = _predict_one(model, found.root / file, places.ends(file), (places.mark, whole, report), written)
            written.problems += [problem] if problem else []
        progress.update(len(found.files))
    return written


@dataclass(frozen=True)
class MaskFolder:
    """Where masks and overlays go.

    Attributes:
        folder: Of all of them.
        stems: For every image the path of its mask below the folder, without its end.
        mark: What made them.
    """

    folder: Path
    stems: dict[Path, Path]
    mark: str

    def ends(self, file: Path) -> tuple[Path, Path]:
        """Mask and overlay of an image."""
        stem = self.folder / self.stems[file]
        return stem.with_name(stem.name + MASK), stem.with_name(stem.name + OVERLAY)

    def is_made(self, file: Path) -> bool:
        """Whether mask and overlay of an image are there, made by the same model in the same way."""
        return all(made_by(path) == self.mark for path in self.ends(file))

    def check(self, images: list[Path], rows: list[dict], overwrite: bool) -> None:
        """Raise where a file would be replaced that this model has not made.

        Args:
            images: What is predicted.
            rows: Of the list of classes.
            overwrite: Whether other files may be replaced; never an image.

        Raises:
            UsageError: Naming the first, and how many there are.
        """
        paths, own = [path for file in self.stems for path in self.ends(file)], {path.resolve() for path in images}
        if lost := [path for path in paths if path.resolve() in own]:
            raise UsageError(f"{lost[0]} is one of the images and would be replaced by a mask. Name another folder.")
        others = [path for path in paths if path.exists() and made_by(path) != self.mark]
        others += [] if _is_list(self.folder / CLASSES, rows) else [self.folder / CLASSES]
        if others and not overwrite:
            raise UsageError(
                f"{others[0]} is there already and was not made by this model ({counted(len(others), 'such file')}). "
                "Nothing was written. Name another folder with --out, or replace what is there with --overwrite."
            )


def made_by(path: Path) -> str:
    """What a mask or overlay says about the model that made it; "" for every other file."""
    if not path.exists():
        return ""
    try:
        with opened_image(image_bytes(path), path.name, ["PNG"]) as image:
            return str(image.info.get(MADE_BY, ""))
    except DECODING_ERRORS:
        return ""


def rows_of_classes(model: SharedModel) -> list[dict]:
    """Value, name and colour of every class."""
    each = zip(model.about["classes"], model.about["colours"], strict=True)
    return [{"value": value, "name": name, "colour": colour} for value, (name, colour) in enumerate(each)]


def target_names(files: tuple[Path, ...]) -> dict[Path, Path]:
    """For every image the path of its mask without its end: the image's own, with its suffix where two would be alike.

    Capital and small letters count as alike, as they do on some systems.
    """
    stems = {file: file.with_suffix("") for file in files}
    while True:
        ends = {file: [f"{stem}{end}".casefold() for end in (MASK, OVERLAY)] for file, stem in stems.items()}
        count = Counter(end for each in ends.values() for end in each)
        alike = [file for file in files if any(count[end] > 1 for end in ends[file]) and stems[file] != file]
        if not alike:
            return stems
        stems |= {file: file for file in alike}


def report_of(written: Written) -> tuple[str, str]:
    """What was written and what to do with it, and what could not be used, a line for each."""
    kept = f", and kept {counted(written.kept, 'mask')} that it had made before" if written.kept else ""
    said = f"Wrote {counted(written.made, 'mask')} with overlays to {written.folder}{kept}."
    if written.in_windows:
        count = counted(len(written.in_windows), "image")
        said += f"\n{count} of more than {MOST_WHOLE:,} pixels predicted in windows; --whole takes each in one pass."
    said += f"\nA value of a mask is a class: {written.folder / CLASSES}. To see the masks, open the overlays."
    lines = [f"{problem}\n" for problem in written.problems]
    wrong = f"satkit: {counted(len(lines), 'problem')}, nothing was written for:\n  {'  '.join(lines)}" if lines else ""
    return said, wrong


def write_mask(path: Path, labels: np.ndarray, mark: str = "") -> None:
    """Write labels as a PNG file of indices with the palette of the classes, and what made it."""
    image, text = Image.fromarray(labels), PngInfo()
    image.putpalette(class_palette().tobytes())
    text.add_text(MADE_BY, mark)
    with replacing(path) as temporary:
        image.save(temporary, "PNG", pnginfo=text)


def write_overlay(path: Path, image: np.ndarray, labels: np.ndarray, names: list[str], mark: str = "") -> None:
    """Write a picture of labels over their image, with a legend of the classes that occur, and what made it."""
    image, labels = _shown(image, labels)
    entries = [f"{index} {names[index]}" for index in np.unique(labels).tolist() if index != BACKGROUND]
    height, width = (side / DOTS for side in labels.shape)
    beside = max(map(len, (*entries, ONLY_BACKGROUND))) * LETTER + 0.8
    size = width + beside, max(height, LINE * (len(entries) + 1))
    figure = plt.figure(figsize=size, dpi=DOTS)
    ax = figure.add_axes((0, 1 - height / size[1], width / size[0], height / size[1]))
    if not entries:
        figure.text((width + 0.15) / size[0], 1 - 0.25 / size[1], ONLY_BACKGROUND, fontsize=plots.style.SMALL)
    try:
        plots.overlay(image, labels, names=names, ax=ax)
        with replacing(path) as temporary:
            figure.savefig(temporary, format="png", metadata={MADE_BY: mark})
    finally:
        plt.close(figure)


def _folder(out: str | Path) -> Path:
    """The absolute path of a folder to write into."""
    out = resolved(out)
    file = next((place for place in (out, *out.parents) if place.exists() and not place.is_dir()), None)
    if file:
        raise UsageError(f"Masks are written into a folder, but {file} is a file. Name another folder with --out.")
    return out


def _say_first(found: OwnImages, model: SharedModel) -> None:
    """Say which images are left out, and if overlays cannot show the names of classes."""
    if found.left_out:
        some = f"{counted(len(found.left_out), 'image')} in other formats, such as {printable(str(found.left_out[0]))}"
        warnings.warn(f"Left out: {some}. Save what you need as PNG or JPEG.", stacklevel=3)
    if notice := undrawable(model.about["classes"]):
        warnings.warn(notice, stacklevel=3)


def _is_list(path: Path, rows: list[dict]) -> bool:
    """Whether a file is missing, or a list of these classes."""
    try:
        return not path.exists() or read_csv(path, {"value": int}) == rows
    except (UsageError, ValueError):
        return False


def _predict_one(
    model: SharedModel,
    path: Path,
    ends: tuple[Path, Path],
    how: tuple[str, bool, Callable[[str], None]],
    written: Written,
) -> Problem | None:
    """Predict one image; the problem, if that cannot be done. The mask is written last."""
    (mask, overlay), (mark, whole, report) = ends, how
    image, problem = read_upright(path)
    if image is None:
        return problem
    try:
        labels = model.predict(image, whole=whole, report=report)
        mask.parent.mkdir(parents=True, exist_ok=True)
        write_overlay(overlay, image, labels, model.about["classes"], mark)
        write_mask(mask, labels, mark)
    except UsageError as error:
        return Problem(str(path), "image that cannot be predicted", str(error))
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        return Problem(str(path), "image whose name is too long for a mask", "rename it")
    written.made += 1
    if model.preparation.is_large(*image.shape[:2], whole):
        written.in_windows.append(path)
    return None


def _shown(image: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Image and labels at a size at which an overlay can be read."""
    sides = labels.shape
    factor = min(LONGEST_SIDE / max(sides), max(1.0, SHORTEST_SIDE / min(sides)))
    height, width = (max(1, round(factor * side)) for side in sides)
    return (
        (image, labels) if factor == 1 else (resize_image(image, height, width), resize_labels(labels, height, width))
    )
