import ast
from itertools import combinations
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb

import satkit.plots
from satkit.data.labels import BACKGROUND, IGNORE
from satkit.plots import style
from satkit.plots.iou_multiples import PALE

matplotlib.use("Agg")

# Severe colour vision deficiencies, on linear RGB (Machado, Oliveira and Fernandes, IEEE TVCG 15(6), 2009).
VISIONS = {
    "full": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
# CIELAB distances. Side by side, large patches differ from 2.3 on (Mahy, Van Eycken and Oosterlinck, Color Research and
# Application 19(2), 1994); marks and lines of a few pixels need several times that (Szafir, IEEE TVCG 24(1), 2018).
WITH_ANOTHER_SIGN = 15  # a marker, a dash or a hatch tells them apart as well
BY_COLOUR = 25  # only their order or a printed number helps


def ends_and_middle(name):
    return [matplotlib.colormaps[name](value) for value in (0.0, 0.5, 1.0)]


# What must be told apart in one picture, at which distance. Beside the colour:
TOLD_APART = {
    # teacher and student differ in marker and dash, and truth in marker
    "teacher, student and truth": ([style.TEACHER.colour, style.STUDENT.colour, style.TRUTH.colour], BY_COLOUR),
    # marker and dash; as bars, new is hatched
    "old, new, all": ([style.OLD.colour, style.NEW.colour, style.ALL.colour], BY_COLOUR),
    # marker and dash
    "old, new, background": ([style.OLD.colour, style.NEW.colour, style.REST.colour], BY_COLOUR),
    "all and background": ([style.ALL.colour, style.REST.colour], WITH_ANOTHER_SIGN),
    # no marker, behind the others, and thinner
    "lines of other classes": ([PALE, style.OLD.colour, style.NEW.colour, style.REST.colour], BY_COLOUR),
    # marker; the seventh to the twelfth repeat the six, dashed
    "strategies and stages": (list(style._COLOURS), WITH_ANOTHER_SIGN),
    # another old class is dotted and a new class striped; the shares are printed, and their order is fixed
    "flow": ([style.OLD.colour, style.OTHER_OLD, style.BACKGROUND_GREY, style.NEW.colour], WITH_ANOTHER_SIGN),
    "flow without hatch": ([style.OLD.colour, style.BACKGROUND_GREY], BY_COLOUR),
    # nothing: it must do by itself
    "difference": (ends_and_middle(style.DIFFERENCE_MAP), 40),
    "attention": (ends_and_middle(style.ATTENTION_MAP), 30),
    "attention over an image": (ends_and_middle(style.OVERLAY_MAP), 30),
}
PLAIN = ("collections", "contextlib", "re", "warnings", "sys", "textwrap", "typing")  # of Python itself
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def lab(colour, vision):
    """CIELAB coordinates of a colour as somebody with this vision sees it."""
    encoded = np.array(to_rgb(colour))
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    seen = np.clip(vision @ linear, 0, 1)
    x, y, z = TO_XYZ @ seen / np.array([0.95047, 1.0, 1.08883])
    x, y, z = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def closest(colours, vision):
    return min(np.linalg.norm(lab(a, vision) - lab(b, vision)) for a, b in combinations(colours, 2))


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("group", TOLD_APART)
def test_what_must_be_told_apart_keeps_a_distance_for_every_vision(group, vision):
    colours, least = TOLD_APART[group]
    assert closest(colours, VISIONS[vision]) > least


@pytest.mark.parametrize("vision", VISIONS)
def test_teacher_from_student_and_old_from_new_are_far_apart_for_every_vision(vision):
    assert closest([style.TEACHER.colour, style.STUDENT.colour], VISIONS[vision]) > 60
    assert closest([style.OLD.colour, style.NEW.colour], VISIONS[vision]) > 60
    four = [look.colour for look in (style.OLD, style.NEW, style.TEACHER, style.STUDENT)]
    assert closest(four, VISIONS[vision]) > WITH_ANOTHER_SIGN


def test_whoever_shares_a_picture_differs_in_marker_or_dash_too():
    pairs = [(style.TEACHER, style.STUDENT), *combinations((style.OLD, style.NEW, style.ALL, style.REST), 2)]
    for first, second in pairs:
        assert first.marker != second.marker
        assert first.dash != second.dash
    assert style.TRUTH.marker not in (style.TEACHER.marker, style.STUDENT.marker)


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("name", [style.ATTENTION_MAP, style.OVERLAY_MAP])
def test_more_attention_is_brighter_for_every_vision(name, vision):
    lightness = [lab(matplotlib.colormaps[name](value), VISIONS[vision])[0] for value in np.linspace(0, 1, 21)]
    assert (np.diff(lightness) > 0).all()


def test_the_distance_finds_red_and_green_alike_under_deuteranopia():
    assert closest(["#a06a00", "#7c8000"], VISIONS["deuteranopia"]) < closest(["#a06a00", "#7c8000"], np.eye(3)) / 2


def test_the_distance_finds_blue_and_green_alike_under_tritanopia_and_greys_alike_to_all():
    assert closest(["#0080a0", "#008060"], VISIONS["tritanopia"]) < closest(["#0080a0", "#008060"], np.eye(3)) / 2
    for vision in VISIONS.values():
        assert closest(["#555555", "#999999"], vision) == pytest.approx(
            closest(["#555555", "#999999"], np.eye(3)), abs=0.1
        )


def test_fixed_colours_are_those_of_the_style_guide():
    assert style.TEACHER == ("#0072B2", "o", "-")
    assert style.STUDENT == ("#D55E00", "s", "--")
    assert (style.OLD.colour, style.NEW.colour, style.TRUTH.colour) == ("#56B4E9", "#E69F00", "black")
    assert (style.ATTENTION_MAP, style.OVERLAY_MAP, style.DIFFERENCE_MAP) == ("cividis", "magma", "PuOr")


def test_twelve_strategies_differ_in_marker_and_in_colour_with_dash():
    looks = style.strategy_style([f"strategy {number}" for number in range(12)])
    assert len({look.marker for look in looks.values()}) == 12
    assert len({(look.colour, look.dash) for look in looks.values()}) == 12
    fixed = {style.TEACHER.colour, style.STUDENT.colour, style.OLD.colour, style.NEW.colour}
    assert not fixed & {look.colour for look in looks.values()}


def test_a_thirteenth_or_repeated_strategy_is_refused():
    with pytest.raises(ValueError, match=r"At most 12 lines .* got 13"):
        style.strategy_style(map(str, range(13)))
    with pytest.raises(ValueError, match="got SATS more than once"):
        style.strategy_style(["SATS", "joint", "SATS"])


def test_background_and_ignore_are_transparent_and_classes_are_not():
    image = style.class_image(np.array([[BACKGROUND, 1, IGNORE]], dtype=np.uint8), alpha=0.5)
    np.testing.assert_allclose(image[0, :, 3], [0, 0.5, 0])
    np.testing.assert_allclose(image[0, 1, :3], style.class_colour(1))


def test_hatch_covers_exactly_the_ignored_pixels():
    labels = np.array([[255, 255, 0, 255], [0, 1, 255, 0], [0, 0, 0, 0]], dtype=np.uint8)
    _, ax = plt.subplots()
    patch = style.hatch_ignore(labels, ax)
    covered = [[patch.get_path().contains_point((x, y)) for x in range(4)] for y in range(3)]
    np.testing.assert_array_equal(covered, labels == 255)
    assert patch.get_hatch() == style.HATCH
    assert to_hex(patch.get_facecolor()) == "#ffffff"
    assert style.hatch_ignore(np.zeros((2, 2), dtype=np.uint8), ax) is None


def test_text_is_white_on_dark_and_black_on_light():
    assert [style.text_on(colour) for colour in ("black", "#0072B2", "#E69F00", "white")] == [
        "white",
        "white",
        "black",
        "black",
    ]


def test_scale_from_zero_holds_every_map_and_survives_zeros():
    assert (style.from_zero(np.array([0.1]), np.array([0.4])).vmin, style.from_zero(np.array([0.4])).vmax) == (0, 0.4)
    assert style.from_zero(np.zeros(3)).vmax == 1
    assert style.from_zero(np.array([np.nan, 0.2])).vmax == 0.2


def test_diverging_scale_has_its_centre_in_the_middle():
    norm = style.centred(np.array([-0.1, 0.3]))
    assert (norm.vmin, norm.vmax, norm(0.0)) == (-0.3, 0.3, 0.5)
    assert (style.centred(np.array([-0.1, 0.3]), least=0.5).vmin, style.centred(np.array([0.3]), least=0.1).vmax) == (
        -0.5,
        0.3,
    )
    norm = style.centred(np.array([0.9]), center=1.0, vmax=3.0)
    assert (norm.vmin, norm.vmax) == (-1, 3)


def test_cells_show_their_values_dashes_and_no_negative_zero():
    values = np.array([[0.5, -0.25], [-0.001, np.nan]])
    _, ax = plt.subplots()
    ax.imshow(values)
    style.print_cells(ax, values)
    assert [text.get_text() for text in ax.texts] == ["0.50", "\N{MINUS SIGN}0.25", "0.00", "–"]
    assert [text.get_position() for text in ax.texts] == [(0, 0), (1, 0), (0, 1), (1, 1)]


def test_spread_leaves_positions_alone_that_are_far_enough_apart():
    np.testing.assert_allclose(style.spread([5, 1, 9], 2), [5, 1, 9])


def test_spread_keeps_order_gap_and_centre_of_crowded_positions():
    crowded = np.array([3.0, 3.1, 2.9, 10.0])
    moved = style.spread(crowded, 1)
    assert (np.argsort(moved) == np.argsort(crowded)).all()
    assert (np.diff(np.sort(moved)) >= 1 - 1e-12).all()
    np.testing.assert_allclose(moved, [3, 4, 2, 10])


def test_spread_moves_no_more_than_the_best_of_many_tries():
    generator = np.random.default_rng(0)
    positions = np.sort(generator.random(4) * 3)
    best = ((style.spread(positions, 1, low=0, high=5) - positions) ** 2).sum()
    grid = np.linspace(0, 5, 26)
    for tried in combinations(grid, 4):
        if min(np.diff(tried)) >= 1 - 1e-9:
            assert ((np.array(tried) - positions) ** 2).sum() >= best - 1e-9


def test_spread_stays_inside_or_sticks_out_on_both_sides():
    assert style.spread([9, 9, 9], 1, low=0, high=10).tolist() == [8, 9, 10]
    assert style.spread([0, 0], 1, low=0, high=10).tolist() == [0, 1]
    assert style.spread([5, 5, 5], 2, low=0, high=2).tolist() == [-1, 1, 3]
    assert style.spread([], 1, low=0, high=1).tolist() == []


def test_use_style_sets_resolution_and_readable_sizes():
    with matplotlib.rc_context():
        style.use_style()
        _, ax = plt.subplots()
        ax.set(title="title", xlabel="label")
        ax.plot([0, 1], label="line")
        texts = [ax.title, ax.xaxis.label, *ax.get_xticklabels(), *ax.legend().get_texts()]
        assert min(text.get_fontsize() for text in texts) >= 9
        assert ax.figure.dpi == 100
        assert matplotlib.rcParams["axes.grid"]


def test_plots_import_only_the_labels_of_satkit_and_no_torch():
    folder = Path(satkit.plots.__file__).parent
    for file in folder.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module] if isinstance(node, ast.ImportFrom) else []
            for module in modules:
                top = module.split(".")[0]
                assert top in {*PLAIN, "numpy", "matplotlib", "pandas", "seaborn", "satkit"}, (file.name, module)
                if top == "satkit":
                    assert module.startswith("satkit.plots") or module == "satkit.data.labels", (file.name, module)


def test_nothing_is_shown():
    for file in Path(satkit.plots.__file__).parent.glob("*.py"):
        assert ".show(" not in file.read_text(encoding="utf-8"), file.name


def test_every_exported_name_exists():
    assert all(hasattr(satkit.plots, name) for name in satkit.plots.__all__)
    assert sorted(satkit.plots.__all__) == satkit.plots.__all__


@pytest.mark.parametrize(("columns", "side"), [(2, 1.75), (6, 1.6), (10, 0.96), (11, 0.93), (20, 0.6)])
def test_panels_become_narrower_before_a_figure_becomes_wider_than_a_page(columns, side):
    assert style.side_of_panel(columns, 1.75) == pytest.approx(side)
