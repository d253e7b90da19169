from itertools import combinations

import numpy as np
import pytest
from matplotlib.text import Text

from satkit.data.labels import IGNORE
from satkit.plots import contact_sheet, style

NAMES = ("background", "cat", "dog")


def pictures(count, height=20, width=30):
    images = [np.full((height, width, 3), 10 * number, dtype=np.uint8) for number in range(count)]
    labels = [np.full((height, width), number % 3, dtype=np.uint8) for number in range(count)]
    return images, labels


def test_every_image_is_beside_its_own_labels():
    images, labels = pictures(5)
    figure = contact_sheet(images, labels, NAMES, columns=2)
    shown = [ax for ax in figure.axes if ax.get_visible()]
    assert len(shown) == 10
    for number in range(5):
        left, right = shown[2 * number : 2 * number + 2]
        np.testing.assert_array_equal(left.images[0].get_array(), images[number])
        drawn = right.images[1].get_array()
        assert (drawn[..., 3] > 0).all() == (number % 3 > 0), "background is transparent"


def test_unused_panels_stay_empty():
    figure = contact_sheet(*pictures(4), NAMES, columns=3)
    assert sum(ax.get_visible() for ax in figure.axes) == 8
    assert len(figure.axes) == 12


def test_the_legend_lists_what_occurs_and_says_what_is_old():
    images, labels = pictures(3)
    labels[0][0, 0] = IGNORE
    figure = contact_sheet(images, labels, NAMES, old=[1])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["1 cat (old)", "2 dog (new)", "ignored"]


def test_long_titles_are_cut_in_the_middle_and_images_may_differ_in_size():
    images, labels = pictures(1)
    more, others = pictures(1, 40, 10)
    titles = ["short", "a" * 30 + "b" * 30]
    figure = contact_sheet([*images, *more], [*labels, *others], NAMES, titles=titles, title="all")
    said = [ax.get_title(loc="left") for ax in figure.axes if ax.get_visible()][::2]
    assert said[0] == "short"
    assert said[1].startswith("aaaa")
    assert said[1].endswith("bbbb")
    assert len(said[1]) < 40
    assert figure.get_suptitle() == "all"


def test_many_columns_become_narrow_and_keep_the_sheet_within_a_page():
    figure = contact_sheet(
        *pictures(16), NAMES, columns=8, titles=[f"leftImg8bit/aachen_{n:09d}.png" for n in range(16)]
    )
    figure.draw_without_rendering()
    assert figure.get_figwidth() <= style.STRETCHED
    assert contact_sheet(*pictures(16), NAMES).get_figwidth() == pytest.approx(style.WIDEST)
    texts = [text for ax in figure.axes for text in ax.findobj(Text) if text.get_text()]
    titles = [text.get_window_extent() for text in texts if text.get_text().endswith(".png")]
    assert len(titles) == 16
    assert not any(first.overlaps(second) for first, second in combinations(titles, 2))


def test_an_exemplar_memory_is_drawn_with_the_step_each_image_was_kept_in():
    images, labels = pictures(6)
    kept_in = [0, 0, 0, 1, 1, 2]
    titles = [f"kept in step {step}" for step in kept_in]
    figure = contact_sheet(images, labels, NAMES, titles=titles, old=[1], title="Memory of 6")
    said = [ax.get_title(loc="left") for ax in figure.axes][::2]
    assert said == titles


@pytest.mark.parametrize(("images", "labels", "titles"), [(0, 0, 0), (2, 1, 0), (2, 2, 1)])
def test_counts_that_do_not_match_are_refused(images, labels, titles):
    with pytest.raises(ValueError, match=f"got {images} images, {labels} label maps and {titles} titles"):
        contact_sheet(pictures(images)[0], pictures(labels)[1], NAMES, titles=["t"] * titles)
