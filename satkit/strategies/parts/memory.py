"""Exemplar memory: a few images of earlier steps that are shown again in every later step.

An image was annotated in its own step, so by default its label map shows the classes of that step only. The published
tables complete the labels of exemplars with the ground truth of all classes seen so far, which no annotator of the
scenario has given (see Kwak et al., arXiv 2405.09858).
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from satkit.strategies.contracts import Part, one_of
from satkit.utils.errors import UsageError

SAMPLINGS = ("balanced", "random")
LABELS = ("step", "complete")
BACKGROUND_IS = ("ignored", "kept")


@dataclass(frozen=True)
class ExemplarMemory(Part):
    """Images that are kept, how they are chosen, and how their labels are read.

    Attributes:
        size: Images in the memory; 100 for VOC and 300 for ADE20K in the published tables.
        sampling: "balanced" draws an image for each class in turn (SSUL-M), "random" any image.
        labels: "step" keeps labels as they were annotated in the image's own step; "complete" completes them with the
            ground truth of every class seen so far.
        share: Part of every batch that comes from the memory, between 0 and 1.
        background: What background counts as where exemplars show the classes of their own step only: "ignored",
            because an object of a class that is new now may be in it, or "kept" as background, as if none were.
    """

    size: int = 100
    sampling: str = "balanced"
    labels: str = "step"
    share: float = 0.5
    background: str = "ignored"

    name: ClassVar[str] = "memory"
    role: ClassVar[str] = "memory"

    def __post_init__(self):
        if not isinstance(self.size, int) or self.size < 1:
            raise UsageError(f"A memory must hold a whole number of images, 1 or more, got {self.size}.")
        one_of("sampling of the memory", self.sampling, SAMPLINGS)
        one_of("labels of the memory", self.labels, LABELS)
        one_of("background of the memory", self.background, BACKGROUND_IS)
        if not 0 < self.share < 1:
            raise UsageError(f"The memory's share of a batch must be between 0 and 1, got {self.share}.")

    def choose(self, kept: np.ndarray, found: np.ndarray, present: np.ndarray, seed: int) -> np.ndarray:
        """The memory after a step, int64 (size, 2): number of an image, and the step that annotated it.

        Args:
            kept: The memory so far, int64 (n, 2).
            found: Images of the step that has ended, int64 (m, 2).
            present: Which class each entry shows, kept ones first: bool (n + m, class), background in column 0.
            seed: Decides every choice.

        Raises:
            UsageError: If there are fewer images than the memory is to hold.
        """
        entries, positions = np.unique(np.concatenate([kept, found]), axis=0, return_index=True)
        if len(entries) < self.size:
            raise UsageError(
                f"A memory must fit into the data: {self.size} images are asked for, but only {len(entries)} have been "
                "seen. Choose a smaller memory."
            )
        random = np.random.Generator(np.random.PCG64(seed))
        order = random.permutation(len(entries))
        if self.sampling == "balanced":
            order = _in_turn(order, present[positions][:, 1:], random)
        return entries[np.sort(order[: self.size])]


def _in_turn(order: np.ndarray, present: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Entries so that each class in turn takes a random unused one; entries that show no class come last."""
    columns = random.permutation(present.T)
    queues = [list(random.permutation(np.flatnonzero(column))) for column in columns]  # each in another order
    taken: dict[int, None] = {}
    while any(queues):
        for queue in queues:
            while queue:
                entry = queue.pop()
                if entry not in taken:
                    taken[entry] = None
                    break
    return np.array([*taken, *(entry for entry in order if entry not in taken)], dtype=np.int64)
