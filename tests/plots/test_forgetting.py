from itertools import combinations

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from satkit.plots import style
from satkit.plots.forgetting import (
    compare_strategies,
    confusion_blocks,
    forgetting_per_class,
    iou_heatmap,
    iou_over_steps,
    old_class_flow,
)

matplotlib.use("Agg")

NAN = np.nan
NAMES = ["background", "cat", "dog", "cow"]
LEARNT = [0, 0, 0, 1]
IOU = np.array([[0.9, 0.6, 0.5, NAN], [0.8, 0.1, 0.5, 0.4], [0.8, 0.0, 0.5, 0.3]])
# truth in rows: background, two old classes, one new class
CONFUSION = np.array([[80, 10, 5, 5], [20, 60, 10, 10], [40, 0, 50, 10], [10, 0, 10, 80]])


def line(ax, label):
    (found,) = (line for line in ax.lines if line.get_label() == label)
    return found


def overlapping(texts):
    boxes = [text.get_window_extent() for text in texts]
    return any(first.overlaps(second) for first, second in combinations(boxes, 2))


def test_iou_lines_are_in_percent_with_gaps_before_a_class_is_learnt():
    ax = iou_over_steps(IOU, NAMES, learnt_at=LEARNT, title="SATS")
    np.testing.assert_allclose(line(ax, "cat").get_ydata(), [60, 10, 0])
    np.testing.assert_allclose(line(ax, "cow").get_ydata(), [NAN, 40, 30])
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("step", "IoU (%)", "SATS")
    assert ax.get_xticks().tolist() == [0, 1, 2]


def test_old_and_new_classes_differ_in_colour_marker_and_dash():
    ax = iou_over_steps(IOU, NAMES, learnt_at=LEARNT)
    for name, look in (("cat", style.OLD), ("dog", style.OLD), ("cow", style.NEW), ("background", style.REST)):
        drawn = line(ax, name)
        assert (drawn.get_color(), drawn.get_marker(), drawn.get_linestyle()) == look
    assert len({look.marker for look in (style.OLD, style.NEW, style.REST)}) == 3
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["background", "old classes", "new classes"]


def test_a_class_that_was_never_learnt_has_no_line():
    ax = iou_over_steps(IOU[:1], NAMES, learnt_at=LEARNT)
    assert "cow" not in [line.get_label() for line in ax.lines]
    assert len(ax.get_legend().get_texts()) == 2


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("collapsed", [False, True])
def test_labels_at_the_ends_do_not_overlap_and_keep_the_order_of_the_lines(given, collapsed):
    count = 21
    names = ["background", *(f"class {index}" for index in range(1, count))]
    final = np.zeros(count) if collapsed else np.linspace(0.30, 0.35, count)
    table = np.stack([np.full(count, 0.7), final])
    ax = plt.subplots(figsize=(7, 5), layout="constrained")[1] if given else None
    ax = iou_over_steps(table, names, learnt_at=[0] * count, ax=ax)
    ax.figure.canvas.draw()
    texts = [text for text in ax.texts if text.get_text()]
    assert sorted(text.get_text() for text in texts) == sorted(names)
    assert not overlapping(texts)
    assert min(text.get_fontsize() for text in texts) >= 8
    heights = {text.get_text(): text.get_window_extent().y0 for text in texts}
    by_height = sorted(names, key=heights.get)
    assert by_height == (names[::-1] if collapsed else names)


def test_a_label_far_from_others_is_at_its_line():
    ax = iou_over_steps(IOU, NAMES, learnt_at=LEARNT)
    ax.figure.canvas.draw()
    (text,) = (text for text in ax.texts if text.get_text() == "background")
    box = text.get_window_extent()
    height = ax.transData.transform((2, 80))[1]
    assert box.y0 < height < box.y1


def test_iou_plots_refuse_tables_that_do_not_fit_their_names():
    for draw in (iou_over_steps, iou_heatmap):
        with pytest.raises(ValueError, match=r"shape \(3, 4\), 3 names and 4 entries"):
            draw(IOU, NAMES[:3], learnt_at=LEARNT)
        with pytest.raises(ValueError, match="4 names and 2 entries of learnt_at"):
            draw(IOU, NAMES, learnt_at=[0, 0])


