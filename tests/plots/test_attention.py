import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from satkit.plots import style
from satkit.plots.attention import (
    attention_stages,
    draw_attention,
    draw_difference,
    draw_image,
    draw_pair,
    patch_centre,
    teacher_and_student,
)

matplotlib.use("Agg")

IMAGE = np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3)
TEACHER = np.array([[0.1, 0.2, 0.3], [0.05, 0.05, 0.3]])
STUDENT = np.array([[0.5, 0.1, 0.1], [0.1, 0.1, 0.1]])


def marks(ax):
    return [tuple(line.get_xydata()[0]) for line in ax.lines if line.get_label() == "query"]


def bars(figure):
    return [ax for ax in figure.axes if ax.get_label() == "<colorbar>"]


def test_an_image_is_drawn_as_it_is_without_ticks():
    ax = draw_image(IMAGE)
    np.testing.assert_array_equal(ax.images[0].get_array(), IMAGE)
    assert len(ax.get_xticks()) == len(ax.get_yticks()) == 0


def test_an_image_with_labels_has_a_legend_of_the_classes_that_occur():
    labels = np.zeros((48, 64), dtype=np.uint8)
    labels[:20] = 2
    ax = draw_image(IMAGE, labels=labels, names=["background", "cat", "dog"])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["2 dog"]


def test_the_given_axes_are_used_and_no_figure_is_opened():
    _, ax = plt.subplots()
    before = plt.get_fignums()
    for draw in (
        lambda: draw_image(IMAGE, ax=ax),
        lambda: draw_attention(TEACHER, image=IMAGE, query=(0, 0), query_grid=(4, 4), title="t", ax=ax),
        lambda: draw_difference(STUDENT - TEACHER, ax=ax),
    ):
        assert draw() is ax
        assert plt.get_fignums() == before
        assert len(ax.figure.axes) == 1


def test_without_axes_a_new_figure_with_a_colour_bar_is_made():
    ax = draw_attention(TEACHER)
    assert [bar.get_ylabel() for bar in bars(ax.figure)] == ["attention weight"]


def test_a_map_alone_is_drawn_in_its_own_grid_from_zero():
    picture = draw_attention(TEACHER).images[0]
    np.testing.assert_array_equal(picture.get_array(), TEACHER)
    assert picture.get_clim() == (0, 0.3)
    assert picture.get_cmap().name == "cividis"
    assert tuple(picture.get_extent()) == (-0.5, 2.5, 1.5, -0.5)


def test_an_overlay_covers_the_whole_image_without_smoothing():
    beneath, picture = draw_attention(TEACHER, image=IMAGE, vmax=0.8).images
    np.testing.assert_array_equal(picture.get_array(), TEACHER)
    assert beneath.get_array().shape == IMAGE.shape
    assert tuple(picture.get_extent()) == (-0.5, 63.5, 47.5, -0.5)
    assert picture.get_interpolation() == "nearest"
    assert (picture.get_cmap().name, picture.get_clim()) == ("magma", (0, 0.8))
    assert 0 < picture.get_alpha() < 1


def rendered(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)


def test_every_key_fills_its_own_share_of_the_drawn_picture():
    figure = plt.figure(figsize=(3, 2), dpi=100)
    ax = figure.add_axes([0, 0, 1, 1])
    draw_attention(TEACHER, ax=ax)
    ax.set_aspect("auto")
    pixels = rendered(figure)
    for (row, column), value in np.ndenumerate(TEACHER):
        block = pixels[row * 100 + 3 : row * 100 + 97, column * 100 + 3 : column * 100 + 97].reshape(-1, 3)
        expected = 255 * np.array(plt.get_cmap("cividis")(value / 0.3)[:3])
        assert np.abs(block - expected).max() <= 1.5


@pytest.mark.parametrize(
    ("query", "grid", "size", "centre"),
    [
        ((0, 0), (12, 16), (48, 64), (1.5, 1.5)),  # a patch of 4 x 4: pixels 0 .. 3
        ((11, 15), (12, 16), (48, 64), (61.5, 45.5)),
        ((2, 5), (12, 16), (48, 64), (21.5, 9.5)),
        ((1, 0), (3, 2), (48, 64), (15.5, 23.5)),  # cells of 16 x 32
        ((2, 6), (3, 7), (10, 30), (6.5 * 30 / 7 - 0.5, 2.5 * 10 / 3 - 0.5)),  # does not divide
        ((0, 0), (1, 1), (5, 9), (4, 2)),
    ],
)
def test_the_query_is_marked_at_the_centre_of_its_patch(query, grid, size, centre):
    assert patch_centre(query, grid, size) == pytest.approx(centre)
    image = np.zeros((*size, 3), dtype=np.uint8)
    ax = draw_attention(TEACHER, image=image, query=query, query_grid=grid)
    assert marks(ax) == [pytest.approx(centre)]
    assert ax.get_xlim() == (-0.5, size[1] - 0.5)
    assert ax.get_ylim() == (size[0] - 0.5, -0.5)


def test_without_an_image_the_query_is_placed_in_the_grid_of_the_keys():
    ax = draw_attention(TEACHER, query=(3, 0), query_grid=(4, 6))
    assert marks(ax) == [pytest.approx((-0.25, 1.25))]


