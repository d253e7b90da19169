"""The confusion matrix against a slow double loop, and its independence of how images are batched."""

import numpy as np
import pytest
import torch

from satkit.data.labels import IGNORE
from satkit.evaluation.predict import confusion_matrix, evaluate, predict
from satkit.models import build_segmenter
from satkit.utils.errors import UsageError


def counted_slowly(labels, predicted, num_outputs):
    counts = np.zeros((num_outputs, num_outputs), dtype=np.int64)
    for truth, guess in zip(labels.flatten().tolist(), predicted.flatten().tolist(), strict=True):
        if truth != IGNORE:
            counts[truth, guess] += 1
    return counts


def tiny_segmenter(outputs=5):
    torch.manual_seed(0)
    # Double precision, so that no two classes tie within the rounding of another order of sums.
    return build_segmenter("mit_quick", (outputs,), decoder_width=16, dropout=0.5, drop_path=0.5).double()


def random_images(count, seed=1):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(count, 3, 32, 48, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 6, (count, 32, 48), generator=generator, dtype=torch.uint8)
    labels[labels == 5] = IGNORE
    return images, labels


@pytest.mark.parametrize("num_outputs", [2, 5, 151])
def test_confusion_matrix_equals_a_slow_loop(num_outputs):
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, num_outputs, (2, 20, 30), generator=generator, dtype=torch.uint8)
    labels[torch.rand(2, 20, 30, generator=generator) < 0.2] = IGNORE
    predicted = torch.randint(0, num_outputs, (2, 20, 30), generator=generator, dtype=torch.uint8)
    counts = confusion_matrix(labels, predicted, num_outputs)
    assert counts.dtype == torch.int64
    np.testing.assert_array_equal(counts.numpy(), counted_slowly(labels, predicted, num_outputs))


def test_truth_goes_by_rows_and_prediction_by_columns():
    counts = confusion_matrix(torch.tensor([[1]], dtype=torch.uint8), torch.tensor([[2]], dtype=torch.uint8), 3)
    assert counts.tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 0]]


def test_ignored_pixels_are_left_out():
    labels = torch.tensor([[0, IGNORE, 1, IGNORE]], dtype=torch.uint8)
    predicted = torch.tensor([[0, 1, 1, 0]], dtype=torch.uint8)
    assert confusion_matrix(labels, predicted, 2).tolist() == [[1, 0], [0, 1]]
    assert confusion_matrix(torch.full_like(labels, IGNORE), predicted, 2).tolist() == [[0, 0], [0, 0]]


def test_label_without_an_output_is_named():
    labels = torch.tensor([[0, 7]], dtype=torch.uint8)
    with pytest.raises(ValueError, match="below 5 or 255, got 7"):
        confusion_matrix(labels, torch.zeros_like(labels), 5)


def test_predict_is_the_most_likely_class_in_evaluation_mode():
    student, (images, _) = tiny_segmenter(), random_images(2)
    student.eval()
    with torch.no_grad():
        expected = student(images).logits.numpy().argmax(axis=1)
    student.train()
    predicted = predict(student, images)
    assert predicted.dtype == torch.uint8
    np.testing.assert_array_equal(predicted.numpy(), expected)


@pytest.mark.parametrize("training", [True, False])
def test_predict_gives_the_mode_back(training):
    student, (images, _) = tiny_segmenter().train(training), random_images(1)
    before = {name: value.clone() for name, value in student.state_dict().items()}
    predict(student, images)
    assert all(module.training == training for module in student.modules())
    assert all(torch.equal(before[name], value) for name, value in student.state_dict().items())


def test_confusion_does_not_depend_on_the_batch_size():
    student, (images, labels) = tiny_segmenter(), random_images(8)
    at_once = evaluate(student, [(images, labels)], 5)
    one_by_one = evaluate(student, [(images[i : i + 1], labels[i : i + 1], i) for i in range(8)], 5)
    assert at_once.dtype == np.int64
    assert np.count_nonzero(at_once.sum(axis=0)) > 1  # several classes are predicted, else this says little
    np.testing.assert_array_equal(at_once, one_by_one)
    np.testing.assert_array_equal(at_once, counted_slowly(labels, predict(student, images), 5))


def test_no_batches_give_an_empty_matrix():
    assert not evaluate(tiny_segmenter(), [], 5).any()


def test_scores_in_windows_are_those_of_the_predictions_in_windows():
    student, (images, labels) = tiny_segmenter(), random_images(3)
    whole, found = evaluate(student, [(images, labels)], 5), evaluate(student, [(images, labels)], 5, 24)
    np.testing.assert_array_equal(found, counted_slowly(labels, predict(student, images, 24), 5))
    assert found.sum() == whole.sum()
    assert (found != whole).any()
    np.testing.assert_array_equal(evaluate(student, [(images, labels)], 5, 48), whole)


def test_images_and_the_windows_of_large_ones_are_reported():
    said, (images, labels) = [], random_images(3)
    batches = [(images[:2], labels[:2]), (images[2:, :, :24, :24], labels[2:, :24, :24])]
    evaluate(tiny_segmenter(), batches, 5, 24, lambda done, **more: said.append((done, *more.values())))
    assert said == [(0,), (0, "3 of 6"), (0, "6 of 6"), (1, "3 of 6"), (1, "6 of 6"), (2,), (3,)]


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("DefaultCPUAllocator: can't allocate memory")],
)
def test_where_whole_images_do_not_fit_into_the_memory_windows_are_advised(error, monkeypatch):
    student, (images, labels) = tiny_segmenter(), random_images(1)
    monkeypatch.setattr(type(student), "forward", lambda *_: (_ for _ in ()).throw(error))
    with pytest.raises(
        UsageError, match="must fit .* images of 48 x 32 pixels.* --protocol evaluation=windows"
    ) as wrong:
        evaluate(student, [(images, labels)], 5)
    assert wrong.value.__cause__ is error
    with pytest.raises(type(error)):
        evaluate(student, [(images, labels)], 5, 24)


def test_other_errors_of_a_network_are_not_taken_for_a_lack_of_memory(monkeypatch):
    student, (images, labels) = tiny_segmenter(), random_images(1)
    monkeypatch.setattr(type(student), "forward", lambda *_: (_ for _ in ()).throw(RuntimeError("other")))
    with pytest.raises(RuntimeError, match="other"):
        evaluate(student, [(images, labels)], 5)
