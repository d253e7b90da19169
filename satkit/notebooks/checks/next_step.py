"""Checks of lesson 07: the first probabilities of a student, how many targets are right, and the distillation."""

import torch

from satkit.analysis import targets_of
from satkit.notebooks.checks.checking import Names, called, same, wants

AXES = "batch class height width"
MOST = 100  # images in which targets are counted


@wants(
    p="the student's probabilities, a tensor (batch, class, height, width)",
    shares="the part of background and that of all new classes together, two tensors (batch, height, width)",
    p_old="the teacher's probabilities (without a teacher the student's), a tensor (batch, class, height, width)",
)
def probabilities(at: Names) -> None:
    """With exponentials, and with a loop over the new classes."""
    p = _softmax(at.learnt.logits)
    same("p", at.p, p, AXES, sums="class")
    same("shares", at.shares, (p[:, 0], sum(p[:, c] for c in at.now.new)), "batch height width")
    same("p_old", at.p_old, p if at.taught is None else _softmax(at.taught.logits), AXES, sums="class")


def _softmax(logits: torch.Tensor) -> torch.Tensor:
    powers = (logits.double() - logits.double().amax(dim=1, keepdim=True)).exp()
    return powers / powers.sum(dim=1, keepdim=True)


@wants(
    right="of the pixels of old classes in the first hundred images, how many have the right target, a number",
    total="how many pixels of old classes there are in them, a number",
)
def right_targets(at: Names) -> None:
    """Class by class."""
    right = total = 0
    for index in range(min(MOST, len(at.started.images))):
        really, target = at.complete.labels(index), targets_of(at.started, at.started.images, index)
        for c in at.now.old:
            total += int((really == c).sum())
            right += int(((really == c) & (target == c)).sum())
    same("total", at.total, total)
    same("right", at.right, right)


@wants(distillation="a function of the teacher's and the student's probabilities: L_kd, a tensor of one number")
def distillation(at: Names) -> None:
    """With a loop over the teacher's classes; the student's probabilities are moved away from the teacher's."""
    p = 0.5 * at.p + 0.5 / at.p.shape[1]
    K, total = at.p_old.shape[1], 0.0
    for c in range(K):
        p_hat = p[:, c] + (sum(p[:, new] for new in range(K, p.shape[1])) if c == 0 else 0)
        total = total - (at.p_old[:, c].double() * p_hat.double().log()).sum()
    same("distillation", called("distillation", at.distillation, at.p_old, p), total / at.p_old.numel())