def test_heatmap_has_classes_in_rows_and_prints_percent():
    ax = iou_heatmap(IOU, NAMES, learnt_at=LEARNT)
    np.testing.assert_allclose(ax.images[0].get_array(), 100 * IOU.T)
    assert ax.images[0].get_clim() == (0, 100)
    assert [label.get_text() for label in ax.get_yticklabels()] == NAMES
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "1", "2"]
    printed = np.array([text.get_text() for text in ax.texts]).reshape(4, 3)
    assert printed.tolist() == [["90", "80", "80"], ["60", "10", "0"], ["50", "50", "50"], ["–", "40", "30"]]


def test_heatmap_frames_the_step_that_learns_each_class():
    ax = iou_heatmap(IOU, NAMES, learnt_at=LEARNT)
    centres = [(patch.get_x() + patch.get_width() / 2, patch.get_y() + patch.get_height() / 2) for patch in ax.patches]
    np.testing.assert_allclose(centres, [(0, 1), (0, 2), (1, 3)])


def test_strategies_are_compared_in_percent_with_values():
    table = {"SATS": {"old": 0.6, "new": 0.25, "all": 0.515}, "base": {"old": 0.7, "new": NAN, "all": 0.7}}
    ax = compare_strategies(table)
    assert [[round(bar.get_width(), 6) for bar in bars] for bars in ax.containers] == [[60, 70], [25, 0], [51.5, 70]]
    assert sorted(text.get_text() for text in ax.texts) == sorted(["60.0", "70.0", "25.0", "–", "51.5", "70.0"])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["SATS", "base"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["old", "new", "all"]
    assert ax.get_xlabel() == "mIoU (%)"
    old, new, _ = (bars[0] for bars in ax.containers)
    assert to_hex(old.get_facecolor()).upper() == style.OLD.colour
    assert to_hex(new.get_facecolor()).upper() == style.NEW.colour
    assert old.get_hatch() != new.get_hatch()


def test_values_are_beside_their_own_bars_inside_the_axes():
    ax = compare_strategies(
        {"SATS": {"old": 0.6, "new": 0.2, "all": 0.5}, "joint": {"old": 0.7, "new": 0.6, "all": 0.7}}
    )
    ax.figure.canvas.draw()
    assert not overlapping(ax.texts)
    bars = {(round(bar.get_width(), 3), round(bar.get_y() + bar.get_height() / 2, 3)) for bar in ax.patches}
    assert {(round(text.xy[0], 3), round(text.xy[1], 3)) for text in ax.texts} == bars
    assert all(text.get_window_extent().x1 <= ax.get_window_extent().x1 for text in ax.texts)


def test_a_strategy_without_a_score_is_refused():
    with pytest.raises(ValueError, match="'SATS' has no new, all"):
        compare_strategies({"SATS": {"old": 0.6}})


def test_forgetting_has_a_mark_per_strategy_and_rows_for_defined_classes():
    drops = {"SATS": np.array([NAN, 0.1, 0.2, NAN]), "joint": np.array([NAN, -0.05, NAN, NAN])}
    ax = forgetting_per_class(drops, NAMES)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["cat", "dog"]
    np.testing.assert_allclose(line(ax, "SATS").get_xdata(), [10, 20])
    np.testing.assert_allclose(line(ax, "joint").get_xdata(), [-5, NAN])
    assert np.abs(line(ax, "SATS").get_ydata() - [0, 1]).max() < 0.5
    assert line(ax, "SATS").get_marker() != line(ax, "joint").get_marker()
    assert "percentage points" in ax.get_xlabel()


def test_forgetting_must_have_a_value_per_class():
    with pytest.raises(ValueError, match=r"value per class \(4\), but 'SATS' has shape \(2,\)"):
        forgetting_per_class({"SATS": np.zeros(2)}, NAMES)


def slow_blocks(confusion, blocks):
    shares = np.zeros((3, 3))
    for row, truths in enumerate(blocks):
        total = sum(confusion[truth, predicted] for truth in truths for predicted in range(len(confusion)))
        for column, classes in enumerate(blocks):
            pixels = sum(confusion[truth, predicted] for truth in truths for predicted in classes)
            shares[row, column] = 100 * pixels / total
    return shares


def test_confusion_blocks_are_shares_of_the_pixels_in_each_row():
    ax = confusion_blocks(CONFUSION, old=[1, 2], new=[3])
    shares = ax.images[0].get_array()
    np.testing.assert_allclose(shares, slow_blocks(CONFUSION, [[0], [1, 2], [3]]))
    np.testing.assert_allclose(shares[1], [30, 60, 10])
    np.testing.assert_allclose(shares.sum(axis=1), 100)
    assert [text.get_text() for text in ax.texts[3:6]] == ["30.0 %", "60.0 %", "10.0 %"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["background", "old", "new"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "ground truth")


def test_confusion_blocks_show_dashes_for_a_block_without_pixels():
    ax = confusion_blocks(CONFUSION[:3, :3], old=[1, 2], new=[])
    assert [text.get_text() for text in ax.texts[6:]] == ["–", "–", "–"]


def test_old_pixels_flow_to_correct_other_old_background_and_new():
    ax = old_class_flow(CONFUSION[:3, :3], CONFUSION, old=[1, 2], new=[3], labels=("teacher", "student"))
    widths = np.array([[bar.get_width() for bar in bars] for bars in ax.containers])
    np.testing.assert_allclose(widths[:, 1], [55, 5, 30, 10])
    np.testing.assert_allclose(widths[:, 0], 100 * np.array([110, 10, 60, 0]) / 180)
    np.testing.assert_allclose([bars[1].get_x() for bars in ax.containers], [0, 55, 60, 90])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["teacher", "student"]
    parts = ["correct", "another old class", "background", "a new class"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == parts
    assert sorted(text.get_text() for text in ax.texts) == sorted(
        ["61.1 %", "5.6 %", "33.3 %", "55.0 %", "5.0 %", "30.0 %", "10.0 %"]
    )


def test_values_of_narrow_parts_stand_apart_above_their_bar():
    before = np.array([[10, 0, 0, 0], [1, 96, 2, 1], [2, 1, 96, 1], [0, 0, 0, 10]])
    ax = old_class_flow(before, before, old=[1, 2], new=[3])
    ax.figure.canvas.draw()
    assert len(ax.texts) == 8
    assert not overlapping(ax.texts)
    frame = ax.get_window_extent()
    assert all(frame.x0 <= text.get_window_extent().x0 and text.get_window_extent().x1 <= frame.x1 for text in ax.texts)


def test_flow_and_blocks_refuse_pixels_of_unnamed_classes_and_missing_old_ones():
    with pytest.raises(ValueError, match=r"got pixels on \[2\]"):
        confusion_blocks(CONFUSION, old=[1], new=[3])
    with pytest.raises(ValueError, match=r"got pixels on \[3\]"):
        old_class_flow(CONFUSION, CONFUSION, old=[1, 2], new=[])
    with pytest.raises(ValueError, match="pixels of old classes, got none"):
        old_class_flow(np.eye(3), np.zeros((3, 3)), old=[1], new=[2])
    with pytest.raises(ValueError, match=r"shape \(class, class\), got \(2, 3\)"):
        confusion_blocks(np.ones((2, 3)), old=[1], new=[])


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: iou_over_steps(IOU, NAMES, learnt_at=LEARNT, ax=ax),
        lambda ax: iou_heatmap(IOU, NAMES, learnt_at=LEARNT, ax=ax),
        lambda ax: compare_strategies({"SATS": {"old": 0.6, "new": 0.2, "all": 0.5}}, ax=ax),
        lambda ax: forgetting_per_class({"SATS": np.array([NAN, 0.1, 0.2, NAN])}, NAMES, ax=ax),
        lambda ax: confusion_blocks(CONFUSION, old=[1, 2], new=[3], ax=ax),
        lambda ax: old_class_flow(CONFUSION, CONFUSION, old=[1, 2], new=[3], ax=ax),
    ],
    ids=["lines", "heatmap", "strategies", "per class", "blocks", "flow"],
)
def test_given_axes_are_used_without_opening_a_figure_and_text_is_readable(draw):
    figure, ax = plt.subplots(figsize=(8, 5))
    assert draw(ax) is ax
    assert plt.get_fignums() == [figure.number]
    assert figure.axes == [ax]
    figure.canvas.draw()
    texts = [text for text in figure.findobj(matplotlib.text.Text) if text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= 8
