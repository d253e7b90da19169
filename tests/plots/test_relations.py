import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from satkit.plots import style
from satkit.plots.relations import draw_region, relation_maps, relation_matrices, relation_matrix

matplotlib.use("Agg")

IMAGE = np.full((8, 12, 3), 40, dtype=np.uint8)
LABELS = np.zeros((8, 12), dtype=np.uint8)
LABELS[:4, :6] = 3
LABELS[4:, 6:] = 7
LABELS[3, :6] = 255
TEACHER = np.arange(12.0).reshape(2, 2, 3) / 12
STUDENT = TEACHER[:, ::-1]
MATRIX = np.array([[0.9, 0.1, 0.0], [0.25, 0.5, 0.25]])
ROWS, COLUMNS = ["cat", "dog"], ["background", "cat", "dog"]


def bars(figure):
    return [ax for ax in figure.axes if ax.get_label() == "<colorbar>"]


def faded(ax):
    """Where the drawn picture differs from the image."""
    return (ax.images[0].get_array() != IMAGE).any(axis=-1)


def test_each_region_has_a_row_of_mask_teacher_student_and_difference():
    figure = relation_maps(IMAGE, TEACHER, STUDENT, ["cat", "dog"], labels=LABELS, stage="stage 3")
    rows = np.array(figure.axes[:8]).reshape(2, 4)
    for row, label in enumerate((3, 7)):
        mask, teacher, student, difference = rows[row]
        np.testing.assert_array_equal(faded(mask), label != LABELS)
        np.testing.assert_array_equal(teacher.images[-1].get_array(), TEACHER[row])
        np.testing.assert_array_equal(student.images[-1].get_array(), STUDENT[row])
        np.testing.assert_allclose(difference.images[-1].get_array(), STUDENT[row] - TEACHER[row])
        limit = max(TEACHER[row].max(), STUDENT[row].max())
        assert teacher.images[-1].get_clim() == student.images[-1].get_clim() == (0, limit)
        assert difference.images[-1].norm(0.0) == 0.5
    assert [row[0].get_ylabel() for row in rows] == ["cat", "dog"]
    assert [ax.get_title() for ax in rows[0]] == ["region", "teacher", "student", "student \N{MINUS SIGN} teacher"]
    assert figure.get_suptitle() == "Relations at stage 3"
    assert len(bars(figure)) == 4


def test_background_is_a_region_when_there_is_one_for_every_label():
    three = np.concatenate([TEACHER, TEACHER[:1]])
    figure = relation_maps(IMAGE, three, three, ["background", "cat", "dog"], labels=LABELS)
    np.testing.assert_array_equal(faded(figure.axes[0]), LABELS != 0)


def test_classes_say_which_label_each_region_has():
    figure = relation_maps(IMAGE, TEACHER, STUDENT, ["dog", "cat"], labels=LABELS, classes=[7, 3])
    np.testing.assert_array_equal(faded(figure.axes[0]), LABELS != 7)


def test_without_labels_the_image_itself_is_shown():
    figure = relation_maps(IMAGE, TEACHER, STUDENT, ["cat", "dog"])
    assert not faded(figure.axes[0]).any()
    assert figure.axes[0].get_title() == "image"


def test_an_absent_region_with_zeros_can_be_drawn():
    zeros = np.zeros_like(TEACHER)
    figure = relation_maps(IMAGE, zeros, zeros, ["cat", "dog"])
    assert figure.axes[1].images[-1].get_clim() == (0, 1)


def test_regions_names_and_labels_must_agree():
    with pytest.raises(ValueError, match=r"one region per name, got \(2, 2, 3\), \(2, 2, 3\) and 3 names"):
        relation_maps(IMAGE, TEACHER, STUDENT, ["a", "b", "c"])
    with pytest.raises(ValueError, match=r"one class per region \(1\), got the values \[0, 3, 7\]"):
        relation_maps(IMAGE, TEACHER[:1], STUDENT[:1], ["a"], labels=LABELS)
    with pytest.raises(ValueError, match=r"label value per region \(2\), got 1"):
        relation_maps(IMAGE, TEACHER, STUDENT, ["a", "b"], labels=LABELS, classes=[3])
    with pytest.raises(ValueError, match=r"height and width of their image, \(8, 12\), got shape \(4, 6\)"):
        relation_maps(IMAGE, TEACHER, STUDENT, ["a", "b"], labels=LABELS[::2, ::2])
    assert plt.get_fignums() == []


