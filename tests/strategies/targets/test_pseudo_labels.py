"""Pseudo-labels by entropy: which pixels are certain, and which are never changed."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from places import GOLDEN_FILE
from torch.testing import assert_close

from satkit.data import BACKGROUND, IGNORE
from satkit.scenario import Step
from satkit.strategies import EntropyPseudoLabels
from satkit.strategies.targets.pseudo_labels import BINS, RELEASED_BINS, entropy, uncertainty
from satkit.utils.errors import UsageError

GOLDEN = np.load(GOLDEN_FILE)
STEP = Step(1, old=(1, 2, 3), new=(4, 5), future=())
BIN = 1 / BINS


def batches(count: int = 3, sharpness: float = 3.0, size: int = 24) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Labels and teacher logits; the teacher is surer of some classes than of others."""
    generator = torch.Generator().manual_seed(0)
    made = []
    for _ in range(count):
        logits = sharpness * torch.randn(2, 4, size, size, generator=generator)
        logits *= 1 + logits.argmax(1, keepdim=True)
        labels = torch.randint(0, 4, (2, size, size), generator=generator)
        made.append((torch.tensor([0, 0, 4, IGNORE], dtype=torch.uint8)[labels], logits))
    return made


def fitted(seen, **settings) -> torch.Tensor:
    return EntropyPseudoLabels(**{"floor": 0.0, **settings}).fit(lambda: iter(seen), STEP)["thresholds"]


def background_scores(seen, kind="sum") -> dict[int, np.ndarray]:
    """Uncertainty of the background pixels by predicted class, the slow way."""
    scores = {index: [] for index in range(STEP.num_old)}
    for labels, logits in seen:
        score, predicted = uncertainty(logits, STEP, kind)
        for place in (labels == BACKGROUND).nonzero().tolist():
            scores[int(predicted[tuple(place)])].append(score[tuple(place)].item())
    return {index: np.array(values) for index, values in scores.items()}


def test_golden_entropy_map():
    found = entropy(torch.from_numpy(GOLDEN["logits_teacher"]).softmax(dim=1))
    assert_close(found, torch.from_numpy(GOLDEN["expected_plop_entropy_map"]).view_as(found), rtol=1e-5, atol=1e-7)


def test_entropy_of_even_and_certain_probabilities():
    even = torch.full((1, 4, 1, 1), 0.25)
    certain = torch.tensor([1.0, 0, 0, 0]).view(1, 4, 1, 1)
    assert float(entropy(even)) == pytest.approx(1 / 4, abs=1e-6)  # the mean, not the sum, over four classes
    assert float(entropy(certain)) == pytest.approx(0, abs=1e-6)
    score, predicted = uncertainty(certain.log(), STEP)
    assert float(score) == pytest.approx(0, abs=1e-6)
    assert int(predicted) == 0
    assert float(uncertainty(even.log(), STEP)[0]) == pytest.approx(1, abs=1e-6)  # a share of the largest entropy
    released = uncertainty(even.log(), STEP, "mean")[0]
    assert float(released) == pytest.approx(1 / (4 * math.log(6)), abs=1e-6)


def test_median_thresholds_lie_within_one_bin_of_the_true_medians():
    seen = batches()
    thresholds = fitted(seen)
    for index, scores in background_scores(seen).items():
        assert len(scores) > 50
        lower_median = np.quantile(scores, 0.5, method="lower")
        assert lower_median < float(thresholds[index]) <= lower_median + 1.001 * BIN
    assert thresholds.max() / thresholds.min() > 2  # the classes do differ


def test_median_thresholds_accept_half_of_the_background_pixels_of_each_class():
    seen = batches()
    strategy = EntropyPseudoLabels(floor=0.0)
    fit = strategy.fit(lambda: iter(seen), STEP)
    accepted, all_scores = np.zeros(STEP.num_old), background_scores(seen)
    for labels, logits in seen:
        targets = strategy(labels, SimpleNamespace(logits=logits), STEP, fit)
        predicted = logits.argmax(1)
        for index in range(STEP.num_old):
            here = (labels == BACKGROUND) & (predicted == index)
            accepted[index] += int((targets[here] == index).sum())
            assert set(targets[here].tolist()) <= {index, IGNORE}
    shares = accepted / [len(scores) for scores in all_scores.values()]
    assert np.all(np.abs(shares - 0.5) < 0.05)


