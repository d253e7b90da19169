"""Probes, angles and similarities on cases whose answer is known."""

import numpy as np
import pytest
import torch
from samples import LABELS, picture, segmenter, step_images

from satkit.analysis.attention import head_drift, look
from satkit.analysis.probes import (
    EMBEDDING,
    Probe,
    Samples,
    alignment,
    class_accuracy,
    class_means,
    linear_cka,
    probed,
    rank_correlation,
    region_drift,
    samples,
)
from satkit.data.batches import to_input
from satkit.data.labels import IGNORE
from satkit.models import build_segmenter
from satkit.strategies import resize_labels

GENERATOR = torch.Generator().manual_seed(0)


def blobs(count=400, classes=(0, 3, 7), spread=0.1):
    """Features around one corner per class, and their labels."""
    labels = torch.tensor(classes)[torch.randint(len(classes), (count,), generator=GENERATOR)]
    corners = torch.eye(8)[labels] * 5
    return corners + spread * torch.randn(count, 8, generator=GENERATOR), labels


def test_a_probe_on_separable_features_is_perfect_whatever_their_scale():
    features, labels = blobs()
    for scale in (1.0, 1e-4, 1e4):
        probe = Probe(scale * features + scale * 3, labels)
        fresh, truth = blobs()
        assert class_accuracy(truth, probe.predict(scale * fresh + scale * 3), (0, 3, 7)) == 1.0


def test_a_probe_on_features_that_say_nothing_guesses():
    features = torch.randn(2000, 8, generator=GENERATOR)
    labels = torch.randint(4, (2000,), generator=GENERATOR)
    probe = Probe(features[:1000], labels[:1000])
    assert class_accuracy(labels[1000:], probe.predict(features[1000:]), range(4)) == pytest.approx(0.25, abs=0.08)


def test_a_rare_class_counts_as_much_as_a_common_one():
    labels = torch.cat([torch.zeros(1900), torch.ones(100)]).long()
    features = torch.randn(2000, 1, generator=GENERATOR) + labels[:, None]  # overlapping: a plain fit would find no 1
    found = Probe(features, labels).predict(features)
    shares = [(found[labels == each] == each).float().mean().item() for each in (0, 1)]
    assert min(shares) > 0.6


def test_a_probe_is_the_same_every_time():
    features, labels = blobs(spread=3.0)
    assert Probe(features, labels).weight.equal(Probe(features, labels).weight)


def test_accuracy_is_a_mean_over_the_classes_that_occur():
    labels, found = torch.tensor([1, 1, 1, 1, 2]), torch.tensor([1, 1, 1, 0, 0])
    assert class_accuracy(labels, found, (1, 2, 3)) == pytest.approx((0.75 + 0.0) / 2)
    assert np.isnan(class_accuracy(labels, found, (5,)))


def test_what_is_probed_is_tested_on_other_samples():
    features, labels = blobs()
    known = Samples({EMBEDDING: features}, {EMBEDDING: labels})
    other = Samples({EMBEDDING: torch.zeros(9, 8)}, {EMBEDDING: torch.full((9,), 3)})
    assert probed(known, known, (0, 3, 7)) == 1.0
    assert probed(known, other, (3,)) in (0.0, 1.0)  # nine equal samples have one answer


def test_what_the_model_says_of_samples_is_what_its_linear_classifier_makes_of_them():
    model, images = segmenter(), step_images(LABELS, LABELS.T)
    found = samples(model, images, per_image=20)
    weight, bias = model.classifier.matrix()
    assert found.predicted.equal((found.features[EMBEDDING] @ weight.T + bias).argmax(dim=1))
    assert len(found.predicted.unique()) > 1


@pytest.mark.parametrize("readout", ["argmax", "foreground", "unknown"])
def test_what_the_model_says_of_all_samples_is_its_prediction_before_upsampling_however_its_head_is_read(readout):
    torch.manual_seed(0)
    model = build_segmenter("mit_quick", (6,), decoder_width=16, deep_heads=True, readout=readout, reserved=1)
    images = step_images(LABELS)
    found = samples(model, images, per_image=10**6)
    output = model.eval()(to_input(torch.from_numpy(picture(0))[None]))
    cells = resize_labels(torch.from_numpy(LABELS.copy())[None], output.embedding.shape[-2:])[0]
    scores = output.coarse.clone()
    if readout == "foreground":
        scores[:, 0] = 0
    elif readout == "unknown":
        scores = scores.sigmoid()
        scores[:, 0] += model.classifier.reserved(output.embedding)[:, -1].sigmoid()
    expected = scores.argmax(dim=1)[0][cells != IGNORE]
    assert torch.bincount(found.predicted, minlength=6).tolist() == torch.bincount(expected, minlength=6).tolist()


