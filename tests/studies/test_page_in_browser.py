"""The page of the kit in a real browser, from a file: it follows hand and keyboard, in the colours of its bars.

One browser opens it once for most of these tests; each begins with the first image, mean over heads, nothing pinned.
Needs Chromium, see tests/widgets/test_browser.py.
"""

import base64
import json
import re

import numpy as np
import pytest
from canvas_page import CELLS, COLOURS, HOVER
from opened_page import PATIENCE, OpenedPage, page_of_the_kit

from satkit.analysis.codes import decoded
from satkit.studies.explorer import with_explorer

pytestmark = [pytest.mark.browser, pytest.mark.slow]

READY = ".satkit-panel canvas"
ROOT = "#satkit-explorer"


@pytest.fixture(scope="module")
def stored():
    """The page that comes with the kit, and its data."""
    return page_of_the_kit()


class Opened(OpenedPage):
    """The explorer in a page."""

    def begin(self):
        """The first image, and everything else as it is at first."""
        self.page.mouse.move(1, 1)
        self.page.locator(".satkit-thumb").first.click()
        self.menu("stage").select_option(label="stage 2")
        self.menu("head").select_option(label="mean")
        return self

    def menu(self, name):
        return self.page.locator("#satkit-explorer label.satkit-option", has_text=re.compile(f"^{name}")).locator(
            "select"
        )

    def option(self, name):
        return self.page.locator("label.satkit-option", has_text=name).locator("input")

    def panel(self, kind, row="query"):
        return self.page.locator(f".satkit-panel[data-kind='{kind}'][data-row='{row}'] .satkit-box")

    def at(self, across, down, kind="image", row="query"):
        """Move the real mouse to a place of a panel, in [0, 1]; the picture follows."""
        self.panel(kind, row).scroll_into_view_if_needed()
        box = self.panel(kind, row).bounding_box()
        self.page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
        self.settle()

    def settle(self):
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def title(self, row="query"):
        return self.page.locator(".satkit-row").nth(("query", "pinned", "region").index(row)).locator(".satkit-title")

    def patch(self, row="query"):
        """Row and column of the patch that is shown."""
        return tuple(map(int, re.search(r"patch (\d+), (\d+) of", self.title(row).inner_text()).groups()))

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)
        self.settle()

    def says(self, place, text):
        """Wait until a place holds a text."""
        from playwright.sync_api import expect

        expect(place).to_contain_text(text, timeout=PATIENCE)

    def colours(self, kind, bar=0):
        shown, known = self.page.evaluate(COLOURS, [f".satkit-panel[data-kind='{kind}'][data-row='query']", bar])
        return set(shown), set(known)


@pytest.fixture(scope="module")
def opened(chromium, stored):
    """The page, opened once; at the end nothing may have gone wrong, and nothing been asked for but the file."""
    made = Opened(chromium, stored[0])
    made.page.wait_for_selector(READY)
    yield made
    made.close()


@pytest.fixture
def page(opened):
    """The page as it is at first."""
    return opened.begin()


def row_of(stage, model, query, head=None):
    """A row of a stage of the data, as Python decodes it."""
    made = stage["maps"][model]
    shape = (stage["heads"], int(np.prod(stage["queries"])))
    codes = np.frombuffer(base64.b64decode(made["codes"]), dtype=np.uint8).reshape(*shape, -1)
    rows = decoded(codes, np.frombuffer(base64.b64decode(made["peaks"]), dtype="<f4").reshape(shape))
    return rows[:, query].mean(axis=0) if head is None else rows[head, query]


@pytest.mark.parametrize("number", range(4))
def test_the_patch_under_the_pointer_is_the_query_on_the_grid_of_every_stage(page, stored, number):
    page.menu("stage").select_option(index=number)
    rows, columns = stored[1]["images"][0]["stages"][number]["queries"]
    for across, down in ((0.01, 0.01), (0.6, 0.3), (0.99, 0.99)):
        page.at(across, down)
        assert page.patch() == (int(down * rows), int(across * columns))


