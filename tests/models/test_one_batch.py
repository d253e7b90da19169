"""A network that sees a batch in parts computes what one computes that sees all of it."""

import pytest
import torch
import torch.nn.functional as F
from in_threads import as_process, in_threads
from torch import nn

from satkit.models.one_batch import OneBatch, as_one_batch

SIZES = [3, 1, 2]
PARTS = [slice(0, 3), slice(3, 4), slice(4, 6)]


def normalised(images, wanted, part=slice(None)):
    """Output, gradient of the images, gradients of the parameters and running statistics of a batch norm."""
    norm = nn.BatchNorm2d(5).double().train()
    norm.weight.data, norm.bias.data = torch.linspace(-1.0, 2.0, 10, dtype=torch.float64).view(2, 5)
    given = images[part].clone().requires_grad_()
    with as_one_batch(given):
        found = norm(given)
    (found * wanted[part]).sum().backward()
    return found.detach(), given.grad, norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var


def test_batch_normalisation_is_that_of_the_whole_batch_with_its_gradients_and_running_statistics():
    images, wanted = torch.randn(2, 6, 5, 3, 4, dtype=torch.float64)
    images = 3 * images + 100  # where a variance from squares alone would be lost
    whole = normalised(images, wanted)
    parts = in_threads(*(lambda part=part: normalised(images, wanted, part) for part in PARTS))
    for number in (0, 1):
        torch.testing.assert_close(torch.cat([part[number] for part in parts]), whole[number])
    for number in (2, 3):
        torch.testing.assert_close(sum(part[number] for part in parts), whole[number])
    for number in (4, 5):
        assert all(torch.equal(part[number], parts[0][number]) for part in parts)
        torch.testing.assert_close(parts[0][number], whole[number])


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 7), (6, 5, 3, 4)])
def test_a_norm_without_parameters_and_of_any_shape_has_the_gradient_of_the_whole_batch(shape):
    images, wanted = torch.randn(2, *shape, dtype=torch.float64)

    def normed(part=slice(None)):
        given = images[part].clone().requires_grad_()
        with as_one_batch(given):
            found = F.batch_norm(given, None, None, training=True)
        (found * wanted[part]).sum().backward()
        return found.detach(), given.grad

    parts = in_threads(*(lambda part=part: normed(part) for part in PARTS))
    for number, whole in enumerate(normed()):
        torch.testing.assert_close(torch.cat([part[number] for part in parts]), whole)


def test_a_norm_in_evaluation_mode_uses_what_it_has_seen_before():
    norm, images = nn.BatchNorm2d(5).eval(), torch.randn(2, 5, 3, 4)
    with as_process(0, 2), OneBatch([2, 2]):
        found = norm(images)
    assert torch.equal(found, norm(images))


def test_fewer_bits_go_in_and_come_out():
    images = torch.randn(4, 5, 3, 3).bfloat16()
    whole = nn.BatchNorm2d(5).train()(images)
    work = (lambda part=part: normed(images[part]) for part in (slice(0, 2), slice(2, 4)))
    found = torch.cat(in_threads(*work))
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found, whole, rtol=2e-2, atol=2e-2)


def normed(images):
    with as_one_batch(images):
        return nn.BatchNorm2d(5).train()(images)


def drop_path(images):
    return images * images.new_empty((len(images), 1, 1, 1)).bernoulli_(0.7)


DRAWS = {
    "dropout": lambda images: F.dropout(images, 0.3, training=True),
    "dropout of channels": nn.Dropout2d(0.3).train(),
    "drop-path": drop_path,
    "several rows an image": lambda images: drop_path(images.flatten(0, 1)[..., None]).view_as(images),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_what_is_dropped_is_a_part_of_what_one_process_drops_and_the_generator_goes_on_alike(draw):
    images = torch.randn(6, 5, 3)[..., None]
    torch.manual_seed(7)
    whole, after = draw(images), torch.get_rng_state()
    assert (whole == 0).any()
    for number, part in enumerate(PARTS):
        torch.manual_seed(7)
        with as_process(number, 3), OneBatch(SIZES):
            found = draw(images[part])
        torch.testing.assert_close(found, whole[part])
        assert torch.equal(torch.get_rng_state(), after)


def test_alone_nothing_is_changed():
    torch.manual_seed(7)
    images = torch.randn(2, 5, 3, 4)
    with as_one_batch(images) as changes:
        assert changes is None