def test_cka_of_a_rotated_scaled_and_shifted_copy_is_one():
    features = torch.randn(300, 6, generator=GENERATOR)
    rotation, _ = torch.linalg.qr(torch.randn(6, 6, generator=GENERATOR))
    assert linear_cka(features, 3 * features @ rotation + 5) == pytest.approx(1.0, abs=1e-6)
    assert linear_cka(features, features) == pytest.approx(1.0, abs=1e-9)


def test_cka_of_unrelated_features_is_small_and_grows_with_what_they_share():
    ours, other = (torch.randn(4000, 5, generator=GENERATOR) for _ in range(2))
    values = [linear_cka(ours, share * ours + (1 - share) * other) for share in (0.0, 0.3, 0.6, 1.0)]
    assert values[0] < 0.01
    assert values == sorted(values)


def test_cka_equals_its_definition_by_similarities_of_samples():
    ours, theirs = torch.randn(40, 5, generator=GENERATOR).double(), torch.randn(40, 3, generator=GENERATOR).double()
    centre = torch.eye(40) - 1 / 40
    gram = [centre.double() @ each @ each.T @ centre.double() for each in (ours, theirs)]
    expected = (gram[0] * gram[1]).sum() / (gram[0].norm() * gram[1].norm())
    assert linear_cka(ours, theirs) == pytest.approx(float(expected), rel=1e-9)


def test_cka_needs_the_same_samples():
    with pytest.raises(ValueError, match="same samples, got 3 and 4"):
        linear_cka(torch.ones(3, 2), torch.ones(4, 2))
    assert np.isnan(linear_cka(torch.ones(3, 2), torch.rand(3, 2)))


def test_samples_of_two_models_are_from_the_same_places_and_never_ignored():
    images = step_images(LABELS, LABELS.T)
    ours, theirs = (samples(segmenter(seed), images, per_image=20) for seed in (0, 1))
    assert list(ours.features) == ["stage 1", "stage 2", "stage 3", "stage 4", EMBEDDING]
    for name in ours.features:
        assert ours.labels[name].equal(theirs.labels[name])
        assert len(ours.features[name]) == len(ours.labels[name]) <= 40
        assert not (ours.labels[name] == IGNORE).any()
        assert not ours.features[name].equal(theirs.features[name])
    again = samples(segmenter(0), images, per_image=20)
    assert all(ours.features[name].equal(again.features[name]) for name in ours.features)
    assert not ours.labels[EMBEDDING].equal(samples(segmenter(0), images, per_image=20, seed=1).labels[EMBEDDING])


def test_all_samples_of_an_image_are_its_feature_map():
    images, model = step_images(LABELS), segmenter()
    everything = samples(model, images, per_image=10**6)
    output = model.eval()(to_input(torch.from_numpy(picture(0))[None]))
    cells = resize_labels(torch.from_numpy(LABELS.copy())[None], output.embedding.shape[-2:])[0].flatten()
    known = cells != IGNORE
    expected = output.embedding[0].flatten(1).T[known]
    found = everything.features[EMBEDDING]
    assert sorted(everything.labels[EMBEDDING].tolist()) == sorted(cells[known].tolist())
    torch.testing.assert_close(found.sum(dim=0), expected.sum(dim=0), atol=1e-3, rtol=1e-4)


def test_sampling_leaves_a_model_in_the_mode_it_was_in():
    model = segmenter()
    model.train()
    samples(model, step_images(LABELS))
    assert model.training


def test_class_means_are_seen_from_the_mean_of_all():
    features, labels = torch.tensor([[1.0, 0], [3, 0], [0, 4]]), torch.tensor([0, 0, 2])
    means = class_means(features, labels, 3)
    centre = features.mean(dim=0)
    torch.testing.assert_close(means[0], torch.tensor([2.0, 0]) - centre)
    torch.testing.assert_close(means[2], torch.tensor([0.0, 4]) - centre)
    assert means[1].isnan().all()
    torch.testing.assert_close(class_means(features, labels, 1), means[:1])  # the last class is not asked for


