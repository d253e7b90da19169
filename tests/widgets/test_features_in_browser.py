"""The feature explorer in a plain browser: similarities follow the hand, in both images. Needs Chromium."""

import numpy as np
import pytest
from canvas_page import COLOURS, SIZES, OnPage
from hostile import HTML

from satkit.experiments.kit_models import SETTINGS, kit_model
from satkit.experiments.plan import Plan
from satkit.widgets import explore_features

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TRAITS = ("scene", "stage", "chosen", "trouble", "answers")
PHOTO, MAP = (f".satkit-panel[data-kind='{kind}'] .satkit-box" for kind in ("image", "map"))
STUDENT = 1  # number of the student's map in a row


class Opened(OnPage):
    """A page with a feature explorer on it."""

    def __init__(self, browser, explorer, **options):
        super().__init__(browser, explorer, TRAITS, ".satkit-panel canvas", **options)

    def photo(self, image, pixel):
        """Move the mouse to a pixel of an image."""
        row, column = ((at + 0.5) / 64 for at in pixel)
        self.move(self.page.locator(PHOTO).nth(image), column, row)

    def map(self, number, pixel):
        """Move the mouse to a pixel of a map; there are three in each row."""
        row, column = ((at + 0.5) / 64 for at in pixel)
        self.move(self.page.locator(MAP).nth(number), column, row)

    def titles(self):
        return self.page.locator(".satkit-title:visible").all_inner_texts()

    def cosine(self):
        """The number in the note at the pointer."""
        return float(self.note()[2].split()[1].replace("\u2212", "-"))


@pytest.fixture(scope="module")
def explorer(two_steps):
    return explore_features(two_steps, beside=kit_model(Plan(SETTINGS, "sats")))


@pytest.fixture(scope="module")
def opened(chromium, explorer):
    """The explorer on a page, opened once; at the end nothing may have gone wrong there."""
    made = Opened(chromium, explorer)
    yield made
    made.close()


@pytest.fixture
def page(opened):
    """The page as it is at first: the place is in the first image and not held."""
    opened.press("Escape")
    opened.page.mouse.move(1, 1)
    opened.rested()
    opened.explorer.choose(step=1, image=91, other=25, place_in="image", pixel=(16, 18), show="similarity")
    opened.rested()
    return opened


def test_maps_of_both_images_follow_the_pointer_over_either(page):
    page.photo(1, (26, 22))
    assert "image 25, row 26, column 22" in page.line()
    assert page.titles()[1].startswith("image 25 \u00b7 the place is 6, 5 of 16 \u00d7 16 in embedding: striped square")
    page.rested()
    assert (page.explorer.asked, page.explorer.pixel) == (1, (26, 22))
    assert page.line() == page.explorer.text
    page.photo(0, (40, 50))
    page.rested()
    assert page.line() == page.explorer.text
    assert page.titles()[1] == "image 25, the other image"


def test_a_place_that_is_held_stays_and_the_note_reads_the_cosine_of_every_map(page):
    page.photo(0, (16, 18))
    page.click()
    page.photo(0, (60, 60))
    assert "row 16, column 18" in page.line()
    found = page.explorer.arrays()
    for number, pixel in ((STUDENT, (30, 30)), (3 + STUDENT, (25, 20)), (3 + STUDENT, (60, 3))):
        page.map(number, pixel)
        name = f"student, {'image' if number < 3 else 'other image'}"
        assert page.cosine() == pytest.approx(found[name][pixel[0] // 4, pixel[1] // 4], abs=0.015)
    page.photo(0, (16, 18))
    page.click()  # lets go
    page.photo(0, (60, 60))
    assert "row 60, column 60" in page.line()


def test_a_drag_goes_on_after_a_place_is_held(page):
    page.photo(0, (16, 18))
    page.click()
    page.page.mouse.down()
    page.photo(0, (50, 20))
    page.page.mouse.up()
    assert "row 50, column 20" in page.line()


def test_every_colour_of_a_map_is_in_the_bar(page):
    shown, known = map(set, page.page.evaluate(COLOURS, [f"{MAP}", 0]))
    assert len(shown) > 5
    assert shown <= known


def test_colours_are_those_that_the_kernel_sent(page):
    page.explorer.choose(show="colours")
    page.rested()
    assert page.page.locator(".satkit-bar").is_hidden()
    assert page.page.get_by_text("Colours are the first three principal components").is_visible()
    shown, _ = map(set, page.page.evaluate(COLOURS, [MAP, 0]))
    sent = np.frombuffer(page.explorer.picture.stage["models"][0]["colours"][0], dtype=np.uint8).reshape(-1, 3)
    assert shown == {int(red) * 65536 + int(green) * 256 + int(blue) for red, green, blue in sent}


def test_a_film_of_the_steps_changes_the_maps_and_keeps_the_place(page):
    page.explorer.film.value = 0
    page.rested()
    captions = page.page.locator(".satkit-panel figcaption").all_inner_texts()
    assert captions == ["image 91", "base step", "image 25", "base step"]
    assert "row 16, column 18" in page.line()
    page.explorer.film.value = 1
    page.rested()
    assert page.page.locator(".satkit-panel figcaption").count() == 8


def test_everything_goes_by_keyboard(page):
    page.press("ArrowDown", "ArrowRight", "Shift+ArrowRight", "Home")
    page.rested()
    assert page.explorer.pixel == (22, 2)
    page.press("PageDown", "End")
    page.rested()
    assert (page.explorer.asked, page.explorer.pixel) == (1, (22, 62))
    page.press("Enter")
    assert ", held" in page.titles()[1]
    page.press("Escape")
    assert ", held" not in page.titles()[1]
    spoken = page.page.get_by_test_id("satkit-spoken")
    assert spoken.get_attribute("aria-live") == "polite"
    page.page.wait_for_function("document.querySelector('.satkit-spoken').textContent.includes('row 22, column 62')")
    label = page.page.get_by_test_id("satkit-picture").get_attribute("aria-label")
    assert label.startswith("Feature explorer. image 25, row 22, column 62")


@pytest.mark.parametrize("over", [PHOTO, MAP])
def test_a_movement_is_drawn_in_the_next_frame_and_the_kernel_hears_nothing_meanwhile(page, over):
    page.follows_the_hand(over)


def test_two_hundred_movements_leave_nothing_behind(page):
    page.leaks_nothing(PHOTO)


@pytest.mark.parametrize("width", [1280, 780, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_and_nothing_is_cut_off(chromium, explorer, width, scheme):
    page = Opened(chromium, explorer, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.map(0, (60, 60))
    assert min(page.page.evaluate(SIZES)) >= 9
    assert page.page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_hostile_names_are_text(chromium, two_steps):
    explorer = explore_features(two_steps)
    names = [HTML[6]] * len(explorer.names)
    explorer.picture.scene = {**explorer.picture.scene, "names": names}
    page = Opened(chromium, explorer)
    page.photo(0, (16, 18))
    assert page.note()[0] == HTML[6]
    assert HTML[6] in page.line()
    assert page.page.locator("#here img, #here script, #here iframe, #here b").count() == 0
    assert page.page.evaluate("window.hacked") is None
    page.close()
