"""SSUL's targets: unknown objects, and old classes where the teacher is certain."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch

from satkit.data.labels import BACKGROUND, IGNORE, UNKNOWN
from satkit.scenario import scenario
from satkit.strategies.targets.saliency import EverythingSalient
from satkit.strategies.targets.unknown_class import UnknownAndPseudoLabels
from satkit.utils.errors import UsageError

BASE, NEXT = scenario(["background", *"abc"], "2-1").steps
IMAGES = torch.zeros(1, 3, 1, 4)


@dataclass(frozen=True)
class LeftHalf:
    def __call__(self, images):
        found = torch.zeros(images.shape[0], *images.shape[-2:], dtype=torch.bool)
        found[..., : images.shape[-1] // 2] = True
        return found


def row(*labels) -> torch.Tensor:
    return torch.tensor([[labels]], dtype=torch.uint8)


def taught(*rows) -> SimpleNamespace:
    """A teacher whose logits are given pixel by pixel: background, a, b, unknown."""
    scores = torch.tensor(rows, dtype=torch.float32).T[None, :, None]  # (1, channel, 1, pixel)
    return SimpleNamespace(logits=scores[:, :3], reserved=scores[:, 3:])


def test_salient_background_is_unknown_also_in_the_base_step():
    found = UnknownAndPseudoLabels(LeftHalf())(row(0, 1, 0, IGNORE), None, BASE, {}, IMAGES)
    assert found.tolist() == [[[UNKNOWN, 1, BACKGROUND, IGNORE]]]
    assert found.dtype == torch.uint8


def test_a_sure_old_class_replaces_background_and_unknown_alike():
    teacher = taught([-9, 3, -9, -9], [-9, 3, -9, -9], [-9, -9, 3, -9], [-9, 3, -9, -9])
    found = UnknownAndPseudoLabels(LeftHalf())(row(0, 3, 0, 0), teacher, NEXT, {}, IMAGES)
    assert found.tolist() == [[[1, 3, 2, 1]]]  # the label of the new class stays


@pytest.mark.parametrize(
    "scores",
    [
        [-9, 0.8, -9, -9],  # sigmoid 0.69, below 0.7
        [4, 3, -9, -9],  # background is surer
        [-9, 3, -9, 4],  # unknown is surer
    ],
)
def test_an_unsure_teacher_leaves_unknown_and_background(scores):
    teacher = taught(*[scores] * 4)
    found = UnknownAndPseudoLabels(LeftHalf(), 0.7)(row(0, 0, 0, 0), teacher, NEXT, {}, IMAGES)
    assert found.tolist() == [[[UNKNOWN, UNKNOWN, BACKGROUND, BACKGROUND]]]


def test_the_threshold_is_a_sigmoid():
    teacher = taught(*[[-9, 0.0, -9, -9]] * 4)
    found = UnknownAndPseudoLabels(EverythingSalient(), 0.5)(row(0, 0, 0, 0), teacher, NEXT, {}, IMAGES)
    assert found.tolist() == [[[1, 1, 1, 1]]]
    with pytest.raises(UsageError, match="must be between 0 and 1, got 1.2"):
        UnknownAndPseudoLabels(threshold=1.2)
