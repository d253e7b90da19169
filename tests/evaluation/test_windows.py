"""Windows against a slow loop over pixels, and against one pass of a network that sees less far than they overlap."""

import weakref

import pytest
import torch
from torch import nn

from satkit.evaluation import windows
from satkit.evaluation.predict import predict
from satkit.evaluation.windows import predict_in_windows, window_starts, windows_over
from satkit.models import build_segmenter
from satkit.models.classifier import read
from satkit.models.segmenter import SegmenterOutput

SIZES = [(9, 9), (1, 25), (10, 9), (23, 31), (37, 10), (50, 41)]
WINDOW = 9
REACH = 1  # pixels that the network sees beyond a pixel


class Sees(nn.Module):
    """A convolution of 3 x 3 pixels that keeps the size, as a segmenter; double, so that no rounding decides."""

    def __init__(self, classes=4, reserved=0, readout="argmax"):
        super().__init__()
        torch.manual_seed(0)
        self.scores = nn.Conv2d(3, classes + reserved, 2 * REACH + 1, padding=REACH).double()
        self.classes, self.readout, self.seen, self.alive = classes, readout, [], []

    def forward(self, images):
        assert not torch.is_grad_enabled()
        assert not self.training
        self.alive.append(sum(earlier() is not None for _, *made in self.seen for earlier in made))
        scores = self.scores(images)
        kept = scores[:, self.classes :] if scores.shape[1] > self.classes else None
        logits = scores[:, : self.classes]
        output = SegmenterOutput(logits, images, (), images.shape[-2:], (), kept, readout=self.readout)
        self.seen.append((images.shape, weakref.ref(output), weakref.ref(output.logits)))
        return output


