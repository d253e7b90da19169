"""The loops that ours are compared with compute the same."""

import torch
from torch.testing import assert_close

from satkit.data.labels import IGNORE
from satkit.strategies import AttentionTransfer
from satkit.studies.attention_by_loops import attention_by_loops
from satkit.studies.bench import Size, Trainer


def test_value_and_gradient_are_those_of_the_attention_term():
    trainer = Trainer(Size("mit_quick", 32, 3, 8, term=1.0), torch.device("cpu"))
    trainer.labels[0] = IGNORE  # an image without a region
    inputs, leaves = trainer.taps
    values = [term(inputs) for term in (attention_by_loops, AttentionTransfer(1.0))]
    assert values[0] > 0
    assert_close(*values)
    assert_close(*(torch.autograd.grad(value, leaves, retain_graph=True) for value in values))