def test_thresholds_are_fitted_on_background_pixels_only():
    seen = batches()
    changed = []
    for labels, logits in seen:
        noise = 100 * torch.randn(logits.shape, generator=torch.Generator().manual_seed(1))
        changed.append((labels, torch.where((labels == BACKGROUND)[:, None], logits, noise)))
    assert torch.equal(fitted(changed), fitted(seen))


def test_a_class_never_predicted_gets_the_floor_and_the_floor_is_a_lower_bound():
    seen = [(labels, logits - 1e4 * torch.eye(4)[2].view(1, 4, 1, 1)) for labels, logits in batches()]
    free = fitted(seen)
    assert free[2] == 0
    floor = float(free.median())
    bounded = fitted(seen, floor=floor)
    assert torch.equal(bounded, free.clamp(min=floor))
    assert bounded[2] == pytest.approx(floor)


def test_no_threshold_accepts_every_background_pixel():
    labels, logits = batches(1)[0]
    targets = EntropyPseudoLabels(threshold="none")
    fit = targets.fit(lambda: pytest.fail("there is nothing to measure"), STEP)
    found = targets(labels, SimpleNamespace(logits=logits), STEP, fit)
    background = labels == BACKGROUND
    assert torch.equal(found[background].long(), logits.argmax(1)[background])


@pytest.mark.parametrize("threshold", ["median", "as_released", "none"])
def test_labelled_and_ignored_pixels_are_never_touched(threshold):
    seen = batches()
    targets = EntropyPseudoLabels(threshold=threshold)
    fit = targets.fit(lambda: iter(seen), STEP)
    for labels, logits in seen:
        before = labels.clone()
        found = targets(labels, SimpleNamespace(logits=logits), STEP, fit)
        kept = labels != BACKGROUND
        assert torch.equal(found[kept], labels[kept])
        assert found.dtype == labels.dtype
        assert torch.equal(labels, before)
        assert set(found.unique().tolist()) <= {0, 1, 2, 3, 4, IGNORE}


def test_uncertain_background_becomes_ignore():
    logits = torch.zeros(1, 4, 1, 2)
    logits[0, 2, 0, 0], logits[0, 3, 0, 1] = 20.0, 0.1  # sure of class 2, hardly of class 3
    labels = torch.zeros(1, 1, 2, dtype=torch.uint8)
    fit = {"thresholds": torch.full((4,), 0.05)}
    found = EntropyPseudoLabels()(labels, SimpleNamespace(logits=logits), STEP, fit)
    assert found.tolist() == [[[2, IGNORE]]]


def literal_released_median(histogram: np.ndarray) -> float:
    """The arithmetic of the released code, step by step."""
    bins, half, running = len(histogram), histogram.sum() / 2, 0.0
    if histogram.sum() <= 0:
        return 0.0
    for number in range(bins):
        if running <= half <= running + histogram[number]:
            break
        running += number
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(number / bins + np.float64(half - running) / np.float64(histogram[number]) / bins)


def logits_of(histogram: np.ndarray, index: int) -> torch.Tensor:
    """Logits of pixels that are all most likely of one class, with so many in each bin of uncertainty."""
    sharpness = torch.logspace(2, -3, 20_000, dtype=torch.float64)
    pixels = (sharpness[None, :] * torch.eye(STEP.num_old)[index][:, None])[None, :, None]
    scores = uncertainty(pixels, STEP)[0][0, 0].double().numpy()  # ascending
    wanted = (np.repeat(np.arange(RELEASED_BINS), histogram) + 0.5) / RELEASED_BINS
    return pixels[..., np.searchsorted(scores, wanted)]


def test_the_released_median_is_repeated_slip_included():
    generator = np.random.default_rng(0)
    histograms = [generator.integers(0, top, RELEASED_BINS) for top in (2, 5, 20) for _ in range(11)]
    histograms += [np.eye(RELEASED_BINS, dtype=int)[place] * count for place in (0, 3, 99) for count in (1, 2, 500)]
    for first in range(0, len(histograms), STEP.num_old - 1):
        four = [*histograms[first : first + STEP.num_old - 1], np.zeros(RELEASED_BINS, dtype=int)]
        logits = torch.cat([logits_of(histogram, index) for index, histogram in enumerate(four)], dim=-1)
        labels = torch.zeros(1, *logits.shape[2:], dtype=torch.uint8)
        found = fitted([(labels, logits)], threshold="as_released")
        expected = torch.tensor([literal_released_median(each) for each in four], dtype=torch.float64).float()
        assert_close(found, expected.clamp(min=0.0), equal_nan=True)


