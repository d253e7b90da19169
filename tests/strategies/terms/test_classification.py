"""Losses that learn the targets, pixel by pixel, and their reductions."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from places import GOLDEN_FILE
from torch.testing import assert_close

from satkit.data import IGNORE
from satkit.data.labels import UNKNOWN
from satkit.scenario import Step, scenario
from satkit.strategies import BinaryCrossEntropy, CrossEntropy, LossInputs, UnbiasedCrossEntropy
from satkit.strategies.terms.classification import CoarseCrossEntropy, adaptive_factor, unbiased_cross_entropy
from satkit.utils.errors import UsageError

STEP = Step(0, old=(), new=(1, 2), future=())


def output(logits, reserved=None) -> SimpleNamespace:
    return SimpleNamespace(logits=logits, reserved=reserved)


def inputs_for(logits, targets, labels=None) -> LossInputs:
    return LossInputs(STEP, targets if labels is None else labels, targets, output(logits))


def random_case() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    targets = torch.randint(0, 4, (2, 3, 5), generator=generator).to(torch.uint8)
    targets[targets == 3] = IGNORE
    return torch.randn(2, 3, 3, 5, generator=generator), targets


def per_pixel(logits, targets) -> list[float]:
    """-log of the target's probability at every pixel that has one, one pixel after the other."""
    found = []
    for image, row, column in (targets != IGNORE).nonzero().tolist():
        scores = logits[image, :, row, column].double().tolist()
        target = int(targets[image, row, column])
        found.append(math.log(sum(math.exp(score) for score in scores)) - scores[target])
    return found


def test_all_divides_by_every_pixel_and_valid_by_the_pixels_that_count():
    logits, targets = random_case()
    losses = per_pixel(logits, targets)
    assert 0 < len(losses) < targets.numel()
    both = [CrossEntropy(over=over)(inputs_for(logits, targets)) for over in ("all", "valid")]
    assert float(both[0]) == pytest.approx(sum(losses) / targets.numel(), rel=1e-5)
    assert float(both[1]) == pytest.approx(sum(losses) / len(losses), rel=1e-5)
    assert CrossEntropy()(inputs_for(logits, targets)) == both[0]


@pytest.mark.parametrize("over", ["all", "valid"])
def test_nothing_but_ignore_gives_zero_and_a_finite_gradient(over):
    logits = random_case()[0].requires_grad_()
    value = CrossEntropy(over=over)(inputs_for(logits, torch.full((2, 3, 5), IGNORE, dtype=torch.uint8)))
    value.backward()
    assert value == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_the_loss_sees_targets_and_not_labels():
    logits, targets = random_case()
    labels = torch.zeros_like(targets)
    assert CrossEntropy()(inputs_for(logits, targets, labels)) == CrossEntropy()(inputs_for(logits, targets))


def test_bfloat16_logits_are_computed_in_float32():
    logits, targets = random_case()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = CrossEntropy()(inputs_for(logits.bfloat16(), targets))
    assert value.dtype == torch.float32
    assert_close(value, CrossEntropy()(inputs_for(logits.bfloat16().float(), targets)))


def test_the_weight_multiplies():
    case = inputs_for(*random_case())
    assert_close(CrossEntropy(3)(case), 3 * CrossEntropy()(case))


def test_settings_that_mean_nothing_are_refused():
    with pytest.raises(UsageError, match="reduction of the cross-entropy 'vald'. Did you mean 'valid'"):
        CrossEntropy(over="vald")
    with pytest.raises(UsageError, match="CrossEntropy needs weight >= 0, got -1"):
        CrossEntropy(-1)


GOLDEN = np.load(GOLDEN_FILE)
LATER = scenario(["background", *"abcdefghijk"], "8-3").steps[1]  # 9 old channels, 3 new, as in the golden logits


def golden_case() -> LossInputs:
    labels, logits = (torch.from_numpy(GOLDEN[name]) for name in ("labels_logits", "logits_student"))
    return LossInputs(LATER, labels, labels, output(logits))


