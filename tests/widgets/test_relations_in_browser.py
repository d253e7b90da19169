"""The relation explorer in a plain browser: it follows hand and keyboard, in the colours of its bars.

The kernel's side is called directly, see `canvas_page`; test_browser.py asks for it in JupyterLab. Needs Chromium.
"""

import re

import numpy as np
import pytest
from canvas_page import CELLS, COLOURS, HOVER, SIZES, OnPage
from hostile import HTML

from satkit.widgets import explore_relations

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TRAITS = ("scene", "stage", "chosen", "trouble", "answers")
IMAGE = 22  # square, ellipse, disc and flower


class Opened(OnPage):
    """A page with a relation explorer on it."""

    def __init__(self, browser, explorer, **options):
        super().__init__(browser, explorer, TRAITS, ".satkit-matrices .satkit-cell", **options)
        self.names = explorer.subject.experiment.plan.scenario.names
        self.classes = [label for _, label in explorer.region.options]

    def at(self, label, kind="image", row="region"):
        """Move the real mouse to a pixel of a class."""
        pixels = np.argwhere(self.explorer.subject.labels == label)
        down, across = (pixels[len(pixels) // 2] + 0.5) / np.array(self.explorer.subject.size)
        self.move(self.page.locator(f".satkit-panel[data-kind='{kind}'][data-row='{row}'] .satkit-box"), across, down)

    def cell(self, matrix, line, column):
        """A cell of a matrix: that of the teacher, the student, or their difference."""
        return (
            self.page.locator(".satkit-matrices .satkit-cells")
            .nth(matrix)
            .locator("tr")
            .nth(line + 1)
            .locator(".satkit-cell")
            .nth(column)
        )

    def title(self, row="region"):
        return self.page.locator(".satkit-row").nth(("region", "pinned").index(row)).locator(".satkit-title")

    def region(self, row="region"):
        """Name of the region that is shown in a row."""
        return re.match(rf"{row}: \d+ ([\w ]+) \u00b7", self.title(row).inner_text())[1]

    def option(self, name):
        return self.page.locator("label.satkit-option", has_text=name).locator("input")


@pytest.fixture(scope="module")
def explorer(two_steps):
    """An explorer of an image with four classes."""
    return explore_relations(two_steps, image=IMAGE)


@pytest.fixture(scope="module")
def opened(chromium, explorer):
    """The explorer on a page, opened once; at the end nothing may have gone wrong there."""
    made = Opened(chromium, explorer)
    yield made
    made.close()


@pytest.fixture
def page(opened):
    """The page as it is at first, seen from the largest object."""
    opened.page.mouse.move(1, 1)
    opened.rested()
    opened.explorer.choose(stage=2, head="mean", region=10, pinned=False)
    opened.rested()
    assert opened.region() == "ellipse"
    return opened


def test_the_region_under_the_pointer_is_shown_and_the_kernel_told_once_the_hand_rests(page):
    scene, stage = page.explorer.picture.scene, page.explorer.picture.stage
    for label in (*page.classes, page.classes[1]):
        page.at(label)
        assert page.region() == page.names[label]
        assert page.note()[0].startswith(f"{label} {page.names[label]}, ")
    page.rested()
    assert page.explorer.region.value == page.classes[1]
    assert page.page.evaluate("window.sent.at(-1)")["region"] == page.classes[1]
    assert page.explorer.picture.scene is scene
    assert page.explorer.picture.stage is stage


@pytest.mark.parametrize("head", ["mean", 2])
def test_what_is_drawn_is_the_relation_in_every_model(page, head):
    page.explorer.choose(head=head)
    page.rested()
    page.at(1)
    place, arrays = page.classes.index(1), page.explorer.arrays()
    maps = [arrays[f"{name} relations"][place] for name in ("teacher", "student")]
    table = page.explorer.picture.scene["tables"]["attention"]
    limit = max(each.max() for each in maps)
    for model, values in enumerate(maps):
        cells = page.page.evaluate(
            CELLS,
            [model, *values.shape],
        )
        shades = np.minimum(np.floor(256 * values.ravel() / limit), 255).astype(int)
        near = [
            [tuple(table[3 * each : 3 * each + 3]) for each in range(max(s - 2, 0), min(s + 3, 256))] for s in shades
        ]
        assert all(tuple(cell) in allowed for cell, allowed in zip(cells, near, strict=True))


def test_every_colour_of_maps_and_matrices_is_in_its_bar(page):
    for kind, bar in ((0, 0), (1, 0), ("difference", 1)):
        selector = f".satkit-panel[data-kind='{kind}'][data-row='region']"
        shown, known = map(set, page.page.evaluate(COLOURS, [selector, bar]))
        assert len(shown) > 3
        assert shown <= known
    for matrix, bar in ((0, 2), (1, 2), (2, 3)):
        table = page.page.locator(".satkit-matrices .satkit-cells").nth(matrix)
        said = table.locator(".satkit-cell").evaluate_all(
            "all => all.map(each => getComputedStyle(each).backgroundColor)"
        )
        shown = {int("".join(f"{int(part):02x}" for part in re.findall(r"\d+", each)), 16) for each in said}
        assert shown <= set(page.page.evaluate(COLOURS, [".satkit-panel", bar])[1])


def test_a_movement_is_drawn_in_the_next_frame(page):
    waited, spent = page.page.evaluate(HOVER, [100, "#here > div"])
    assert sorted(waited)[50] <= 1
    assert sorted(spent)[50] <= 16
    page.rested()


def test_the_kernel_hears_nothing_while_the_hand_moves(page):
    sent = page.page.evaluate("window.sent.length")
    page.page.evaluate(HOVER, [60, "#here > div"])
    assert page.page.evaluate("window.sent.length") <= sent + 2  # a slow machine may make the hand rest
    page.rested()
    assert page.page.evaluate("window.sent.length") > sent


def test_the_matrices_hold_the_numbers_of_the_arrays(page):
    arrays = page.explorer.arrays()
    matrices = [arrays["teacher matrix"], arrays["student matrix"]]
    for number, matrix in enumerate([*matrices, matrices[1] - matrices[0]]):
        table = page.page.locator(".satkit-matrices .satkit-cells").nth(number)
        shown = [float(text.replace("\u2212", "-")) for text in table.locator(".satkit-cell").all_inner_texts()]
        np.testing.assert_allclose(shown, 100 * matrix.ravel(), atol=1.01)
        names = [f"{label} {page.names[label]}" for label in page.classes]
        assert table.locator("th[scope=row]").all_inner_texts() == names
        assert table.locator("th[scope=col]").all_inner_texts()[1:] == [str(label) for label in page.classes]


def test_a_cell_under_the_pointer_shows_its_region_and_what_it_looks_at_and_a_click_pins(page):
    matrix = page.explorer.arrays()["student matrix"]
    page.cell(1, 2, 4).hover()
    page.settle()
    assert page.region() == "square"
    assert page.note()[0] == "3 square looks at 10 ellipse"
    share = float(re.match(r"student: ([\d.]+) %", page.note()[2])[1])
    assert share == pytest.approx(100 * matrix[2, 4], abs=0.5)
    assert "of the attention of square, this much falls on ellipse: teacher" in page.line()
    assert page.page.locator(".satkit-cell.satkit-now").count() == 3
    page.cell(1, 2, 4).click()
    page.settle()
    assert page.region("pinned") == "square"
    assert page.cell(0, 2, 0).get_attribute("aria-pressed") == "true"
    page.page.mouse.move(1, 1)
    page.rested()
    assert page.explorer.pinned == 3
    assert page.page.locator(".satkit-cell.satkit-now").count() == 0
    page.at(1)
    assert page.region() == "disc"
    assert page.region("pinned") == "square"
    first, second = page.line().split("\n")
    assert first.startswith("region: disc")
    assert re.search(r"differs from the pinned region: teacher \d+ %, student \d+ % of the attention$", first)
    assert second.startswith("pinned: square")
    page.press("Escape")
    assert page.title("pinned").is_hidden()


def test_a_map_is_read_without_moving_the_region(page):
    page.at(1, kind=1)
    assert page.region() == "ellipse"
    note = page.note()
    assert note[0] == "1 disc"
    assert re.fullmatch(r"key \d, \d of 8 \u00d7 8", note[1])
    assert re.fullmatch(r"\d\S* = \d+\.\d \u00d7 uniform", note[2])
    page.at(1, kind="difference")
    assert "student \u2212 teacher" in page.note()[2]


def test_a_click_on_the_image_pins_and_a_second_one_lets_go(page):
    page.at(3)
    page.click()
    assert page.region("pinned") == page.region() == "square"
    page.click()
    assert page.title("pinned").is_hidden()


def test_a_pixel_that_is_not_annotated_changes_nothing_and_is_named(page):
    page.at(255)
    assert page.region() == "ellipse"
    assert page.note() == ["not annotated", "no patch of stage 2 has this label, so there is no relation"]


def test_everything_goes_by_keyboard(page):
    page.press("Home")
    assert page.region() == "background"
    page.press("ArrowDown", "Enter", "End")
    assert (page.region(), page.region("pinned")) == ("ellipse", "disc")
    page.press("ArrowRight")
    assert "of the attention of ellipse, this much falls on background" in page.line()
    page.press("ArrowLeft", "ArrowLeft")
    assert "of the attention of ellipse, this much falls on flower" in page.line()
    page.press("Escape", "ArrowUp", "PageDown")
    page.rested()
    assert "in stage 3" in page.title().inner_text()
    assert (page.region(), page.explorer.stage.label) == ("flower", "stage 3")
    page.cell(0, 0, 0).focus()
    page.page.keyboard.press("ArrowDown")
    page.page.keyboard.press("ArrowRight")
    page.page.keyboard.press("Enter")
    page.settle()
    assert page.region() == page.region("pinned") == "disc"
    assert page.page.locator(".satkit-matrices button[tabindex='0']").count() == 3
    assert re.fullmatch(r"teacher: disc looks at disc: \d+ %", page.cell(0, 1, 1).get_attribute("aria-label"))
    spoken = page.page.get_by_test_id("satkit-spoken")
    assert spoken.get_attribute("aria-live") == "polite"
    page.page.wait_for_function("document.querySelector('.satkit-spoken').textContent.startsWith('region: disc')")
    label = page.page.get_by_test_id("satkit-picture").get_attribute("aria-label")
    assert label.startswith("Relation explorer. region: disc")
    assert "Enter pins" in label


def test_a_locked_scale_stays_for_maps_and_matrices(page):
    ticks = page.page.locator(".satkit-ticks")
    page.option("lock scale").check()
    before = ticks.all_inner_texts()
    page.at(1)
    page.explorer.choose(head=1)
    page.rested()
    assert ticks.all_inner_texts() == before
    assert page.page.locator(".satkit-bar .satkit-title", has_text="locked").count() == 4
    page.option("lock scale").uncheck()
    page.settle()
    assert ticks.all_inner_texts() != before


def test_the_base_step_has_one_model_and_one_matrix(chromium, two_steps):
    page = Opened(chromium, explore_relations(two_steps, image=IMAGE, step=0))
    assert page.page.locator(".satkit-matrices figcaption").all_inner_texts() == ["model"]
    assert page.page.locator(".satkit-bar:visible").count() == 2
    page.close()


def test_two_hundred_movements_leave_nothing_behind(page):
    page.leaks_nothing()


@pytest.mark.parametrize("width", [1280, 780, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_and_nothing_is_cut_off(chromium, explorer, width, scheme):
    page = Opened(chromium, explorer, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.at(1)
    assert min(page.page.evaluate(SIZES)) >= 9
    assert page.page.evaluate("document.documentElement.scrollWidth") <= width
    panels = page.page.locator(".satkit-panel .satkit-box:visible")
    assert min(panels.evaluate_all("all => all.map((each) => each.clientWidth)")) >= 110
    page.close()


def test_hostile_names_are_text(chromium, two_steps):
    explorer = explore_relations(two_steps, image=IMAGE, region=1, pinned=True)
    names = list(explorer.picture.scene["names"])
    names[0], names[1], names[3] = HTML[0], HTML[6], HTML[8]
    explorer.picture.scene = {**explorer.picture.scene, "names": names}
    page = Opened(chromium, explorer)
    page.cell(0, 1, 2).hover()
    page.settle()
    assert page.note()[0] == f"1 {HTML[6]} looks at 3 {HTML[8]}"
    assert HTML[0] in page.line()
    assert page.page.locator("#here img, #here script, #here svg, #here b").count() == 0
    assert page.page.evaluate("window.hacked") is None
    page.close()
