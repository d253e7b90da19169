"""A figure is kept with its words, and comes back with them, in order."""

import base64
import io
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

from satkit import plots
from satkit.studies.saved_figures import (
    CAPTIONS,
    DPI,
    QUALITIES,
    KeptFigure,
    embedded,
    in_groups,
    keep,
    keep_figure,
    kept_figures,
    what_is_left,
)
from satkit.utils.errors import UsageError

WORDS = {"title": "Losses <of> a step", "see": "They fall: “steeply”.", "alt": "Loss, 3.1 to 0.2."}


@pytest.fixture
def figure():
    made, axes = plt.subplots(figsize=(2, 1))
    axes.plot([3, 1, 0])
    yield made
    plt.close(made)


def test_a_kept_figure_comes_back_with_its_words(tmp_path, figure):
    path = keep_figure(figure, tmp_path / "new" / "figures", "30-loss", **WORDS)
    assert kept_figures(path.parent) == [(KeptFigure("30-loss", **WORDS), path)]
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 50


def test_figures_come_in_the_order_of_their_names(tmp_path, figure):
    for name in ("31-b", "10-z", "30-c"):
        keep_figure(figure, tmp_path, name, **WORDS)
    assert [entry.name for entry, _ in kept_figures(tmp_path)] == ["10-z", "30-c", "31-b"]


def test_a_figure_kept_again_replaces_the_earlier_one(tmp_path, figure):
    keep_figure(figure, tmp_path, "30-loss", **WORDS)
    keep_figure(figure, tmp_path, "30-loss", **{**WORDS, "title": "Another"})
    assert [entry.title for entry, _ in kept_figures(tmp_path)] == ["Another"]
    assert {path.name for path in tmp_path.iterdir()} == {"30-loss.png", "30-loss.json"}


def test_a_picture_without_words_and_words_without_a_picture_are_not_listed(tmp_path, figure):
    for name in ("10-whole", "11-wordless", "12-blank"):
        keep_figure(figure, tmp_path, name, **WORDS)
    (tmp_path / "11-wordless.json").unlink()
    (tmp_path / "12-blank.png").unlink()
    assert [entry.name for entry, _ in kept_figures(tmp_path)] == ["10-whole"]


def test_a_folder_that_is_not_there_has_no_figures(tmp_path):
    assert kept_figures(Path(tmp_path / "nothing")) == []


OPEN = {
    "strategy": "SATS",
    "strategies": "fine-tuning, SATS",
    "name": "disc",
    "names": "disc, ring",
    "step": 1,
    "left": "9 % is left.",
}


@pytest.mark.parametrize("kind", CAPTIONS)
def test_every_caption_is_filled_and_has_a_place_in_the_report(kind, tmp_path):
    figure, axes = plt.subplots()
    path = keep(axes, tmp_path, kind, "sats", **OPEN)
    plt.close(figure)
    ((kept, picture),) = kept_figures(tmp_path)
    assert picture == path
    assert kept.name == f"{CAPTIONS[kind].order}-sats"
    assert not any(brace in text for text in (kept.title, kept.see, kept.alt) for brace in "{}")


def test_a_caption_says_what_is_left_or_that_there_was_nothing_to_forget():
    assert what_is_left(0.0912) == "9.1 % of the base classes' mean IoU is left at the end."
    for kept in (0.0912, None):
        (first, second) = CAPTIONS["film"].see.format(left=what_is_left(kept)).split(". ")
        assert first == "Follow an old object from left to right"
        assert second[0].isupper() or second[0].isdigit()
        assert second.endswith(".")
        assert "no score" not in second


def test_captions_have_an_order_of_their_own():
    orders = [caption.order for caption in CAPTIONS.values()]
    assert len(set(orders)) == len(orders)


def test_an_unknown_kind_of_figure_names_the_nearest(tmp_path):
    with pytest.raises(UsageError, match="Unknown figure 'flim'. Did you mean 'film'"):
        keep(None, tmp_path, "flim")


def test_figures_that_became_several_are_kept_in_their_order(tmp_path):
    figure = plt.figure()
    for part in (2, 0, 1):
        keep(figure, tmp_path, "strip", part=part, strategies=str(part))
    assert [kept.name for kept, _ in kept_figures(tmp_path)] == ["11-strip", "11-strip-1", "11-strip-2"]
    plt.close(figure)


