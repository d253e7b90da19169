"""Published scores of continual segmentation methods, each with its source.

The table is `assets/published_results.csv`, in percent as printed. Two sources with different scores for one method are
two rows. Every score was read in a table of a paper, or in a README, file or issue of a repository, or on a web page
that the row names.

Two scores are comparable only under the same conventions: whether background is an old class, which images a step has
(`setting`), and whether there is a memory. Compare rows of one source, setting and backbone.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from satkit.utils.assets import asset
from satkit.utils.csv_files import read_records
from satkit.utils.errors import choose
from satkit.utils.tables import RIGHT, Column, Table

FILE = "published_results.csv"
# Methods that satkit does not run, and why.
NOT_RUN = {
    "MicroSeg": "It needs the mask proposals of another network, and those were trained on classes still to come.",
    "CoMFormer": "It needs Mask2Former, which classifies masks instead of pixels.",
    "ECLIPSE": "It needs a frozen Mask2Former, in which it trains nothing but prompts and classifiers.",
    "RECALL": "It needs images of old classes from a generator or from the web.",
}


@dataclass(frozen=True)
class PublishedResult:
    """Scores after the last step: mean IoU in percent as printed, None where the source does not give it.

    Attributes:
        method: Its name, as in `satkit.strategies` where satkit runs all of it ("RCIL" is more than satkit's
            distillation of it); "-M" means with a memory.
        memory: Images in the memory, None without one.
        backbone: The network, with its decoder if that is not the usual one.
        data: "voc", "ade20k", "cityscapes-domain", or "ade20k-panoptic", whose scores are panoptic quality.
        task: Classes of the base step and of every later step, e.g. "15-1".
        setting: "overlapped", "disjoint", "partition" (every image belongs to one step), "domain" (steps are cities
            with the same classes), or "" if it is not known.
        old: Classes of the base step.
        new: Classes of all later steps.
        all: All classes.
        average: Mean of `all` over the steps.
        background_in_old: Whether background counts as an old class; None where `old` is not given.
        copied: Whether the source states that the scores are from another paper.
        source: Where the scores were read.
        note: Further information, e.g. that scores contradict each other.
    """

    method: str
    memory: int | None
    backbone: str
    data: str
    task: str
    setting: str
    old: float | None
    new: float | None
    all: float | None
    average: float | None
    background_in_old: bool | None
    copied: bool
    source: str
    note: str


def published(data: str = "", task: str = "", setting: str = "", method: str = "") -> list[PublishedResult]:
    """The published results that match every name given, sorted by data, task, setting, method and source.

    Args:
        data: Name of the data set, e.g. "voc"; "" for any, as in all of these.
        task: E.g. "15-1".
        setting: E.g. "overlapped".
        method: E.g. "SATS"; the same method with a memory, "SATS-M", is another one.

    Returns:
        The rows; none if all names exist but not this combination.

    Raises:
        UsageError: If a name does not occur in the table.
        FileNotFoundError: If the table is missing.
    """
    rows = read_results(asset(FILE))
    wanted = {"data": data, "task": task, "setting": setting, "method": method}
    for field, name in wanted.items():
        if name:
            choose(f"published {field}", name, dict.fromkeys(sorted({getattr(row, field) for row in rows} - {""})))
    return [row for row in rows if all(name in ("", getattr(row, field)) for field, name in wanted.items())]


@lru_cache
def read_results(path: Path) -> tuple[PublishedResult, ...]:
    """Every row of a table in the form of `published_results.csv`, in its order."""
    return tuple(read_records(path, PublishedResult))


def share_of_joint(row: PublishedResult) -> float | None:
    """A score over all classes in percent of that of joint training with the same network; None if that is not known.

    Networks explain most of the difference between published scores, and this takes a part of it out. Where several
    sources give joint training, their mean is taken; they differ by 0.1 points.
    """
    joint = [each.all for each in published(row.data, method="joint") if each.backbone == row.backbone]
    return 100 * row.all / (sum(joint) / len(joint)) if joint and row.all is not None else None


def markdown(rows: list[PublishedResult]) -> str:
    """Results as a Markdown table, each also as `share_of_joint`."""
    scores = [Column(name, RIGHT, form="{:g}".format, missing="") for name in ("old", "new", "all", "average")]
    background = Column("background in old", form=lambda counts: "yes" if counts else "no", missing="")
    share = Column("% of joint", RIGHT, form="{:.0f}".format, missing="")
    columns = [Column("method"), Column("backbone"), *scores, share, background, Column("source")]
    return Table(columns, [_cells(row) for row in rows]).markdown()


def _cells(row: PublishedResult) -> tuple:
    source = f"{row.source}{' (copied there)' if row.copied else ''}"
    scores = (row.old, row.new, row.all, row.average, share_of_joint(row))
    return (row.method, row.backbone, *scores, row.background_in_old, source)
