import numpy as np
import pytest

from satkit.plots import loss_regions

IMAGE = np.zeros((8, 12, 3), dtype=np.uint8)
NAMES = ("background", "cat", "dog")


@pytest.fixture
def labels():
    """A cat on the left half, and a dog of two pixels, too small for the second stage."""
    labels = np.zeros((8, 12), dtype=np.uint8)
    labels[:, :6] = 1
    labels[0, 10:] = 2
    return labels


def coloured(ax):
    return np.asarray(ax.images[1].get_array())[..., 3] > 0


def test_cells_of_queries_cover_their_part_of_the_image(labels):
    stages = [labels[::2, ::2], np.array([[1, 0, 0]], dtype=np.uint8)]
    first, second, third = loss_regions(IMAGE, labels, stages, NAMES, stage_names=["stage 1", "stage 4"]).axes
    np.testing.assert_array_equal(coloured(first), labels > 0)
    np.testing.assert_array_equal(coloured(second), np.kron(stages[0], np.ones((2, 2))) > 0)
    expected = np.zeros((8, 12), dtype=bool)
    expected[:, :4] = True
    np.testing.assert_array_equal(coloured(third), expected)


def test_titles_count_the_queries_and_the_legend_has_every_class(labels):
    figure = loss_regions(IMAGE, labels, [labels[::4, ::4]], NAMES, stage_names=["stage 1"], old=[1])
    assert [ax.get_title() for ax in figure.axes] == ["labels", "stage 1: 2 x 3 queries"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["1 cat (old)", "2 dog (new)"]


def test_a_title_is_needed_for_every_stage(labels):
    with pytest.raises(ValueError, match="got 2 titles and 1 label maps"):
        loss_regions(IMAGE, labels, [labels], NAMES, stage_names=["a", "b"])
