"""A figure is kept with its words, and comes back with them, in order."""

from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from PIL import Image

from satkit.choices import UsageError
from satkit.figures import CAPTIONS, KeptFigure, in_groups, keep, keep_figure, kept_figures

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
    "kept": "9 %",
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
