from itertools import combinations

import matplotlib
import numpy as np
import pytest

from satkit.plots import iou_multiples, style

matplotlib.use("Agg")

NAN = np.nan
NAMES = ["background", "cat", "dog", "cow", "sheep"]
LEARNT = [0, 0, 0, 1, 2]
IOU = np.array([[0.9, 0.6, 0.5, NAN, NAN], [0.8, 0.1, 0.5, 0.4, NAN], [0.8, 0.0, 0.5, 0.3, NAN]])


def panels(figure):
    """The panels by their titles."""
    return {ax.get_title(): ax for ax in figure.axes if ax.get_visible()}


def line(ax, label):
    (found,) = (line for line in ax.lines if line.get_label() == label)
    return found


def test_every_class_that_was_learnt_has_a_panel_named_by_number_and_name():
    figure = iou_multiples(IOU, NAMES, learnt_at=LEARNT, title="SATS")
    assert list(panels(figure)) == ["0 background", "1 cat", "2 dog", "3 cow"]
    assert figure.legends[0].get_title().get_text() == "SATS"
    ax = panels(figure)["3 cow"]
    np.testing.assert_allclose(line(ax, "cow").get_ydata(), [NAN, 40, 30])
    assert line(ax, "cow").get_xdata().tolist() == [0, 1, 2]


def test_a_class_looks_as_its_group_and_all_others_are_pale_behind_it():
    figure = iou_multiples(IOU, NAMES, learnt_at=LEARNT)
    looks = (style.REST, style.OLD, style.OLD, style.NEW)
    for number, (ax, look) in enumerate(zip(panels(figure).values(), looks, strict=True)):
        own, others = line(ax, NAMES[number]), line(ax, "other classes")
        assert (own.get_color(), own.get_marker(), own.get_linestyle()) == look
        assert others.get_zorder() < own.get_zorder()
        pieces = np.array(others.get_ydata()).reshape(-1, len(IOU) + 1)
        np.testing.assert_allclose(pieces[:, :-1], 100 * np.delete(IOU[:, :4], number, axis=1).T)
        assert np.isnan(pieces[:, -1]).all()  # no line joins two classes
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    assert said == ["background", "old class", "new class", "all other classes", "learnt in this step"]


def test_a_line_marks_the_step_in_which_a_class_was_learnt_and_background_has_none():
    figure = iou_multiples(IOU, NAMES, learnt_at=LEARNT)
    marks = [
        [float(line.get_xdata()[0]) for line in ax.lines if list(line.get_ydata()) == [0, 1]]
        for ax in panels(figure).values()
    ]
    assert marks == [[], [0], [0], [1]]


def test_several_strategies_have_a_line_each_in_every_panel():
    tables = {"SATS": IOU, "joint": IOU[2:] + 0.1}
    figure = iou_multiples(tables, NAMES, learnt_at=LEARNT)
    looks = style.strategy_style(tables)
    for ax in panels(figure).values():
        for name in tables:
            drawn = line(ax, name)
            assert (drawn.get_color(), drawn.get_marker(), drawn.get_linestyle()) == looks[name]
        assert "other classes" not in [line.get_label() for line in ax.lines]
    np.testing.assert_allclose(line(panels(figure)["1 cat"], "joint").get_ydata(), [10])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["SATS", "joint", "learnt in this step"]


def test_panels_share_their_axes():
    axes = list(panels(iou_multiples(IOU, NAMES, learnt_at=LEARNT)).values())
    assert len({(ax.get_xlim(), ax.get_ylim()) for ax in axes}) == 1
    assert axes[0].get_ylim()[0] < 0 < 100 < axes[0].get_ylim()[1]


def test_the_panels_of_150_classes_do_not_overlap_and_their_text_fits():
    names = ["background", *(f"a class whose name is long {index}" for index in range(1, 151))]
    learnt_at = [0] * 101 + [1 + index // 10 for index in range(50)]
    figure = iou_multiples(np.full((6, 151), 0.5), names, learnt_at=learnt_at, title="SATS")
    figure.draw_without_rendering()
    axes = list(panels(figure).values())
    assert len(axes) == 151
    titles = [ax.title.get_window_extent() for ax in axes]
    assert not any(first.overlaps(second) for first, second in combinations(titles, 2))
    boxes = [ax.get_window_extent() for ax in axes]
    assert not any(title.overlaps(box) for title in titles for box in boxes)
    assert figure.legends[0].get_window_extent().y0 > max(title.y1 for title in titles)
    assert min(box.height for box in boxes) > 60
    labelled = [ax.get_title() for ax in axes if ax.xaxis.get_tick_params()["labelbottom"]]
    assert [int(title.split()[0]) for title in labelled] == [*range(145, 151)]  # the lowest of each column


def test_tables_that_do_not_fit_or_hold_nothing_are_refused():
    with pytest.raises(ValueError, match=r"shape \(3, 5\), 4 names and 5 entries"):
        iou_multiples({"SATS": IOU}, NAMES[:4], learnt_at=LEARNT)
    for nothing in (np.full((2, 5), NAN), {}):
        with pytest.raises(ValueError, match="Some class must have an IoU, got none"):
            iou_multiples(nothing, NAMES, learnt_at=LEARNT)