def picture(height, width, seed=1):
    return torch.randn(3, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def in_windows(student, image, window=WINDOW):
    return predict_in_windows(student.eval(), image, window, lambda done, total: None)


def averaged_slowly(student, image, window):
    """The mean of the scores of every window that shows a pixel, pixel after pixel."""
    height, width = image.shape[-2:]
    stride, high, wide = max(1, window * 2 // 3), min(window, height), min(window, width)
    scores = {}
    with torch.no_grad():
        for top in range(0, height, stride):
            for left in range(0, width, stride):
                place = min(top, height - high), min(left, width - wide)  # moved inside the image
                if place not in scores:
                    cut = image[None, :, place[0] : place[0] + high, place[1] : place[1] + wide]
                    scores[place] = student.scores(cut)[0]
    found = torch.empty(next(iter(scores.values())).shape[0], height, width, dtype=torch.float64)
    for row in range(height):
        for column in range(width):
            over = [
                each[:, row - top, column - left]
                for (top, left), each in scores.items()
                if top <= row < top + high and left <= column < left + wide
            ]
            found[:, row, column] = sum(over) / len(over)
    return found


@pytest.mark.parametrize("window", [1, 2, 3, 7, 9, 64])
@pytest.mark.parametrize("side", [1, 2, 8, 9, 10, 25, 64, 65, 101])
def test_every_pixel_is_covered_by_windows_inside_the_image_that_overlap_by_a_third(side, window):
    starts = window_starts(side, window)
    long = min(window, side)
    assert windows_over(side, window).tolist() == [
        sum(start <= pixel < start + long for start in starts) for pixel in range(side)
    ]
    assert windows_over(side, window).min() >= 1
    assert starts[0] == 0
    assert starts[-1] + long == side
    assert starts == sorted(set(starts))
    assert all(later - earlier <= max(1, 2 * window / 3) for earlier, later in zip(starts, starts[1:], strict=False))


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("together", [1, 3, 1000])
def test_logits_are_averaged_over_the_windows_that_show_a_pixel(height, width, together, monkeypatch):
    monkeypatch.setattr(windows, "MOST_PIXELS", together * WINDOW**2)
    student, image = Sees().eval(), picture(height, width)
    expected = averaged_slowly(student, image, WINDOW).argmax(0)
    assert len(expected.unique()) > 1
    assert torch.equal(in_windows(student, image), expected)


@pytest.mark.parametrize(("reserved", "readout"), [(1, "unknown"), (0, "foreground"), (2, "argmax")])
def test_reserved_channels_are_averaged_and_read_as_the_head_says(reserved, readout):
    student, image = Sees(reserved=reserved, readout=readout).eval(), picture(23, 31)
    scores = averaged_slowly(student, image, WINDOW)[None]
    expected = read(scores[:, :4], scores[:, 4:] if reserved else None, readout)[0]
    assert torch.equal(in_windows(student, image), expected)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_away_from_the_borders_of_windows_it_is_the_whole_image(height, width):
    student, image = Sees().eval(), picture(height, width)
    with torch.no_grad():
        whole = student(image[None]).classes()[0]
    interior = torch.ones(height, width, dtype=torch.bool)
    for side, strips in ((height, interior), (width, interior.T)):  # what a border inside the image is near to
        for start in window_starts(side, WINDOW):
            for border in {start, start + WINDOW} - {0, side}:
                strips[max(0, border - REACH) : border + REACH] = False
    assert interior.any()
    assert torch.equal(in_windows(student, image)[interior], whole[interior])


@pytest.mark.parametrize("size", [(64, 64), (64, 48), (33, 64)])
def test_an_image_no_larger_than_a_window_is_one_forward_pass(size):
    torch.manual_seed(0)
    student = build_segmenter("mit_quick", (5,), decoder_width=16).eval()
    images = torch.randn(2, 3, *size)
    with torch.no_grad():
        expected = student(images).classes()
    assert torch.equal(predict(student, images, 64).long(), expected)
    assert torch.equal(predict(student, images, 64), predict(student, images))
    alone = torch.stack([in_windows(student, image, 64) for image in images])
    assert (alone == expected).float().mean() > 0.999  # batches of one round otherwise


def test_a_segmenter_predicts_images_one_after_the_other_without_a_gradient_and_keeps_its_mode():
    torch.manual_seed(0)
    student = build_segmenter("mit_quick", (5,), decoder_width=16, dropout=0.5).double().train()
    images = torch.randn(2, 3, 70, 101, dtype=torch.float64)
    found = predict(student, images, 32)
    assert student.training
    assert (found.shape, found.dtype, found.requires_grad) == ((2, 70, 101), torch.uint8, False)
    assert all(parameter.grad is None for parameter in student.parameters())
    for image, each in zip(images, found, strict=True):
        assert torch.equal(each.long(), in_windows(student, image, 32))


@pytest.mark.parametrize("side", [60, 240])
def test_memory_does_not_grow_with_the_number_of_windows(side, monkeypatch):
    monkeypatch.setattr(windows, "MOST_PIXELS", 5 * WINDOW**2 + 1)
    student = Sees()
    in_windows(student, picture(side, 60))
    assert max(shape.numel() for shape, *_ in student.seen) == 5 * 3 * WINDOW**2
    assert max(student.alive) == 0, "the scores of earlier windows are held"


def test_sums_are_never_larger_than_a_row_of_windows(monkeypatch):
    held, summed = [], windows.row_of_windows

    def watched(*given):
        row = summed(*given)
        held.append(tuple(row.sums.shape))
        return row

    monkeypatch.setattr(windows, "row_of_windows", watched)
    in_windows(Sees(), picture(200, 31))
    assert set(held) == {(4, WINDOW, 31)}


def test_every_window_is_reported(monkeypatch):
    monkeypatch.setattr(windows, "MOST_PIXELS", 2 * WINDOW**2)
    said = []
    predict_in_windows(Sees().eval(), picture(20, 31), WINDOW, lambda done, total: said.append((done, total)))
    assert said == [(done, 15) for done in (2, 4, 5, 7, 9, 10, 12, 14, 15)]