def test_a_classifier_that_points_at_its_class_means_is_aligned_and_a_turned_one_is_not():
    model = segmenter()
    width = model.classifier.matrix()[0].shape[1]
    labels = torch.arange(6).repeat_interleave(5)
    features = torch.randn(6, width, generator=GENERATOR)[labels]
    means = class_means(features, labels, 6)
    with torch.no_grad():
        model.classifier.steps[0].weight.copy_(2 * means[:, :, None, None] + 7)
        assert alignment(model, features, labels) == pytest.approx(np.ones(6), abs=1e-5)
        model.classifier.steps[0].weight.mul_(-1)
    assert alignment(model, features, labels) == pytest.approx(-np.ones(6), abs=1e-5)


def test_the_relations_of_a_model_have_not_moved_from_its_own():
    model, images = segmenter(), step_images(LABELS, LABELS.T)
    drift = region_drift(model, model, images, (1, 2, 3, 4))
    assert list(drift) == ["stage 1", "stage 2", "stage 3", "stage 4"]
    for values in drift.values():
        assert values.shape[0] == 4
        present = np.isfinite(values).all(axis=1)
        assert (values[present] == 0).all()
        assert not present[2]  # class 3 is nowhere
    assert np.isfinite(drift["stage 1"][[0, 1, 3]]).all()


def test_the_drift_of_a_class_is_the_mean_over_the_images_that_show_it():
    teacher, student = segmenter(0), segmenter(1)
    images = step_images(LABELS, np.where(LABELS == 4, 0, LABELS))  # class 4 in one image only
    drift = region_drift(teacher, student, images, (1, 4))
    views = [(look(teacher, images.image(n)), look(student, images.image(n)), images.labels(n)) for n in (0, 1)]
    for stage, values in enumerate(drift.values()):
        slow = np.array([head_drift(*view, (1,))[stage] for view in views])
        slow = slow[np.isfinite(slow).all(axis=1)]  # where the grid still shows the class
        np.testing.assert_allclose(values[0], slow.mean(axis=0) if len(slow) else np.nan, rtol=1e-4)
        np.testing.assert_allclose(values[1], head_drift(*views[0], (4,))[stage], rtol=1e-4)
    assert (drift["stage 1"] > 0).all()


def test_a_head_that_was_shuffled_has_drifted_and_no_other():
    teacher, student = segmenter(), segmenter()
    attention = student.backbone.stages[1].blocks[-1].attn  # two heads; nothing of the tapped block is upstream
    channels = attention.q.weight.shape[0] // 2
    shuffled = torch.randperm(channels, generator=GENERATOR)
    with torch.no_grad():
        attention.q.weight[channels:] = attention.q.weight[channels:][shuffled]
        attention.q.bias[channels:] += torch.randn(channels, generator=GENERATOR)
    drift = region_drift(teacher, student, step_images(LABELS), (1, 2, 4))
    assert not drift["stage 1"].any()
    assert not drift["stage 2"][:, 0].any()
    assert (drift["stage 2"][:, 1] > 0).all()


def test_a_student_in_training_goes_on_in_training():
    student = segmenter().train()
    region_drift(segmenter(), student, step_images(LABELS), (1,))
    assert student.training


def test_rank_correlation_sees_the_order_alone():
    series = np.array([0.1, 5.0, 0.3, 2.0])
    assert rank_correlation(series, np.exp(series)) == pytest.approx(1.0)
    assert rank_correlation(series, -(series**3)) == pytest.approx(-1.0)
    assert rank_correlation([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]) == pytest.approx(1 - 6 * 4 / (5 * 24))


def test_equal_values_share_their_ranks_and_pairs_without_a_value_do_not_count():
    assert rank_correlation([1, 1, 2, 3], [1, 2, 3, 4]) == pytest.approx(0.9**0.5)  # ranks 0.5, 0.5, 2, 3
    assert rank_correlation([1, 2, np.nan, 3], [3, 2, 99, 1]) == pytest.approx(-1.0)
    assert np.isnan(rank_correlation([1, 2, np.nan], [1, 2, 3]))
    assert np.isnan(rank_correlation([4, 4, 4, 4], [1, 2, 3, 4]))