def later_case(labels, logits, targets=None, **student) -> LossInputs:
    targets = labels if targets is None else targets
    return LossInputs(LATER, labels, targets, output(logits, **student))


def some_labels(*values: int, shape=(2, 3, 5), seed=0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.tensor(values, dtype=torch.uint8)[torch.randint(len(values), shape, generator=generator)]


def some_logits(channels=12, shape=(2, 3, 5), seed=1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape[0], channels, *shape[1:], generator=generator)


def test_golden_unbiased_cross_entropy():
    case = golden_case()
    assert float(UnbiasedCrossEntropy(old_labels="pooled")(case)) == pytest.approx(
        float(GOLDEN["expected_mib_unce_mean"]), rel=1e-5
    )
    targets = case.targets.long()
    found = unbiased_cross_entropy(case.student.logits, targets.where(targets >= 9, 0), 9)
    assert_close(found, torch.from_numpy(GOLDEN["expected_mib_unce_map"]).view_as(found), rtol=1e-5, atol=1e-6)


def test_golden_binary_cross_entropy():
    case, expected = golden_case(), torch.from_numpy(GOLDEN["expected_bce_map"])
    assert float(BinaryCrossEntropy()(case)) == pytest.approx(float(GOLDEN["expected_bce_mean"]), rel=1e-5)
    for row in range(24):  # the map, a row of the three images at a time
        part = later_case(case.labels[:, row : row + 1], case.student.logits[:, :, row : row + 1])
        assert_close(BinaryCrossEntropy()(part), expected[:, row].mean(), rtol=1e-5, atol=1e-6)


def test_unbiased_cross_entropy_equals_a_loop_over_pixels():
    labels, logits = some_labels(0, 3, 8, 9, 11, IGNORE), some_logits()
    for old_labels in ("kept", "pooled"):
        total = 0.0
        for image, row, column in (labels != IGNORE).nonzero().tolist():
            p = logits[image, :, row, column].double().softmax(0)
            label = int(labels[image, row, column])
            means_background = label == 0 or (label < 9 and old_labels == "pooled")
            total -= math.log(float(p[:9].sum() if means_background else p[label]))
        found = UnbiasedCrossEntropy(old_labels=old_labels)(later_case(labels, logits))
        assert float(found) == pytest.approx(total / labels.numel(), rel=1e-5)


def test_unbiased_cross_entropy_is_cross_entropy_where_background_is_the_only_old_channel():
    labels, logits = some_labels(0, 1, 2, IGNORE), some_logits(3)
    found = unbiased_cross_entropy(logits, labels.long(), 1)
    plain = torch.nn.functional.cross_entropy(logits, labels.long(), ignore_index=IGNORE, reduction="none")
    assert_close(found, plain)
    base = LossInputs(STEP, labels, labels, output(logits))
    for over in ("all", "valid"):
        assert_close(UnbiasedCrossEntropy(over=over)(base), CrossEntropy(over=over)(base))


def test_the_adaptive_factor_is_the_share_of_unlabelled_pixels_that_were_accepted():
    labels = torch.zeros(3, 2, 4, dtype=torch.uint8)
    labels[0, 0], labels[2] = 9, 10  # half of image 0 is new, image 2 is new all over
    targets = labels.clone()
    targets[0, 1, 0], targets[0, 1, 1:], targets[1, 0], targets[1, 1, :2] = 3, IGNORE, IGNORE, 5
    logits = some_logits(shape=(3, 2, 4))
    case = later_case(labels, logits, targets)
    assert_close(adaptive_factor(case), torch.tensor([1 / 4, 4 / 8, 0.0]))
    plain = torch.nn.functional.cross_entropy(logits, targets.long(), ignore_index=IGNORE, reduction="none")
    expected = (plain[0].sum() / 4 + plain[1].sum() / 2) / targets.numel()
    assert_close(CrossEntropy(adaptive=True)(case), expected)


def test_the_adaptive_factor_changes_nothing_where_every_pseudo_label_is_accepted():
    labels = some_labels(0, 0, 9, 11)
    case = later_case(labels, some_logits(), torch.where(labels == 0, 4, labels).to(torch.uint8))
    assert_close(CrossEntropy(adaptive=True)(case), CrossEntropy()(case), rtol=1e-5, atol=0)


def test_reserved_channels_take_part_in_the_softmax():
    labels, logits, reserved = some_labels(0, 9, 11, IGNORE), some_logits(), some_logits(4, seed=2)
    found = CrossEntropy()(later_case(labels, logits, reserved=reserved))
    assert_close(found, CrossEntropy()(later_case(labels, torch.cat([logits, reserved], dim=1))))
    assert float(found) > float(CrossEntropy()(later_case(labels, logits)))


def test_binary_cross_entropy_equals_loops_over_pixels_and_channels():
    labels, logits, reserved = some_labels(0, 3, 9, UNKNOWN, IGNORE), some_logits(), some_logits(1, seed=2)
    channels = torch.cat([logits, reserved], dim=1)

    def slowly(only, positive_weight, counts_void):
        total = 0.0
        for image, row, column in labels.new_ones(labels.shape).nonzero().tolist():
            label = int(labels[image, row, column])
            if label == IGNORE and not counts_void:
                continue
            for channel in only:
                probability = 1 / (1 + math.exp(-float(channels[image, channel, row, column])))
                hot = channel == (12 if label == UNKNOWN else label)
                total -= positive_weight * math.log(probability) if hot else math.log(1 - probability)
        return total

    case, valid = later_case(labels, logits, reserved=reserved), int((labels != IGNORE).sum())
    everything = slowly(range(13), 1, False)
    assert float(BinaryCrossEntropy()(case)) == pytest.approx(everything / labels.numel(), rel=1e-5)
    assert float(BinaryCrossEntropy(over="valid")(case)) == pytest.approx(everything / valid, rel=1e-5)
    dkd = BinaryCrossEntropy(only="new", void="negative", positive_weight=2.0)(case)
    assert float(dkd) == pytest.approx(slowly((9, 10, 11), 2, True) / labels.numel(), rel=1e-5)


@pytest.mark.parametrize(
    "term",
    [UnbiasedCrossEntropy(), BinaryCrossEntropy(), BinaryCrossEntropy(over="valid"), CrossEntropy(adaptive=True)],
)
def test_images_of_void_alone_give_zero_and_a_finite_gradient(term):
    labels, logits = some_labels(IGNORE), some_logits().requires_grad_()
    value = term(later_case(labels, logits))
    value.backward()
    assert float(value.detach()) == 0
    assert logits.grad.isfinite().all()


def test_binary_cross_entropy_with_void_as_negative_pushes_every_channel_down_there():
    labels, logits = some_labels(IGNORE), some_logits()
    for over in ("all", "valid"):
        found = BinaryCrossEntropy(over=over, void="negative")(later_case(labels, logits))
        assert_close(found, torch.nn.functional.softplus(logits).sum(dim=1).mean())


def test_unknown_is_learnt_by_the_last_of_several_reserved_channels():
    labels, logits, reserved = some_labels(UNKNOWN), torch.zeros(2, 12, 3, 5), torch.zeros(2, 3, 3, 5)
    reserved.requires_grad_()
    BinaryCrossEntropy()(later_case(labels, logits, reserved=reserved)).backward()
    assert (reserved.grad[:, 2] < 0).all()
    assert (reserved.grad[:, :2] > 0).all()


@pytest.mark.parametrize("term", [CrossEntropy(), UnbiasedCrossEntropy(), BinaryCrossEntropy()])
def test_unknown_is_refused_where_no_channel_can_learn_it(term):
    labels = some_labels(0, 9)
    labels[0, 0, :2] = UNKNOWN
    message = f"{type(term).__name__} needs targets without UNKNOWN here, got 2 such pixels; learn them with Binary"
    with pytest.raises(ValueError, match=message):
        term(later_case(labels, some_logits(), reserved=None))


def test_a_softmax_refuses_unknown_also_beside_reserved_channels():
    with pytest.raises(ValueError, match="CrossEntropy needs targets without UNKNOWN"):
        CrossEntropy()(later_case(some_labels(UNKNOWN), some_logits(), reserved=some_logits(1)))


@pytest.mark.parametrize("term", [CrossEntropy(adaptive=True), UnbiasedCrossEntropy(), BinaryCrossEntropy()])
def test_the_other_losses_are_computed_in_float32_too(term):
    labels, logits, reserved = some_labels(0, 9, IGNORE), some_logits().bfloat16(), some_logits(1, seed=2).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = term(later_case(labels, logits, reserved=reserved))
    assert value.dtype == torch.float32
    assert_close(value, term(later_case(labels, logits.float(), reserved=reserved.float())), rtol=1e-6, atol=0)


@pytest.mark.parametrize("make", [lambda w: CrossEntropy(w, adaptive=True), UnbiasedCrossEntropy, BinaryCrossEntropy])
def test_the_weight_of_the_other_losses_multiplies(make):
    case = later_case(some_labels(0, 3, 9, IGNORE), some_logits())
    assert_close(make(3)(case), 3 * make(1)(case))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: UnbiasedCrossEntropy(-1), "UnbiasedCrossEntropy needs weight >= 0, got -1"),
        (
            lambda: UnbiasedCrossEntropy(over="valids"),
            "Unknown reduction of the cross-entropy 'valids'. Did you mean 'valid'",
        ),
        (lambda: UnbiasedCrossEntropy(old_labels="keep"), "Unknown treatment of old labels 'keep'"),
        (lambda: BinaryCrossEntropy(only="old"), "Unknown selection of channels 'old'"),
        (lambda: BinaryCrossEntropy(void="kept"), "Unknown treatment of void pixels 'kept'"),
        (lambda: BinaryCrossEntropy(positive_weight=-2), "needs positive_weight >= 0, got -2"),
    ],
)
def test_settings_of_the_other_losses_that_mean_nothing_are_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()