def test_queries_outside_their_grid_or_without_grid_are_refused():
    with pytest.raises(ValueError, match="4 rows and 6 columns, got row 4 and column 0"):
        draw_attention(TEACHER, query=(4, 0), query_grid=(4, 6))
    with pytest.raises(ValueError, match="query_grid must be given"):
        draw_attention(TEACHER, query=(0, 0))


def test_maps_that_are_no_attention_are_refused():
    with pytest.raises(ValueError, match=r"shape \(key_height, key_width\), got \(6,\)"):
        draw_attention(np.ones(6))
    with pytest.raises(ValueError, match="finite and >= 0, got values from -1.0 to 1.0"):
        draw_attention(np.array([[-1.0, 1.0]]))
    with pytest.raises(ValueError, match="finite"):
        draw_attention(np.array([[np.nan, 1.0]]))
    with pytest.raises(ValueError, match="shape"):
        draw_difference(np.ones(6))
    with pytest.raises(ValueError, match="image must be uint8"):
        draw_attention(TEACHER, image=IMAGE / 255.0)


def test_a_difference_is_centred_at_zero():
    picture = draw_difference(STUDENT - TEACHER, image=IMAGE).images[-1]
    np.testing.assert_allclose(picture.get_array(), STUDENT - TEACHER)
    assert picture.get_clim() == (-0.4, 0.4)
    assert picture.norm(0.0) == 0.5
    assert picture.get_cmap().name == "PuOr"


def test_teacher_and_student_share_scale_and_bar():
    figure = teacher_and_student(IMAGE, TEACHER, STUDENT, query=(2, 5), query_grid=(12, 16), suptitle="Stage 1")
    query, teacher, student, difference = figure.axes[:4]
    np.testing.assert_array_equal(query.images[0].get_array(), IMAGE)
    np.testing.assert_array_equal(teacher.images[-1].get_array(), TEACHER)
    np.testing.assert_array_equal(student.images[-1].get_array(), STUDENT)
    np.testing.assert_allclose(difference.images[-1].get_array(), STUDENT - TEACHER)
    assert teacher.images[-1].get_clim() == student.images[-1].get_clim() == (0, 0.5)
    assert difference.images[-1].norm(0.0) == 0.5
    assert [bar.get_ylabel() for bar in bars(figure)] == ["attention weight", "difference"]
    assert figure.get_suptitle() == "Stage 1"
    assert all(marks(ax) == [(21.5, 9.5)] for ax in figure.axes[:4])


def test_teacher_and_student_take_their_titles_and_refuse_too_few():
    arguments = {"query": (0, 0), "query_grid": (2, 2)}
    figure = teacher_and_student(IMAGE, TEACHER, STUDENT, titles=list("abcd"), **arguments)
    assert [ax.get_title() for ax in figure.axes[:4]] == list("abcd")
    with pytest.raises(ValueError, match="four panels, got 2"):
        teacher_and_student(IMAGE, TEACHER, STUDENT, titles=list("ab"), **arguments)


def test_maps_of_different_grids_are_not_compared():
    with pytest.raises(ValueError, match=r"same key grid, got \(2, 3\) and \(3, 2\)"):
        teacher_and_student(IMAGE, TEACHER, STUDENT.T, query=(0, 0), query_grid=(2, 2))


def test_a_pair_of_empty_maps_can_be_drawn():
    _, axes = plt.subplots(1, 3)
    draw_pair(axes, np.zeros((2, 2)), np.zeros((2, 2)))
    assert [ax.images[0].get_clim() for ax in axes] == [(0, 1), (0, 1), (-0.1, 0.1)]


def test_stages_are_rows_each_with_its_own_shared_scale_and_query():
    figure = attention_stages(
        IMAGE,
        [TEACHER, 2 * TEACHER],
        [STUDENT, TEACHER],
        query_rows=[(2, 5), (0, 0)],
        grids=[(12, 16), (3, 4)],
        stage_names=["stage 1", "stage 2"],
    )
    first, second = figure.axes[:3], figure.axes[3:6]
    assert [ax.images[-1].get_clim() for ax in first[:2]] == [(0, 0.5)] * 2
    assert [ax.images[-1].get_clim() for ax in second[:2]] == [(0, 0.6)] * 2
    np.testing.assert_allclose(second[2].images[-1].get_array(), -TEACHER)
    assert [marks(ax) for ax in first] == [[(21.5, 9.5)]] * 3
    assert [marks(ax) for ax in second] == [[(7.5, 7.5)]] * 3
    assert [first[0].get_ylabel(), second[0].get_ylabel()] == ["stage 1", "stage 2"]
    assert len(bars(figure)) == 4


def test_stages_need_one_entry_in_every_list():
    with pytest.raises(ValueError, match="'grids': 2"):
        attention_stages(
            IMAGE, [TEACHER], [STUDENT], query_rows=[(0, 0)], grids=[(2, 2), (1, 1)], stage_names=["stage 1"]
        )


@pytest.mark.parametrize("styled", [False, True])
def test_text_of_the_comparison_is_readable(styled):
    with matplotlib.rc_context():
        if styled:
            style.use_style()
        figure = teacher_and_student(IMAGE, TEACHER, STUDENT, query=(0, 0), query_grid=(2, 2), suptitle="s")
        figure.canvas.draw()
        texts = [text for text in figure.findobj(matplotlib.text.Text) if text.get_text()]
        assert len(texts) > 10
        assert min(text.get_fontsize() for text in texts) >= 8
