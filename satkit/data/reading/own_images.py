"""Images of somebody's own, without masks: found in a folder and its subfolders, and read one by one.

They are decoded as the images of a data set are, but for photographs that are stored rotated: a data set takes them as
they are stored, as its masks are, here they are turned upright, as every viewer shows them.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from satkit.data.reading.check import decode_image
from satkit.data.reading.pairs import IMAGE_SUFFIXES
from satkit.data.reading.problems import Problem
from satkit.utils.disk_places import expanded
from satkit.utils.errors import UsageError, shown

# Suffixes of images in other formats, which are counted and left out.
OTHER_IMAGES = (".tif", ".tiff", ".bmp", ".gif", ".webp", ".heic", ".heif", ".avif", ".jp2", ".jfif", ".ppm", ".dng")
# How a photograph is turned upright, by its EXIF orientation.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class OwnImages:
    """Image files.

    Attributes:
        root: The folder that they are in.
        files: Their paths below it, in the order of their names.
        left_out: Images in formats that are not read.
        problems: Folders that cannot be read, and links to folders, which are not followed.
    """

    root: Path
    files: tuple[Path, ...]
    left_out: tuple[Path, ...] = ()
    problems: tuple[Problem, ...] = ()


def find_images(place: str | Path, without: Path) -> OwnImages:
    """An image, or all images in a folder and its subfolders; hidden ones are left out.

    Args:
        without: A folder that is not looked into.

    Raises:
        UsageError: If there is no image there.
    """
    path, kinds = expanded(place), ", ".join(IMAGE_SUFFIXES)
    if not str(place) or not path.exists():
        raise UsageError(
            f"There is no file or folder {shown(str(place))}. Name an image, {kinds}, or a folder of them."
        )
    if not path.is_dir():
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            raise UsageError(f"An image must be a file that ends in {kinds}, got {path}. Save it as PNG or JPEG.")
        return OwnImages(path.parent, (Path(path.name),))
    found = _below(path, without)
    if not found.files:
        others = f", but {len(found.left_out)} in other formats: save them as PNG or JPEG" if found.left_out else ""
        raise UsageError(f"{path} must hold images that end in {kinds}, and it holds none{others}.")
    return found


def read_upright(path: Path) -> tuple[np.ndarray | None, Problem | None]:
    """An image, uint8 (height, width, 3), turned upright; or None, and what is wrong with it."""
    image, orientation, problem = decode_image(path)
    if image is None or orientation not in UPRIGHT:
        return image, problem
    return np.asarray(Image.fromarray(image).transpose(UPRIGHT[orientation])), None


def _below(root: Path, without: Path) -> OwnImages:
    files, left_out, problems = [], [], []

    def unreadable(error: OSError) -> None:
        problems.append(Problem(str(error.filename), "folder that cannot be read", str(error.strerror)))

    for above, folders, names in os.walk(root, onerror=unreadable):
        here = Path(above)
        links = [name for name in folders if (here / name).is_symlink()]
        problems += [Problem(str(here / name), "link to a folder, which is not followed") for name in links]
        inside = (name for name in sorted(folders) if not name.startswith(".") and name not in links)
        folders[:] = [name for name in inside if (here / name).resolve() != without]
        for name in names:
            if not name.startswith("."):
                path, suffix = (here / name).relative_to(root), Path(name).suffix.lower()
                files += [path] if suffix in IMAGE_SUFFIXES else []
                left_out += [path] if suffix in OTHER_IMAGES else []
    return OwnImages(root, tuple(sorted(files)), tuple(sorted(left_out)), tuple(problems))
