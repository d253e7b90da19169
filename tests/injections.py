"""Values that are not finite, put into a training at the places where they can enter, in one iteration."""

import copy
from contextlib import ExitStack, contextmanager

import pytest
import torch

from satkit.data.batches import BatchStream
from satkit.strategies import EWC, AttentionTransfer

AT = 3  # the iteration that is spoilt, from 1


class Injection:
    """One value at one place in iteration `AT`; in all others nothing is changed."""

    def __init__(self, started, place, value):
        self.started, self.place, self.value, self.done, self.hits = started, place, value, 0, 0

    def spoil(self, tensor):
        """The tensor with the value in its first element, if it is time."""
        if self.done != AT - 1:
            return tensor
        self.hits += 1
        tensor = tensor.clone()
        with torch.no_grad():
            tensor.view(-1)[0] = self.value
        return tensor

    def add(self, tensor):
        """The tensor plus the value, if it is time."""
        self.hits += self.done == AT - 1
        return tensor + self.value if self.done == AT - 1 else tensor

    @contextmanager
    def at_work(self):
        """The value is put into its place inside the block."""
        with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
            PLACES[self.place](self, patch, stack)
            yield


def _images(injection, patch, stack):
    usual = BatchStream.batch

    def batch(stream, iteration):
        images, labels = usual(stream, iteration)
        return injection.spoil(images), labels

    patch.setattr(BatchStream, "batch", batch)


def _scores(model):
    def hook(injection, patch, stack):
        classifier = getattr(injection.started, model).classifier
        stack.callback(classifier.register_forward_hook(lambda *seen: injection.spoil(seen[-1])).remove)

    return hook


def _term(injection, patch, stack):
    usual = AttentionTransfer.__call__
    patch.setattr(AttentionTransfer, "__call__", lambda term, inputs: injection.add(usual(term, inputs)))


def _gradient(injection, patch, stack):
    parameter = next(parameter for parameter in injection.started.student.parameters() if parameter.requires_grad)
    stack.callback(parameter.register_hook(injection.spoil).remove)


def _penalty(injection, patch, stack):
    usual = EWC.penalty
    patch.setattr(EWC, "penalty", lambda part, *given: injection.add(usual(part, *given)))


PLACES = {
    "images": _images,
    "student": _scores("student"),
    "teacher": _scores("teacher"),
    "attention": _term,
    "gradient": _gradient,
    "importance": _penalty,
}
SAID = {
    "images": "The images must hold finite numbers, but those of this batch do not.",
    "student": "The class scores of the student must be finite, but some are not",
    "teacher": "The class scores of the teacher must be finite, but some are not",
    "attention": "The loss must be finite, but 'attention' is {value}",
    "gradient": "The gradient must be finite, but its norm is",
    "importance": "The loss must be finite, but 'importance' is {value}",
}


def trained(experiment, place, value):
    """Train step 1 with a value at a place; what was raised, and which parts of the state its iteration has changed.

    The state is that of weights (with those that the forward pass changes), optimiser and importance.
    """
    started, kept = experiment.begin(1), {}
    injection = Injection(started, place, value)

    def report(iteration):
        injection.done = iteration.number
        if iteration.number == AT - 1:
            kept.update(copy.deepcopy(iteration.snapshot()))
        if iteration.number == AT:
            raise Unnoticed
        kept["live"] = iteration.snapshot

    error = None
    with injection.at_work():
        try:
            experiment.train(started, report)
        except Exception as raised:  # whatever it is, the test says what it must be
            error = raised
    assert injection.hits
    live = kept.pop("live")()
    changed = {name.split(".")[0] for name, before in kept.items() if not equal(before, live[name])}
    return error, changed - {"random", "iteration"}


class Unnoticed(Exception):
    """The iteration has ended as if nothing had been wrong with it."""


def equal(one, other):
    """Whether two tensors are the same, bit for bit."""
    one, other = (tensor.contiguous().reshape(-1).view(torch.uint8) for tensor in (one, other))
    return torch.equal(one, other)


def names_of(experiment, started):
    """Names of the images in the batch of iteration `AT`, as a message lists them."""
    return ", ".join(experiment.plan.batches(started.step, started.state).names(AT - 1))
