"""The forgetting explorer in a plain browser: a class, a cell and a step are followed everywhere by hand and keys.

The kernel's side is called directly, see `canvas_page`; test_browser.py asks for it in JupyterLab. Needs Chromium.
"""

import numpy as np
import pytest
from canvas_page import COLOURS, SIZES, OnPage
from hostile import HTML

from satkit.widgets import explore_forgetting

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TRAITS = ("scene", "shown", "predictions", "chosen", "trouble", "answers")
CELLS, CURVES = ".satkit-crossed .satkit-box", ".satkit-curves"
CLASSES = 21


class Opened(OnPage):
    """A page with a forgetting explorer on it."""

    def __init__(self, browser, explorer, **options):
        super().__init__(browser, explorer, TRAITS, ".satkit-rows div", **options)

    def cell(self, label, called):
        """Move the mouse to a cell of the confusion."""
        self.move(self.page.locator(CELLS), (called + 0.5) / CLASSES, (label + 0.5) / CLASSES)

    def curve(self, step, label, along=0.0):
        """Move the mouse to the line of a class, some part of the way to the next step."""
        box = self.page.locator(CURVES).bounding_box()
        values = self.explorer.iou[:, label]
        value = values[step] + along * (values[min(step + 1, 1)] - values[step])
        x = 36 + (step + along) * (box["width"] - 36 - 104)
        y = 10 + (1 - value) * (box["height"] - 10 - 34)
        self.move(self.page.locator(CURVES), x / box["width"], y / box["height"])

    def picture(self, kind):
        return self.page.locator(f".satkit-panel[data-kind='{kind}']")

    def now(self):
        """Names of the row and of the column that are marked."""
        rows, columns = self.page.locator(".satkit-rows .satkit-now"), self.page.locator(".satkit-columns .satkit-now")
        return rows.all_inner_texts(), columns.all_inner_texts()