def test_what_is_drawn_is_the_attention_of_the_query_in_every_model(page, stored):
    data = stored[1]
    stage, table = data["images"][0]["stages"][1], base64.b64decode(data["common"]["tables"]["attention"])
    page.option("its region").uncheck()
    page.at(0.55, 0.7)
    row, column = page.patch()
    rows = [row_of(stage, model, row * stage["queries"][1] + column) for model in range(4)]
    limit = max(each.max() for each in rows)
    for model, values in enumerate(rows):
        cells = page.page.evaluate(
            CELLS,
            [model, *stage["keys"]],
        )
        shades = np.minimum(np.floor(256 * values / limit), 255).astype(int)
        near = [[tuple(table[3 * each : 3 * each + 3]) for each in (max(s - 1, 0), s, min(s + 1, 255))] for s in shades]
        assert all(tuple(cell) in allowed for cell, allowed in zip(cells, near, strict=True))
    page.option("its region").check()


def test_every_colour_of_a_map_is_in_its_bar_unless_the_image_is_asked_to_shine_through(page):
    page.at(0.3, 0.6)
    for kind, bar in ((0, 0), (1, 0), (2, 0), (3, 0), ("difference", 1)):
        shown, known = page.colours(kind, bar)
        assert len(shown) > 3
        assert shown <= known
    slider = page.option("image through maps")
    slider.fill("50")
    page.settle()
    shown, known = page.colours(1)
    assert not shown <= known
    slider.fill("0")
    page.settle()
    shown, known = page.colours(1)
    assert shown <= known


def test_a_movement_is_drawn_in_the_next_frame(page):
    waited = page.page.evaluate(HOVER, [30, ROOT])[0]
    assert sorted(waited)[15] <= 1
    assert max(waited) <= 2


def test_a_map_is_read_without_moving_the_query(page):
    page.at(0.3, 0.6)
    before = page.patch()
    page.at(0.8, 0.2, kind=2)
    assert page.patch() == before
    note = page.page.locator(".satkit-tip").inner_text().split("\n")
    assert re.fullmatch(r"key 1, 6 of 8 \u00d7 8", note[1])
    assert re.fullmatch(r"\d\S* = \d+\.\d \u00d7 uniform", note[2])
    page.at(0.8, 0.2, kind="difference")
    assert "fine-tuning \u2212 base model" in page.page.locator(".satkit-tip").inner_text()
    page.page.mouse.move(1, 1)
    page.settle()
    assert page.page.locator(".satkit-tip").is_hidden()


def test_a_click_pins_a_drag_follows_and_escape_lets_go(page):
    page.at(0.3, 0.6)
    page.page.mouse.down()
    page.page.mouse.up()
    page.settle()
    pinned = page.patch("pinned")
    assert pinned == page.patch()
    page.at(0.7, 0.2)
    assert page.patch() != page.patch("pinned") == pinned
    lines = page.page.get_by_test_id("satkit-line").inner_text().split("\n")
    assert [line.split(":")[0] for line in lines] == ["query", "pinned"]
    page.at(0.1, 0.1, kind=1)
    page.page.mouse.down()
    page.at(0.9, 0.9, kind=1)
    assert page.patch() == (7, 7)  # in a map too
    page.page.mouse.up()
    page.settle()
    assert page.patch("pinned") == pinned
    page.press("Escape")
    assert page.title("pinned").is_hidden()


def test_keys_move_by_a_patch_stop_at_the_border_pin_and_change_the_stage(page):
    page.at(0.3, 0.6)
    page.page.mouse.move(1, 1)
    page.page.get_by_test_id("satkit-picture").focus()
    page.press("Home", *["ArrowUp"] * 9)
    assert page.patch() == (0, 0)
    page.press("ArrowDown", "Shift+ArrowRight")
    assert page.patch() == (1, 4)
    page.press("End", "Enter")
    assert page.patch("pinned") == page.patch() == (1, 7)
    page.press("Enter")
    assert page.title("pinned").is_hidden()
    page.press("PageDown", "PageDown")
    assert "stage 4" in page.title().inner_text()
    page.press("PageDown")
    assert "16 \u00d7 16 in stage 1" in page.title().inner_text()
    picture = page.page.get_by_test_id("satkit-picture")
    assert picture.get_attribute("role") == "application"
    spoken = page.page.get_by_test_id("satkit-spoken")
    assert spoken.get_attribute("aria-live") == "polite"
    page.says(spoken, page.page.get_by_test_id("satkit-line").inner_text())
    assert spoken.inner_text() in picture.get_attribute("aria-label")


