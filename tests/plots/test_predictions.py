from itertools import combinations

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import PathPatch

from satkit.data.labels import UNKNOWN
from satkit.plots import style
from satkit.plots.predictions import class_handles, connected, film_strip, inside, occurring, overlay

matplotlib.use("Agg")

NAMES = ["background", "cat", "dog", "cow"]


def scene(height=20, width=30):
    """An image with a cat on the left, a dog on the right and a strip without labels at the bottom."""
    image = np.full((height, width, 3), 90, dtype=np.uint8)
    labels = np.zeros((height, width), dtype=np.uint8)
    labels[4:12, 3:11] = 1
    labels[4:12, 18:28] = 2
    labels[-2:] = 255
    return image, labels


def numbers(ax):
    return {text.get_text(): text.get_position() for text in ax.texts}


def test_overlay_shows_classes_and_leaves_background_transparent():
    image, labels = scene()
    ax = overlay(image, labels)
    beneath, colours = (picture.get_array() for picture in ax.images)
    assert beneath.shape == image.shape
    np.testing.assert_array_equal(colours[..., 3] > 0, np.isin(labels, [1, 2]))
    np.testing.assert_allclose(colours[5, 5, :3], style.class_colour(1))
    np.testing.assert_allclose(colours[5, 20, :3], style.class_colour(2))


def test_ignored_pixels_are_hatched():
    image, labels = scene()
    (patch,) = (patch for patch in overlay(image, labels).patches if isinstance(patch, PathPatch))
    assert patch.get_hatch() == style.HATCH
    assert patch.get_path().contains_point((3, 19))
    assert not patch.get_path().contains_point((3, 17))
    labels[labels == 255] = 0
    assert not overlay(image, labels).patches


def test_each_region_carries_the_number_of_its_class():
    image, labels = scene()
    found = numbers(overlay(image, labels))
    assert sorted(found) == ["1", "2"]
    for text, (x, y) in found.items():
        assert labels[y, x] == int(text)
    assert not overlay(image, labels, numbers=False).texts


def test_two_regions_of_one_class_have_two_numbers():
    image, labels = scene()
    labels[labels == 2] = 1
    places = [text.get_position() for text in overlay(image, labels).texts]
    assert [text.get_text() for text in overlay(image, labels).texts] == ["1", "1"]
    assert sorted(x < 15 for x, _ in places) == [False, True]


def test_specks_have_no_number():
    image, labels = scene(64, 64)
    labels[:] = 0
    labels[10:30, 10:30] = 1
    labels[50, 50] = 3
    assert list(numbers(overlay(image, labels))) == ["1"]


@pytest.mark.parametrize("size", [40, 300])
def test_the_number_of_a_ring_stands_on_the_ring(size):
    y, x = np.mgrid[:size, :size] / size - 0.5
    radius = np.hypot(x, y)
    labels = ((radius > 0.25) & (radius < 0.45)).astype(np.uint8)
    (text,) = overlay(np.zeros((size, size, 3), dtype=np.uint8), labels).texts
    column, row = text.get_position()
    assert labels[row, column] == 1


def test_inside_is_the_middle_of_a_block_and_connected_stays_on_it():
    mask = np.zeros((9, 9), dtype=bool)
    mask[1:6, 1:6] = True
    mask[8, 8] = True
    assert inside(mask) == (3, 3)
    part = connected(mask, (3, 3))
    assert part.sum() == 25
    assert not part[8, 8]


def test_connected_does_not_jump_diagonals_and_follows_bends():
    mask = np.array([[1, 1, 0, 0], [0, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]], dtype=bool)
    part = connected(mask, (0, 0))
    assert part.sum() == 5
    assert not part[3, 3]


def test_overlay_uses_the_given_axes_and_opens_no_figure():
    _, ax = plt.subplots()
    before = plt.get_fignums()
    assert overlay(*scene(), ax=ax, names=NAMES) is ax
    assert plt.get_fignums() == before


def test_overlay_refuses_what_is_no_image_or_does_not_fit():
    image, labels = scene()
    with pytest.raises(ValueError, match=r"uint8 of shape \(height, width, 3\), got float64"):
        overlay(image / 255, labels)
    with pytest.raises(ValueError, match=r"got uint8 of shape \(3, 20, 30\)"):
        overlay(image.transpose(2, 0, 1), labels)
    with pytest.raises(ValueError, match=r"image, \(20, 30\), got shape \(10, 15\)"):
        overlay(image, labels[::2, ::2])


def test_occurring_leaves_background_and_ignore_out():
    assert occurring([scene()[1], np.array([[3]], dtype=np.uint8)]) == [1, 2, 3]


def test_the_legend_names_what_occurs_with_old_and_new():
    labels = scene()[1]
    assert [handle.get_label() for handle in class_handles([labels], NAMES)] == ["1 cat", "2 dog", "ignored"]
    marked = class_handles([labels], NAMES, old=[1])
    assert [handle.get_label() for handle in marked] == ["1 cat (old)", "2 dog (new)", "ignored"]
    with pytest.raises(ValueError, match="got label 2 and 2 names"):
        class_handles([labels], NAMES[:2])


