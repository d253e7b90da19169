"""Random taps and targets, the loss of SATS by slow loops, and the attention that a network itself computes."""

from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from satkit.data import IGNORE
from satkit.models import AttentionTap
from satkit.models.attention_taps import attention_blocks
from satkit.scenario import Step
from satkit.strategies import LossInputs

STEP = Step(1, old=(1, 2), new=(3, 4), future=(5,))


def loss_inputs(student, teacher, targets, step=STEP, labels=None) -> LossInputs:
    labels = targets if labels is None else labels
    taps = (SimpleNamespace(attention=tuple(each)) for each in (student, teacher))
    return LossInputs(step, labels, targets, *taps)


def random_tap(seed: int, grid=(4, 6), key_grid=(2, 3), heads=3, batch=2, dtype=torch.float32) -> AttentionTap:
    generator = torch.Generator().manual_seed(seed)
    queries, keys = (
        torch.randn(batch, heads, height * width, 4, generator=generator, dtype=dtype).requires_grad_()
        for height, width in (grid, key_grid)
    )
    return AttentionTap("stage 1", queries, keys, 0.5, grid, key_grid)


def random_targets(seed: int, size=(8, 12), batch=2) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    values = torch.tensor([0, 1, 2, 3, 5, IGNORE], dtype=torch.uint8)  # 4 is absent, 5 is yet to come
    return values[torch.randint(len(values), (batch, *size), generator=generator)]


def by_loops(student: AttentionTap, teacher: AttentionTap, targets: Tensor, step: Step) -> float:
    """The loss of one stage as the paper words it: image by image, class by class, head by head."""
    ours, theirs = student.weights().detach().double(), teacher.weights().detach().double()
    per_image = []
    for image in range(len(targets)):
        small = Image.fromarray(targets[image].numpy())
        small = np.asarray(small.resize(student.query_grid[::-1], Image.Resampling.NEAREST)).ravel()
        per_region = []
        for index in step.seen:
            inside = np.flatnonzero(small == index)
            if not len(inside):
                continue
            per_head = []
            for head in range(ours.shape[1]):
                relation = sum(ours[image, head, q] for q in inside) / len(inside)
                taught = sum(theirs[image, head, q] for q in inside) / len(inside)
                per_head.append(float(((relation - taught) ** 2).sum() ** 0.5))
            per_region.append(sum(per_head) / len(per_head))
        per_image.append(sum(per_region) / len(per_region) if per_region else 0.0)
    return sum(per_image) / len(per_image)


def unfused_attention(model: torch.nn.Module, images: Tensor) -> list[Tensor]:
    """The softmax weights of the tapped blocks, from a run without fused attention."""
    seen, handles = [], []
    blocks = list(attention_blocks(model).values())
    for block in blocks:
        block.fused_attn = False
        handles.append(block.attn_drop.register_forward_pre_hook(lambda module, args: seen.append(args[0])))
    with torch.no_grad():
        model.forward_intermediates(images)
    for block, handle in zip(blocks, handles, strict=True):
        block.fused_attn = True
        handle.remove()
    return seen