def test_what_the_line_says_is_what_the_arrays_say(page, stored):
    stage = stored[1]["images"][0]["stages"][1]
    page.at(0.55, 0.7)
    text = page.page.get_by_test_id("satkit-line").inner_text()
    name = re.search(r"ground truth: ([\w ]+?) \u00b7", text)[1]
    label = stored[1]["common"]["names"].index(name)
    own = np.frombuffer(base64.b64decode(stage["key_labels"]), dtype=np.uint8) == label
    row, column = page.patch()
    rows = [row_of(stage, model, row * stage["queries"][1] + column) for model in range(4)]
    for model, values in enumerate(rows):
        words = text.split(" \u00b7 ")[2 + model]
        assert f"{100 * values[own].sum():.0f} % of its attention on {name}" in words
        if model:
            assert words.endswith(f"{50 * np.abs(values - rows[0]).sum():.1f} % moved")


def test_the_region_row_is_the_mean_over_the_patches_of_the_class(page, stored):
    stage = stored[1]["images"][0]["stages"][1]
    page.at(0.55, 0.7)
    row, column = page.patch()
    labels = np.frombuffer(base64.b64decode(stage["query_labels"]), dtype=np.uint8)
    members = np.flatnonzero(labels == labels[row * stage["queries"][1] + column])
    assert f"{len(members)} patches of stage 2" in page.title("region").inner_text()
    relation = np.mean([row_of(stage, 3, query) for query in members], axis=0)
    page.at(0.7, 0.7, kind=3, row="region")
    weight = page.page.locator(".satkit-tip").inner_text().split("\n")[2].split(" = ")[0]
    assert float(weight) == pytest.approx(relation[5 * 8 + 5], rel=0.06)


def test_a_locked_scale_stays_while_the_query_moves(page):
    bar = page.page.locator(".satkit-ticks").first
    page.at(0.3, 0.6)
    page.option("lock scale").check()
    before = bar.inner_text()
    page.at(0.9, 0.1)
    assert bar.inner_text() == before
    assert "locked" in page.page.locator(".satkit-bars").inner_text()
    page.option("lock scale").uncheck()
    page.settle()
    assert bar.inner_text() != before


def test_other_images_heads_and_differences_can_be_chosen(page):
    page.at(0.3, 0.6)
    before = page.colours(1)[0]
    page.menu("head").select_option(label="2")
    page.settle()
    assert "head 2" in page.title().inner_text()
    assert page.colours(1)[0] != before
    page.menu("difference of").select_option(label="SATS")
    page.settle()
    assert (
        page.page.locator(".satkit-panel[data-kind=difference] figcaption").first.inner_text()
        == "SATS \u2212 base model"
    )
    before = page.colours(1)[0]
    page.page.locator(".satkit-thumb").nth(2).click()
    page.settle()
    assert page.page.locator(".satkit-thumb").nth(2).get_attribute("aria-pressed") == "true"
    assert page.colours(1)[0] != before
    page.menu("difference of").select_option(index=0)


def test_two_hundred_movements_leave_nothing_behind(page):
    client = page.context.new_cdp_session(page.page)

    def census():
        client.send("HeapProfiler.collectGarbage")
        counts = client.send("Memory.getDOMCounters")
        return counts["nodes"], counts["jsEventListeners"]

    page.page.evaluate(HOVER, [10, ROOT])
    before = census()
    page.page.evaluate(HOVER, [200, ROOT])
    nodes, listeners = census()
    assert nodes <= before[0] + 20
    assert listeners <= before[1] + 2