@pytest.mark.parametrize(
    ("count", "most", "sizes"), [(0, 3, [0]), (1, 3, [1]), (3, 3, [3]), (4, 3, [2, 2]), (20, 6, [5, 5, 5, 5])]
)
def test_groups_are_even_hold_everything_in_order_and_are_not_too_large(count, most, sizes):
    groups = in_groups(range(count), most)
    assert [thing for group in groups for thing in group] == list(range(count))
    assert [len(group) for group in groups] == sizes


def unpacked(picture):
    """Format and RGB pixels of an embedded picture."""
    with Image.open(io.BytesIO(base64.b64decode(picture.source.partition(",")[2]))) as opened:
        return opened.format, np.asarray(opened.convert("RGB")).astype(int)


@pytest.fixture
def pictures(tmp_path):
    """A large picture that is hard to make small, a drawing with text, and a small picture."""
    random = np.random.default_rng(0)
    smooth = np.cumsum(np.cumsum(random.normal(size=(300, 400, 3)), axis=0), axis=1)
    noise = random.integers(0, 60, smooth.shape) + 190 * (smooth - smooth.min()) / np.ptp(smooth)
    Image.fromarray(noise.astype(np.uint8)).save(tmp_path / "0.png")
    figure, axes = plt.subplots(figsize=(5, 2))
    axes.imshow(noise / 256, extent=(0, 1, 0, 1), aspect="auto")
    axes.set_position([0.6, 0, 0.4, 1])
    for line in range(5):
        figure.text(0.02, 0.1 + 0.18 * line, "19 striped diamond (old), 50.7 %, IoU 0.31", fontsize=9)
    keep_figure(figure, tmp_path, "1", **WORDS)
    plt.close(figure)
    Image.new("RGB", (40, 30), "#0072B2").save(tmp_path / "2.png")
    return [tmp_path / f"{number}.png" for number in range(3)]


def lengths(found):
    return [len(each.source) for each in found]


def test_pictures_that_fit_are_embedded_byte_by_byte(pictures):
    room = sum(lengths(embedded(pictures, 10**9)))
    for picture, found in zip(pictures, embedded(pictures, room), strict=True):
        assert found.source.startswith("data:image/png;base64,")
        assert base64.b64decode(found.source.partition(",")[2]) == picture.read_bytes()
        assert found.exact


def test_where_little_is_missing_the_largest_picture_alone_changes_its_form_but_no_pixel(pictures):
    before = embedded(pictures, 10**9)
    found = embedded(pictures, sum(lengths(before)) - 1)
    assert sum(lengths(found)) < sum(lengths(before))
    assert found[1:] == before[1:]
    assert found[0].exact
    form, pixels = unpacked(found[0])
    assert form == "WEBP"
    np.testing.assert_array_equal(pixels, unpacked(before[0])[1])


def test_with_ever_less_room_pictures_become_coarser_and_at_last_are_left_out_the_largest_first(pictures):
    full = sum(lengths(embedded(pictures, 10**9)))
    left, changed = [], []
    for room in np.geomspace(full, 2000, 20).astype(int):
        found = embedded(pictures, room)
        assert sum(lengths(found)) <= room
        left.append([place for place, picture in enumerate(found) if not picture.source])
        if found[0].source:
            changed.append(np.abs(unpacked(found[0])[1] - unpacked(embedded(pictures, full)[0])[1]).mean())
    assert (np.diff(changed) >= 0).all()
    assert len(set(changed)) >= 1 + len(QUALITIES)
    assert found == embedded(pictures, room)
    assert left == sorted(left, key=len)
    assert [0] in left
    assert {0} <= set(left[-1])


def test_the_coarsest_picture_still_has_sharp_text(pictures):
    for room in range(40_000, 1000, -500):
        found = embedded(pictures[1:2], room)[0]
        if not found.source:
            break
        coarsest = found
    assert not coarsest.exact
    before, after = (unpacked(each)[1][:, :290] for each in (embedded(pictures[1:2], 10**9)[0], coarsest))
    ink, paper = before.max(axis=2) < 100, before.min(axis=2) > 250
    assert ink.sum() > 500
    assert np.abs(before - after)[ink].mean() < 16  # of 255; fonts differ between machines
    assert np.percentile(after[paper], 5) > 245


COLUMN = 1008  # pixels that a picture has on the page in a window of 1280
MANY = ["background", *(f"chest of drawers {index}" for index in range(1, 151))]
RECIPES = ("fine-tuning", "pseudo-labels + attention", "MiB + attention + memory 100", "RCIL (distillation)")


