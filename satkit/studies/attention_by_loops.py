"""The attention term by loops, as the released code has it: what `satkit bench` compares ours with."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from satkit.data.labels import BACKGROUND, IGNORE
from satkit.strategies import LossInputs


def attention_by_loops(inputs: LossInputs) -> Tensor:
    """The attention term as loops over stages, images, classes and heads: the measure of our own.

    That is how the released code has it, labels resized image by image on the CPU included. The same value as
    `AttentionTransfer(1)`, from whole attention matrices.
    """
    targets, stages = inputs.targets.cpu().numpy(), []
    for student, teacher in zip(inputs.student.attention, inputs.teacher.attention, strict=True):
        ours, theirs = student.weights(), teacher.weights()
        images = []
        for image, target in enumerate(targets):
            small = Image.fromarray(target).resize(student.query_grid[::-1], Image.Resampling.NEAREST)
            labels = torch.from_numpy(np.array(small)).flatten().to(ours.device)
            regions = []
            for label in labels.unique().tolist():
                if label not in (BACKGROUND, IGNORE):
                    inside = labels == label
                    differences = [
                        ours[image, head][inside].mean(0) - theirs[image, head][inside].mean(0)
                        for head in range(ours.shape[1])
                    ]
                    regions.append(torch.stack([each.norm() for each in differences]).mean())
            images.append(torch.stack(regions).mean() if regions else ours.sum() * 0)
        stages.append(torch.stack(images).mean())
    return torch.stack(stages).mean()