@pytest.fixture(scope="module")
def explorer(two_steps):
    """An explorer that looks through 60 images only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("satkit.widgets.forgetting.MOST_SEARCHED", 60)
        yield explore_forgetting(two_steps)


@pytest.fixture(scope="module")
def opened(chromium, explorer):
    """The explorer on a page, opened once; at the end nothing may have gone wrong there."""
    made = Opened(chromium, explorer)
    yield made
    made.close()


@pytest.fixture
def page(opened):
    """The page as it is at first: after step 1, square, image 37."""
    opened.cell(3, 0)  # so that the mouse leaves the picture
    opened.page.mouse.move(1, 1)
    opened.rested()
    opened.explorer.choose(step=1, image=37, label=3)
    opened.rested()
    assert opened.now()[0] == ["3 square"]
    return opened


def test_a_line_under_the_pointer_shows_its_class_everywhere(page):
    best = int(np.nanargmax(page.explorer.iou[0, 1:16])) + 1
    name = page.explorer.names[best]
    page.curve(0, best)
    assert page.now() == ([f"{best} {name}"], [str(best)])
    assert page.note()[0] == f"{best} {name}"
    assert page.note()[1] == f"step 0: {100 * page.explorer.iou[0, best]:.1f} %"
    assert f"IoU of {name}: {100 * page.explorer.iou[1, best]:.1f} %" in page.line()
    page.rested()
    assert page.explorer.chosen.value == best


def test_a_click_on_a_line_takes_its_step(page):
    page.curve(0, 3)
    page.click()
    page.rested()
    assert page.explorer.step.value == 0
    assert page.line().startswith("after step 0")
    assert page.picture("before").is_hidden()
    assert page.page.locator(".satkit-rows div").count() == 16


def test_a_cell_under_the_pointer_gives_count_and_share_in_words(page):
    confusion = page.explorer._view.confusions[1]
    page.cell(7, 0)
    count, total = int(confusion[7, 0]), int(confusion[7].sum())
    assert page.note()[0] == f"crescent called background: {count:,} pixels"
    assert page.note()[1] == f"{100 * count / total:.1f} % of its {total:,} pixels"
    before = page.explorer._view.confusions[0][7]
    assert page.note()[2] == f"after step 0: {100 * before[0] / before.sum():.1f} %"
    assert page.note()[0] in page.line()
    assert page.now() == (["7 crescent"], ["0"])
    page.cell(20, 20)
    assert page.note()[0].startswith("striped ellipse called right: ")


def test_a_click_on_a_cell_shows_the_images_behind_it_and_keys_the_next_and_the_last_one(page):
    page.cell(3, 0)
    page.click()
    page.rested()
    found = list(page.explorer.found)
    assert (page.explorer.called, page.explorer.image.value) == ((0,), found[0])
    assert f"image {found[0]}: " in page.line()
    assert f"are called background (image 1 of {len(found)})" in page.line()
    page.cell(7, 0)  # reads another cell; the one that is pinned stays
    page.page.mouse.move(1, 1)
    page.rested()
    assert page.explorer.found == found
    assert page.now()[0] == ["3 square"]
    page.press("PageDown")
    page.rested()
    assert page.picture("image").locator("figcaption").inner_text() == f"image {found[1]}"
    page.press("PageUp")
    page.rested()
    page.page.get_by_role("button", name="next image").click()
    page.rested()
    assert page.explorer.image.value == found[1]
    page.press("Escape")
    page.rested()
    assert page.explorer.found == []
    assert "image 2 of" not in page.line()


def test_ground_truth_and_the_predictions_of_both_steps_stand_side_by_side(page):
    captions = page.page.locator(".satkit-panel figcaption").all_inner_texts()
    assert captions == ["image 37", "ground truth", "after step 0", "after step 1"]
    pixels = np.argwhere(page.explorer.arrays()["truth"] == 3)
    row, column = (pixels[len(pixels) // 2] + 0.5) / 64
    for kind in ("truth", "image"):
        page.move(page.picture(kind).locator(".satkit-box"), column, row)
        assert page.note() == ["ground truth: square", "after step 0: square", "after step 1: background"]
        assert page.now()[0] == ["3 square"]
    page.move(page.picture("now").locator(".satkit-box"), column, row)
    assert page.now()[0] == ["0 background"]


def test_everything_goes_by_keyboard(page):
    page.press("ArrowLeft")
    page.rested()
    assert (page.explorer.step.value, page.line().split(" \u00b7 ")[0]) == (0, "after step 0")
    page.press("ArrowLeft", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown")
    page.rested()
    assert (page.explorer.step.value, page.explorer.chosen.value) == (1, 5)
    page.press("ArrowUp", *["Shift+ArrowLeft"] * 4)
    assert "triangle called background: " in page.line()
    page.press("Enter")
    page.rested()
    assert (page.explorer.chosen.value, page.explorer.called) == (4, (0,))
    spoken = page.page.get_by_test_id("satkit-spoken")
    assert spoken.get_attribute("aria-live") == "polite"
    page.page.wait_for_function("document.querySelector('.satkit-spoken').textContent.includes('(image 1 of ')")
    label = page.page.get_by_test_id("satkit-picture").get_attribute("aria-label")
    assert label.startswith("Forgetting explorer. after step 1")
    assert "Enter pins the cell" in label


def test_a_cell_without_pixels_is_answered_in_words(page):
    page.cell(3, 3)
    page.click()
    page.rested()
    trouble = page.page.locator(".satkit-trouble")
    assert trouble.inner_text() == "No pixel of square is called right in the 60 images."
    assert page.explorer.found == []
    page.cell(3, 0)
    page.click()
    page.rested()
    assert trouble.inner_text() == ""


def test_every_colour_of_the_matrix_is_in_its_bar(page):
    shown, known = map(set, page.page.evaluate(COLOURS, [CELLS, 0]))
    assert len(shown) > 3
    assert shown <= known


@pytest.mark.parametrize("over", [CELLS, CURVES, ".satkit-panel[data-kind=truth] .satkit-box"])
def test_a_movement_is_drawn_in_the_next_frame_and_the_kernel_hears_nothing_meanwhile(page, over):
    page.follows_the_hand(over)


def test_two_hundred_movements_leave_nothing_behind(page):
    page.leaks_nothing(CELLS)


@pytest.mark.parametrize("width", [1280, 780, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_and_nothing_is_cut_off(chromium, explorer, width, scheme):
    page = Opened(chromium, explorer, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.cell(5, 0)
    assert min(page.page.evaluate(SIZES)) >= 9
    assert page.page.evaluate("document.documentElement.scrollWidth") <= width
    numbers = page.page.locator(".satkit-columns div:visible").evaluate_all(
        "all => all.map(each => each.getBoundingClientRect().x)"
    )
    assert min(np.diff(numbers)) >= 14
    page.close()


def test_hostile_names_are_text(chromium, two_steps):
    explorer = explore_forgetting(two_steps, label=3, image=37)
    names = list(explorer.picture.scene["names"])
    names[0], names[3] = HTML[0], HTML[6]
    explorer.picture.scene = {**explorer.picture.scene, "names": names}
    page = Opened(chromium, explorer)
    page.cell(3, 0)
    assert page.note()[0].startswith(f"{HTML[6]} called {HTML[0]}: ")
    assert page.now()[0] == [f"3 {HTML[6]}"]
    assert page.page.locator("#here img, #here script, #here iframe, #here b").count() == 0
    assert page.page.evaluate("window.hacked") is None
    page.close()
