"""Figures that a run keeps: a PNG, and beside it its title, what to see in it, and alt text.

The report is made of these; a notebook keeps what it shows.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

from satkit.files import read_json, replacing, write_json

DPI = 100


@dataclass(frozen=True)
class KeptFigure:
    """A figure on disk.

    Attributes:
        name: Orders the figures of a report, e.g. "10-iou".
        title: One line.
        see: One sentence that says what to see.
        alt: States the finding for somebody who cannot see the picture.
    """

    name: str
    title: str
    see: str
    alt: str


def keep_figure(figure, folder: Path, name: str, *, title: str, see: str, alt: str) -> Path:
    """Save a matplotlib figure with its words into a folder; returns the picture's path."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI, bbox_inches="tight", facecolor="white")
    write_json(folder / f"{name}.json", asdict(KeptFigure(name, title, see, alt)))
    return path


def kept_figures(folder: Path) -> list[tuple[KeptFigure, Path]]:
    """All figures of a folder with their pictures, in the order of their names."""
    found = []
    for path in sorted(Path(folder).glob("*.json")):
        picture = path.with_suffix(".png")
        if picture.exists():
            found.append((KeptFigure(**read_json(path)), picture))
    return found