def picture(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def labels(height, width, classes):
    """Blocks of so many classes."""
    return (np.arange(width) * classes // width + 1)[None].repeat(height, 0).astype(np.uint8)


def strip(predictions, height=96, width=96):
    truths = [labels(height, width, 8)] * 3
    titles = [f"after step {step}" for step in range(predictions)]
    return plots.film_strip(
        [picture(height, width)] * 3, truths, [truths] * predictions, MANY, step_titles=titles, old=[1, 2, 3]
    )


def attention(height, width):
    maps = [np.full((side, side), 1e-5) for side in (16, 8, 4, 2)]
    stages = [f"stage {number}" for number in range(1, 5)]
    grids = [each.shape for each in maps]
    return plots.attention_stages(
        picture(height, width), maps, maps, query_rows=[(0, 0)] * 4, grids=grids, stage_names=stages
    )


def relations(height, width, regions):
    maps = np.full((regions, 8, 8), 1e-5)
    seen = {"labels": labels(height, width, regions), "classes": range(1, regions + 1), "stage": "stage 1"}
    return plots.relation_maps(picture(height, width), maps, maps, MANY[1 : regions + 1], **seen)


def flows(count):
    figure, axes = plt.subplots(count, 1, figsize=(9, 3.2 * count), layout="constrained")
    for ax in axes:
        plots.old_class_flow(np.ones((4, 4)), np.ones((4, 4)), old=[1, 2], new=[3], ax=ax)
    return figure


def history(terms):
    return {"iteration": range(100), **{f"{RECIPES[0]} {term}": np.linspace(2, 1, 100) for term in range(terms)}}


REALISTIC = {
    "scores": lambda: plots.compare_strategies(
        {f"{RECIPES[2]} {number}": {"old": 0.5, "new": 0.4, "all": 0.3} for number in range(20)}
    ),
    "strip": lambda: strip(7),
    "film, 6 steps": lambda: strip(6),
    "film, 11 steps": lambda: strip(11, 96, 128),
    "iou, 150 classes": lambda: plots.iou_over_steps(np.full((6, 151), 0.5), MANY, learnt_at=[0] * 151),
    "forgetting, 150 classes": lambda: plots.forgetting_per_class(dict.fromkeys(RECIPES, np.full(151, 0.5)), MANY),
    "flow": lambda: flows(6),
    "attention": lambda: attention(96, 96),
    "attention, wide": lambda: attention(96, 192),
    "relations": lambda: relations(96, 96, 10),
    "relations, wide": lambda: relations(96, 192, 10),
    "base loss": lambda: plots.loss_terms(history(1)),
    "loss": lambda: plots.loss_terms(history(5)),
    "multiples": lambda: plots.iou_multiples(np.full((6, 21), 0.5), MANY[:21], learnt_at=[0] * 21),
    "drift": lambda: plots.relation_drift(range(9), dict.fromkeys(RECIPES, np.ones((9, 4))), list("abcd")),
}


def smallest_text(path, figure):
    """Font size in pixels of the smallest text of a picture, as the report's page shows it."""
    sizes = [
        text.get_fontsize()
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and text.get_window_extent().width > 0
    ]
    with Image.open(path) as shown:
        return min(sizes) * DPI / 72 * min(1, COLUMN / shown.width)


@pytest.mark.parametrize("kind", REALISTIC)
def test_text_in_the_report_is_legible_in_a_window_of_1280_pixels(kind, tmp_path):
    with matplotlib.rc_context():
        plots.use_style()
        figure = REALISTIC[kind]()
        figure = getattr(figure, "figure", None) or figure
        path = keep_figure(figure, tmp_path, "figure", **WORDS)
        plt.close(figure)
    assert smallest_text(path, figure) >= 8


def test_every_kind_of_figure_of_a_report_is_looked_at_for_legible_text():
    assert set(CAPTIONS) <= {kind.split(",")[0] for kind in REALISTIC}


def test_small_text_of_a_picture_that_is_too_wide_is_found(tmp_path):
    figure = plt.figure(figsize=(20, 1))
    figure.text(0, 0, "small", fontsize=9)
    figure.text(1, 1, "large", fontsize=14)
    path = keep_figure(figure, tmp_path, "wide", **WORDS)
    plt.close(figure)
    assert smallest_text(path, figure) == pytest.approx(9 * 100 / 72 * 1008 / 2040, rel=0.03)


def test_a_finding_ends_the_alt_text(tmp_path):
    figure, _ = plt.subplots()
    keep(figure, tmp_path, "base loss", finding="total from 3 to 1.")
    (kept, _), *_ = kept_figures(tmp_path)
    assert kept.alt == "Cross-entropy of the base step over its iterations. total from 3 to 1."
