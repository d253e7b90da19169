"""What a step of training needs: a scenario, schedules, batches and models, all of them small."""

import copy
from dataclasses import replace as variant

import torch

from satkit.data.labels import IGNORE
from satkit.models import build_segmenter
from satkit.scenario import scenario
from satkit.strategies import SATS, EntropyPseudoLabels
from satkit.training import Schedule, StepSetup, begin_step, fit_targets, train_step

SCENARIO = scenario(["background", "cat", "dog", "bus"], "2-1")


ALL_PSEUDO = variant(SATS, targets=EntropyPseudoLabels(threshold="none"))


ADAMW = Schedule(6, 1e-3, classifier_lr_factor=10.0, clip=1.0, batch_size=2)


SGD = Schedule(6, 1e-2, "sgd", "poly", weight_decay=1e-4, batch_size=2)


class RandomBatches:
    """Images of noise, and labels that show the classes of a step; a function of the iteration's number."""

    def __init__(self, step, size=32):
        self.step, self.size = step, size

    def batch(self, iteration):
        generator = torch.Generator().manual_seed(1000 * self.step.index + iteration)
        images = torch.randn(2, 3, self.size, self.size, generator=generator)
        shown = torch.tensor([0, *self.step.new, IGNORE], dtype=torch.uint8)
        coarse = shown[torch.randint(len(shown), (2, self.size // 8, self.size // 8), generator=generator)]
        return images, coarse.repeat_interleave(8, dim=1).repeat_interleave(8, dim=2)


class OneBatch:
    """Two images, again and again: cats are bright, everything else is dark."""

    def batch(self, iteration):
        labels = torch.zeros(2, 32, 32, dtype=torch.uint8)
        labels[0, :, 16:], labels[1, :16] = 1, 1
        images = torch.where(labels == 1, 1.0, -1.0)[:, None].expand(2, 3, 32, 32)
        return images.contiguous(), labels


def blank(seed=0, **settings):
    torch.manual_seed(seed)
    settings = {"decoder_width": 16, "dropout": 0.1, "drop_path": 0.1, **settings}
    return build_segmenter("mit_quick", **settings)


def values_of(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def begun(step, strategy, seed=0):
    """What a step is trained from, made anew each time."""
    student, teacher = begin_step(blank(), SCENARIO.steps[0], strategy, seed)
    if step.index == 0:
        return StepSetup(step, strategy, student)
    setup = StepSetup(step, strategy, *begin_step(student, step, strategy, seed))
    setup.state.targets = fit_targets(setup, lambda: [RandomBatches(step).batch(0)])
    return setup


def train(step, strategy, schedule, *, resume=None, snapshot_at=(), seed=0, setup=None):
    setup = setup or begun(step, strategy, seed)
    losses, snapshots = [], {}

    def report(iteration):
        losses.append((iteration.number, iteration.lr, iteration.losses))
        if iteration.number in snapshot_at:
            snapshots[iteration.number] = copy.deepcopy(iteration.snapshot())

    train_step(setup, RandomBatches(step), schedule, seed=seed, report=report, resume=resume)
    return values_of(setup.student), losses, snapshots