def coarse_case(height=3, width=5, cell=4, dtype=torch.float32) -> LossInputs:
    """Logits on a grid of cells, and labels of every pixel."""
    labels = some_labels(0, 1, 2, IGNORE, shape=(2, height * cell, width * cell))
    logits = some_logits(3, (2, height, width)).to(dtype)
    return LossInputs(STEP, labels, torch.zeros_like(labels), SimpleNamespace(coarse=logits))


@pytest.mark.parametrize(("cell", "centre"), [(4, 2), (3, 1), (1, 0)])
def test_coarse_cross_entropy_is_a_loop_over_cells_and_the_labels_at_their_centres(cell, centre):
    case = coarse_case(cell=cell)
    logits, total = case.student.coarse, 0.0
    images, _, height, width = logits.shape
    for image in range(images):
        for row in range(height):
            for column in range(width):
                label = int(case.labels[image, row * cell + centre, column * cell + centre])
                if label != IGNORE:
                    scores = logits[image, :, row, column].double().tolist()
                    total += math.log(sum(math.exp(score) for score in scores)) - scores[label]
    assert float(CoarseCrossEntropy(2.0)(case)) == pytest.approx(2.0 * total / (images * height * width), rel=1e-5)


def test_coarse_cross_entropy_of_logits_that_are_not_enlarged_is_cross_entropy():
    case = coarse_case(cell=1)
    logits = case.student.coarse
    assert_close(CoarseCrossEntropy()(case), CrossEntropy()(inputs_for(logits, case.labels)))


def test_coarse_cross_entropy_reaches_the_logits_and_is_computed_in_float32():
    case = coarse_case(dtype=torch.bfloat16)
    logits = case.student.coarse.requires_grad_()
    value = CoarseCrossEntropy()(case)
    value.backward()
    assert value.dtype == torch.float32
    assert logits.grad.abs().sum() > 0


def test_coarse_cross_entropy_refuses_a_weight_below_zero():
    with pytest.raises(UsageError, match="CoarseCrossEntropy needs weight >= 0, got -1"):
        CoarseCrossEntropy(-1)