def strip(**changes):
    image, labels = scene()
    first, second = labels.copy(), labels.copy()
    first[first == 255] = 0
    second[labels == 1] = 0
    second[labels == 255] = 0
    arguments = {
        "images": [image, image],
        "truths": [labels, labels],
        "predictions": [[first, first], [second, second], [second, second]],
        "names": NAMES,
        "step_titles": ["step 0", "step 1", "step 2"],
        "old": [1],
    }
    arguments.update(changes)
    return film_strip(**arguments), arguments


def test_film_strip_has_a_row_per_image_and_a_column_per_step():
    figure, arguments = strip()
    axes = np.array(figure.axes).reshape(2, 5)
    assert [ax.get_title() for ax in axes[0]] == ["image", "ground truth", "step 0", "step 1", "step 2"]
    np.testing.assert_array_equal(axes[1, 0].images[0].get_array(), arguments["images"][1])
    for row in range(2):
        shown = [arguments["truths"][row], *(step[row] for step in arguments["predictions"])]
        for ax, labels in zip(axes[row, 1:], shown, strict=True):
            np.testing.assert_allclose(ax.images[1].get_array(), style.class_image(labels))


def test_film_strip_shows_where_the_cat_is_forgotten():
    figure, _ = strip()
    assert [sorted(numbers(ax)) for ax in figure.axes[1:5]] == [["1", "2"], ["1", "2"], ["2"], ["2"]]


def test_film_strip_has_one_legend_with_only_the_classes_that_occur():
    figure, _ = strip()
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["1 cat (old)", "2 dog (new)", "ignored"]
    assert min(text.get_fontsize() for text in legend.get_texts()) >= 8
    figure.canvas.draw()
    lowest = min(ax.get_window_extent().y0 for ax in figure.axes)
    assert legend.get_window_extent().y1 <= lowest
    assert legend.get_window_extent().y0 >= 0


def test_legend_counts_classes_that_only_a_prediction_has():
    image, labels = scene()
    figure, _ = strip(images=[image], truths=[labels], predictions=[[np.full_like(labels, 3)]], step_titles=["step 0"])
    assert len(figure.legends[0].get_texts()) == 4


def test_the_legend_stays_inside_a_figure_with_many_classes():
    image, _ = scene()
    labels = np.zeros((20, 30), dtype=np.uint8)
    labels[0, :21] = np.arange(21)
    names = [f"a class called {index}" for index in range(21)]
    figure = film_strip([image], [labels], [[labels]], names, step_titles=["step 0"])
    figure.canvas.draw()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1
    assert box.y1 <= min(ax.get_window_extent().y0 for ax in figure.axes)


@pytest.mark.parametrize("steps", [1, 6, 11])
def test_a_film_strip_of_many_steps_stays_within_a_page_and_its_titles_do_not_overlap(steps):
    image, labels = scene()
    titles = ["pseudo-labels + attention + memory 100" for step in range(steps)]
    figure = film_strip([image], [labels], [[labels]] * steps, NAMES, step_titles=titles)
    figure.draw_without_rendering()
    assert figure.get_figwidth() <= (style.WIDEST if steps < 9 else style.STRETCHED)
    boxes = [ax.title.get_window_extent() for ax in figure.axes]
    assert not any(first.overlaps(second) for first, second in combinations(boxes, 2))
    assert ["".join(ax.get_title().split()) for ax in figure.axes[2:]] == ["".join(title.split()) for title in titles]
    assert min(ax.get_window_extent().width for ax in figure.axes) > 60


def test_film_strip_refuses_lists_that_do_not_fit():
    image, labels = scene()
    with pytest.raises(ValueError, match="got 1 truths and 2 images"):
        strip(truths=[labels])
    with pytest.raises(ValueError, match=r"per step title \(3\), each with one label map per image \(2\), got 2"):
        strip(predictions=[[labels] * 3, [labels] * 3])
    with pytest.raises(ValueError, match="uint8"):
        strip(images=[image / 255.0, image])
    assert plt.get_fignums() == []


def test_unknown_objects_are_grey_carry_a_question_mark_and_are_in_the_legend():
    labels = np.zeros((20, 20), dtype=np.uint8)
    labels[2:10, 2:10], labels[12:18, 12:18] = UNKNOWN, 1
    ax = overlay(np.full((20, 20, 3), 100, dtype=np.uint8), labels, names=["background", "cat"])
    assert {text.get_text() for text in ax.texts} == {"?", "1"}
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["1 cat", "? unknown"]
    drawn = ax.images[1].get_array()
    assert drawn[5, 5, :3].tolist() == pytest.approx(list(to_rgb(style.HATCH_GREY)))
    assert drawn[5, 5, 3] == style.CLASS_ALPHA