def test_a_region_that_fills_the_image_has_no_border():
    _, ax = plt.subplots()
    draw_region(IMAGE, np.ones((8, 12), dtype=bool), ax=ax)
    assert not ax.collections
    draw_region(IMAGE, LABELS == 3, ax=ax)
    assert ax.collections


def test_matrix_names_its_rows_and_columns_and_prints_its_values():
    ax = relation_matrix(MATRIX, ROWS, COLUMNS, title="stage 1")
    assert [label.get_text() for label in ax.get_yticklabels()] == ROWS
    assert [label.get_text() for label in ax.get_xticklabels()] == COLUMNS
    assert [text.get_text() for text in ax.texts] == ["0.90", "0.10", "0.00", "0.25", "0.50", "0.25"]
    assert [text.get_position() for text in ax.texts[:3]] == [(0, 0), (1, 0), (2, 0)]
    np.testing.assert_array_equal(ax.images[0].get_array(), MATRIX)
    assert ax.images[0].get_clim() == (0, 0.9)
    assert ax.get_title() == "stage 1"


def test_text_in_a_cell_is_dark_on_bright_and_bright_on_dark():
    ax = relation_matrix(MATRIX, ROWS, COLUMNS)
    assert (ax.texts[0].get_color(), ax.texts[2].get_color()) == ("black", "white")


def test_an_absent_region_is_a_row_of_dashes():
    ax = relation_matrix(np.array([[0.5, np.nan]]), ["cat"], ["cat", "dog"])
    assert [text.get_text() for text in ax.texts] == ["0.50", "–"]
    assert to_hex(ax.get_facecolor()) == style.EMPTY.lower()


def test_a_matrix_with_a_centre_is_diverging_about_it():
    picture = relation_matrix(MATRIX - 0.5, ROWS, COLUMNS, center=0, vmax=2).images[0]
    assert (picture.get_clim(), picture.norm(0.0), picture.get_cmap().name) == ((-2, 2), 0.5, "PuOr")


def test_given_axes_are_used():
    figure, ax = plt.subplots()
    assert relation_matrix(MATRIX, ROWS, COLUMNS, ax=ax, vmax=1) is ax
    assert ax.images[0].get_clim() == (0, 1)
    assert plt.get_fignums() == [figure.number]
    assert figure.axes == [ax]


def test_a_matrix_must_fit_its_names():
    with pytest.raises(ValueError, match=r"row name \(3\) and one column per column name \(2\), got shape \(2, 3\)"):
        relation_matrix(MATRIX, COLUMNS, ROWS)


@pytest.mark.parametrize("count", [3, 12])
def test_matrices_share_a_scale_and_the_difference_is_centred(count):
    generator = np.random.default_rng(0)
    names = [f"class {index}" for index in range(count)]
    teacher, student = generator.random((2, count, count))
    figure = relation_matrices(teacher, student, names, names)
    first, second, difference = (ax.images[0] for ax in figure.axes[:3])
    assert first.get_clim() == second.get_clim() == (0, max(teacher.max(), student.max()))
    np.testing.assert_allclose(difference.get_array(), student - teacher)
    assert difference.norm(0.0) == 0.5
    assert len(bars(figure)) == 2
    assert [ax.get_title() for ax in figure.axes[:3]] == ["teacher", "student", "student \N{MINUS SIGN} teacher"]


@pytest.mark.parametrize("count", [3, 12])
def test_printed_values_are_readable_and_stay_in_their_cells(count):
    names = [f"class {index}" for index in range(count)]
    figure = relation_matrices(np.eye(count), 1 - np.eye(count), names, names)
    figure.canvas.draw()
    for ax in figure.axes[:3]:
        cell = ax.get_window_extent().width / count
        assert max(text.get_window_extent().width for text in ax.texts) < cell
        assert min(text.get_fontsize() for text in ax.texts) >= 8
