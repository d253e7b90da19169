"""What training the published rows of VOC and ADE20K costs, on paper: operations counted, hours under assumptions.

Nothing here was measured on a GPU. Operations are counted in one forward pass of the preset `published`; a backward
pass counts as two forward passes, as usual. Hours follow from a rate that has to be assumed.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from satkit.experiments.presets import preset
from satkit.models import build_segmenter
from satkit.utils.tables import RIGHT, Column, Table

GPU, PEAK = "A100", 312e12  # dense bfloat16, from NVIDIA's data sheet, in operations a second
REACHED = 0.1  # share of it that is assumed: about 230 images a second without a teacher
CLASSES = {"voc": 21, "ade20k": 151}  # background among them
TESTED = {"voc": 1449, "ade20k": 2000}  # images, after every step
# Training images of each step in the setting overlapped, counted from the image lists of the benchmarks.
IMAGES = {
    ("voc", "19-1"): (10410, 548),
    ("voc", "15-5"): (9568, 2145),
    ("voc", "15-1"): (9568, 487, 299, 491, 500, 548),
    ("voc", "10-1"): (6139, 528, 1177, 444, 482, 3898, 487, 299, 491, 500, 548),
    ("voc", "5-3"): (2836, 2331, 1542, 2095, 4484, 1468),
    ("ade20k", "100-50"): (20192, 9390),
    ("ade20k", "100-10"): (20192, 1710, 2294, 2747, 4279, 2844),
    ("ade20k", "100-5"): (20192, 1142, 600, 1234, 1204, 1151, 1874, 1807, 2943, 1238, 1898),
    ("ade20k", "50-50"): (20177, 13186, 9390),
}


@dataclass(frozen=True)
class Cost:
    """Operations of one run, in 10^15.

    Attributes:
        base, later: Of training the base step, and all later steps with a teacher.
        tested: Of all evaluations.
    """

    base: float
    later: float
    tested: float

    @property
    def hours(self) -> float:
        """On one GPU, at the assumed rate."""
        return (self.base + self.later + self.tested) * 1e15 / (REACHED * PEAK) / 3600


def cost(data: str, task: str) -> Cost:
    """What a run of the preset `published` costs.

    Args:
        data, task: A key of `IMAGES`.
    """
    chosen, (first, *others) = preset(data, "published"), IMAGES[data, task]
    epochs, forward = chosen.task_epochs.get(task, chosen.epochs), operations(data) / 1e15
    base = 3 * epochs[0] * first * forward  # forward once, backward as much as twice
    later = 4 * epochs[1] * sum(others) * forward  # the teacher's forward pass as well
    return Cost(base, later, (1 + len(others)) * TESTED[data] * forward)


@lru_cache
def operations(data: str) -> int:
    """Operations of the network's forward pass on one training crop; a product and its sum are two."""
    model, size = _network(data)
    with FlopCounterMode(display=False) as counter:
        model(torch.empty(1, 3, size, size, device="meta"))
    return counter.get_total_flops()


@lru_cache
def kept(data: str) -> int:
    """Bytes that the network keeps for the backward pass, for each training crop, in float32."""
    model, size = _network(data)
    parameters = {parameter.untyped_storage()._cdata for parameter in model.parameters()}
    found = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        found[storage._cdata] = storage  # kept alive, so that no two have one address
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = model(torch.empty(1, 3, size, size, device="meta"))
    del output
    return sum(storage.nbytes() for address, storage in found.items() if address not in parameters)


def _network(data: str):
    """The network of the preset `published` without values, and the size of its crops."""
    chosen = preset(data, "published")
    settings = {**chosen.model, "pretrained": False}
    with torch.device("meta"):
        return build_segmenter(chosen.backbone, (CLASSES[data],), **settings).train(), chosen.augment["size"]


def markdown() -> str:
    """The table of all rows, as Markdown."""
    columns = [Column("data"), Column("task"), Column("epochs: base, later")]
    columns += [Column(name, RIGHT, form="{:.1f}".format) for name in ("base", "later", "tests")]
    columns += [Column(f"hours, one {GPU}", RIGHT, form="{:.1f}".format)]
    lines = []
    for data, task in IMAGES:
        chosen, found = preset(data, "published"), cost(data, task)
        epochs = chosen.task_epochs.get(task, chosen.epochs)
        lines.append([data, task, "{}, {}".format(*epochs), found.base, found.later, found.tested, found.hours])
    chosen = preset("voc", "published")
    batch, size = chosen.base.batch_size, chosen.augment["size"]
    note = (
        f"Operations in units of 10^15, counted in a forward pass of {chosen.backbone} at {size} x {size} "
        f"({operations('voc') / 1e9:.0f} * 10^9), a backward pass as two of these, with a teacher from step 1 on. "
        f"Hours: assumed are {REACHED:.0%} of the {PEAK / 1e12:.0f} * 10^12 operations a second that an {GPU} has in "
        f"bfloat16, and data that come in time. Memory: {batch} crops keep {batch * kept('voc') / 1e9:.0f} GB for the "
        "backward pass in float32, about half of it with `--autocast bfloat16`. Not measured."
    )
    return Table(columns, lines, note).markdown()