def test_a_cell_of_the_confusion_matrix_shows_the_images_behind_it(page):
    cell = page.page.get_by_role("button", name="flower called background: ").first
    cell.click()
    page.page.wait_for_selector(".satkit-behind")
    said = page.page.locator(".satkit-beside p").inner_text()
    assert said.startswith("flower, called background (fine-tuning, after step 1): 9")
    counts = [int(re.search(r": (\d+) of", text)[1]) for text in page.page.locator(".satkit-behind").all_inner_texts()]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 50
    page.press("ArrowRight", "Enter")
    page.says(page.page.locator(".satkit-beside p"), "called a new class")
    assert page.page.locator(".satkit-cells button[tabindex='0']").count() == 1
    assert page.page.locator(".satkit-cells th", has_text="(new)").count() == 5
    page.page.locator(".satkit-option:has(> span:text-is('model')) select").select_option(label="base model")
    assert page.page.locator(".satkit-cells th", has_text="(not learnt yet)").count() == 5


def test_it_can_be_used_at_a_width_of_400_pixels_by_touch_and_in_the_dark(chromium, stored):
    options = {"viewport": {"width": 400, "height": 800}, "color_scheme": "dark", "has_touch": True}
    page = Opened(chromium, stored[0], **options)
    page.page.wait_for_selector(READY)
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.panel("image").bounding_box()["width"] > 150
    page.panel("image").scroll_into_view_if_needed()
    box = page.panel("image").bounding_box()
    page.page.touchscreen.tap(box["x"] + 0.9 * box["width"], box["y"] + 0.1 * box["height"])
    page.settle()
    assert page.patch() == page.patch("pinned") == (0, 7)
    ink, paper = page.page.evaluate(
        "[getComputedStyle(document.querySelector('.satkit-line')).color,"
        " getComputedStyle(document.querySelector('main')).backgroundColor]"
    )
    light, dark = (sum(map(int, re.findall(r"\d+", each)[:3])) for each in (ink, paper))
    assert light - dark > 400
    smallest = (
        "Math.min(...[...document.querySelectorAll('main *')].map(e => parseFloat(getComputedStyle(e).fontSize)))"
    )
    assert page.page.evaluate(smallest) >= 9
    page.close()


def test_without_javascript_the_still_pictures_are_there(chromium, stored):
    page = Opened(chromium, stored[0], java_script_enabled=False)
    pictures = page.page.locator("noscript img")
    assert pictures.count() == len(stored[1]["images"]) + 1  # and the weight's
    for picture in pictures.all():
        assert picture.bounding_box()["width"] > 500
        assert len(picture.get_attribute("alt").split()) > 8
    page.close()


def test_names_that_hold_markup_are_shown_as_they_are(chromium, stored, tmp_path):
    name = '</script><img src=x onerror="window.hit=1"><script>window.hit=1</script>'
    data = json.loads(json.dumps(stored[1]).replace("striped square", json.dumps(name)[1:-1]))
    data["models"][1] = data["images"][0]["title"] = name
    marks = {each: f"<!-- satkit: {each} -->" for each in ("policy", "style", "data", "script")}
    sections = "".join(f'<section id="satkit-{each}"></section>' for each in ("explorer", "confusions"))
    sections += '<section id="satkit-weights"><svg></svg></section>'
    head = f"<!DOCTYPE html><html lang=en><head><meta charset=utf-8>{marks['policy']}"
    head += f"<style>{marks['style']}</style></head>"
    path = tmp_path / "hostile.html"
    path.write_text(with_explorer(f"{head}<body>{sections}{marks['data']}{marks['script']}</body></html>", data))
    page = Opened(chromium, path)
    page.page.wait_for_selector(READY)
    page.at(0.55, 0.7)
    assert name in page.page.get_by_test_id("satkit-line").inner_text()
    assert name in page.page.locator(".satkit-panel figcaption").nth(2).inner_text()
    page.page.get_by_role("button", name="called background: ").nth(3).click()
    assert page.page.evaluate("window.hit") is None
    page.close()