def test_as_released_thresholds_equal_the_literal_arithmetic_on_the_pixels():
    for sharpness in (0.3, 1.0, 3.0):
        seen = batches(sharpness=sharpness)
        thresholds = fitted(seen, threshold="as_released", floor=0.001, entropy="mean")
        for index, scores in background_scores(seen, "mean").items():
            place = np.clip((scores.astype(np.float32) * np.float32(RELEASED_BINS)).astype(int), 0, RELEASED_BINS - 1)
            expected = torch.tensor(literal_released_median(np.bincount(place, minlength=RELEASED_BINS)))
            assert_close(thresholds[index], expected.float().clamp(min=0.001), equal_nan=True)


def test_the_thresholds_have_one_entry_per_channel_of_the_teacher():
    for threshold in ("median", "as_released", "none"):
        assert fitted(batches(1), threshold=threshold).shape == (STEP.num_old,)


def test_the_entropy_s_scale_decides_what_the_floor_means_and_nothing_else():
    seen = batches()
    summed, mean = fitted(seen), fitted(seen, entropy="mean")
    factor = STEP.num_old * math.log(STEP.num_outputs)
    assert_close(summed, mean * factor)
    policies = [EntropyPseudoLabels(0.0, entropy=kind) for kind in ("sum", "mean")]
    for labels, logits in seen:
        teacher = SimpleNamespace(logits=logits)
        one, other = (p(labels, teacher, STEP, p.fit(lambda: iter(seen), STEP)) for p in policies)
        assert (one != other).float().mean() < 0.01  # but for pixels within rounding of a bin's edge


def test_labels_of_exemplars_are_kept_unless_as_released():
    logits = torch.zeros(1, 4, 1, 3)
    logits[0, 2] = 20.0  # the teacher is sure of class 2 everywhere
    labels = torch.tensor([[[1, BACKGROUND, 4]]], dtype=torch.uint8)  # an old class, background, a new class
    fit = {"thresholds": torch.full((4,), torch.inf)}
    teacher = SimpleNamespace(logits=logits)
    assert EntropyPseudoLabels()(labels, teacher, STEP, fit).tolist() == [[[1, 2, 4]]]
    assert EntropyPseudoLabels(exemplars="as_released")(labels, teacher, STEP, fit).tolist() == [[[2, 2, 4]]]


def test_settings_that_mean_nothing_are_refused():
    with pytest.raises(UsageError, match="threshold of the pseudo-labels 'medain'. Did you mean 'median'"):
        EntropyPseudoLabels(threshold="medain")
    with pytest.raises(UsageError, match="EntropyPseudoLabels needs floor >= 0, got -0.1"):
        EntropyPseudoLabels(-0.1)
    with pytest.raises(UsageError, match="Unknown entropy of the pseudo-labels 'total'"):
        EntropyPseudoLabels(entropy="total")
    with pytest.raises(UsageError, match="Unknown treatment of exemplars 'keep'. Did you mean 'kept'"):
        EntropyPseudoLabels(exemplars="keep")


@pytest.mark.parametrize("threshold", ["median", "as_released"])
def test_counts_of_several_parts_of_the_images_give_the_thresholds_of_all(threshold):
    generator = torch.Generator().manual_seed(0)
    seen = [(torch.zeros(2, 8, 8, dtype=torch.uint8), 3 * torch.randn(2, STEP.num_old, 8, 8, generator=generator))] * 2
    seen += [(each[0], -each[1]) for each in seen[:1]]
    policy, counted = EntropyPseudoLabels(0.0, threshold), []
    policy.fit(lambda: iter(seen[1:]), STEP, lambda counts: counted.append(counts) or counts)
    found = policy.fit(lambda: iter(seen[:1]), STEP, lambda counts: counts + counted[0])
    assert torch.equal(found["thresholds"], policy.fit(lambda: iter(seen), STEP)["thresholds"])
