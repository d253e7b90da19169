"""The weight that one drags on the page of the kit, in a real browser: by hand and keyboard, narrow, dark, still.

Needs Chromium, see tests/widgets/test_browser.py.
"""

import re

import pytest
from opened_page import OpenedPage, page_of_the_kit

pytestmark = [pytest.mark.browser, pytest.mark.slow]

READY = "#satkit-weights canvas[aria-label^=prediction]"
PIXELS = """() => [...document.querySelectorAll("#satkit-weights canvas")].map(each =>
  [...each.getContext("2d").getImageData(0, 0, each.width, each.height).data].reduce((sum, part) => sum + part, 0))"""
COVERED = """() => { const section = document.querySelector("#satkit-weights").getBoundingClientRect();
  return [...document.querySelectorAll("#satkit-weights *")].every(each =>
    each.getBoundingClientRect().right <= section.right + 1); }"""
SMALLEST = """() => { const root = document.querySelector("#satkit-weights");
  const html = [...root.querySelectorAll("*")].map(each => parseFloat(getComputedStyle(each).fontSize));
  const charts = [...root.querySelectorAll("svg.satkit-chart")].map(each =>
    11 * each.getBoundingClientRect().width / each.viewBox.baseVal.width);
  return Math.min(...html, ...charts); }"""


@pytest.fixture(scope="module")
def stored():
    """The page that comes with the kit, and what it says of the weight."""
    path, data = page_of_the_kit()
    return path, data["weights"]


class Opened(OpenedPage):
    """The section in a page."""

    def __init__(self, browser, path, **options):
        super().__init__(browser, path, **options)
        self.root, self.slider = self.page.locator("#satkit-weights"), self.page.locator("#satkit-weights input")

    def line(self):
        return self.root.locator(".satkit-line").inner_text()

    def marked(self):
        """Where the dotted line stands in every chart."""
        return [float(each.get_attribute("x1")) for each in self.root.locator("line.satkit-chosen").all()]


@pytest.fixture
def page(chromium, stored):
    made = Opened(chromium, stored[0])
    made.page.wait_for_selector(READY)
    yield made
    made.close()


def said(world, place):
    """What the line says of a world at the place of a weight."""

    def score(name):
        curve = world["curves"][name]
        width = curve["widths"][place]
        return f"{name} {100 * curve['means'][place]:.1f}" + (f" ± {100 * width:.1f}" if width is not None else "")

    drift = world["curves"]["drift"]["means"][place]
    return f"{world['name']} world: {score('old')}, {score('new')}, {score('all')}, drift {drift:.3f}"


def test_arrow_keys_go_through_the_weights_that_were_run_and_everything_follows(page, stored):
    weights = stored[1]
    assert page.slider.get_attribute("max") == str(len(weights["weights"]) - 1)
    page.slider.focus()
    page.page.keyboard.press("Home")
    drawn, places = [], []
    for place, weight in enumerate(weights["weights"]):
        assert page.line().startswith(f"weight {weight}")
        for world in weights["worlds"]:
            assert said(world, place) in page.line()
        assert page.slider.get_attribute("aria-valuetext").startswith(f"weight {weight}")
        assert page.root.get_by_text(f"prediction, weight {weight}").count() == len(weights["worlds"])
        drawn.append(tuple(page.page.evaluate(PIXELS)))
        places.append(page.marked())
        page.page.keyboard.press("ArrowRight")
    other = {
        str([image["predictions"][place] for world in weights["worlds"] for image in world["images"]])
        for place in range(len(drawn))
    }
    assert len(set(drawn)) == len(other) > 1
    for before, after in zip(places, places[1:], strict=False):
        assert all(one < other for one, other in zip(before, after, strict=True))
    assert page.line().startswith(f"weight {weights['weights'][-1]}")  # there is nothing behind the last


def test_the_mouse_drags_it_too(page, stored):
    page.slider.scroll_into_view_if_needed()
    box = page.slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.page.mouse.move(box["x"] + box["width"] - 9, middle)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 5, middle, steps=5)
    page.page.mouse.up()
    assert page.line().startswith(f"weight {stored[1]['weights'][0]}")


def test_it_begins_with_the_papers_weight_or_the_largest_and_draws_every_value(page, stored):
    weights = stored[1]
    known = weights["paper"] in weights["weights"]
    first = weights["paper"] if known else weights["weights"][-1]
    assert page.line().startswith(f"weight {first}{' (that of the paper)' if known else ''} \N{MIDDLE DOT}")
    charts = page.root.locator("svg.satkit-chart")
    assert charts.count() == len(weights["worlds"])
    for world, chart in zip(weights["worlds"], charts.all(), strict=True):
        count = len(weights["weights"])
        for name in ("old", "new", "all", "drift"):
            assert chart.locator(f".satkit-mark-{name} .satkit-point").count() == count
            known = sum(width is not None for width in world["curves"][name]["widths"])
            assert chart.locator(f".satkit-mark-{name} .satkit-interval").count() == known
        for place in range(count):
            assert said(world, place) in chart.get_attribute("aria-label")


def test_a_mark_stands_where_its_value_is_on_one_scale_for_all_worlds(page, stored):
    for world, chart in zip(stored[1]["worlds"], page.root.locator("svg.satkit-chart").all(), strict=True):
        ticks = {each.text_content(): float(each.get_attribute("y")) - 4 for each in chart.locator("text").all()[1:6]}
        assert set(ticks) == {"0", "25", "50", "75", "100"}
        for mean, mark in zip(
            world["curves"]["old"]["means"], chart.locator(".satkit-mark-old .satkit-point").all(), strict=True
        ):
            up = float(re.match(r"M\S+ ([\d.]+)", mark.get_attribute("d"))[1])
            assert up == pytest.approx(ticks["0"] + mean * (ticks["100"] - ticks["0"]), abs=0.01)


@pytest.mark.parametrize("width", [1280, 780, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_can_be_read_at_every_width_in_light_and_dark(chromium, stored, width, scheme):
    page = Opened(chromium, stored[0], viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.page.wait_for_selector(READY)
    assert page.page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.page.evaluate(COVERED)
    assert page.page.evaluate(SMALLEST) >= 9
    ink, paper = page.page.evaluate(
        "[getComputedStyle(document.querySelector('#satkit-weights .satkit-chosen')).stroke,"
        " getComputedStyle(document.querySelector('main')).backgroundColor]"
    )
    apart = [sum(map(int, re.findall(r"\d+", each)[:3])) for each in (ink, paper)]
    assert abs(apart[0] - apart[1]) > 400
    charts = [each.bounding_box() for each in page.root.locator("svg.satkit-chart").all()]
    assert (charts[0]["y"] == charts[1]["y"]) == (width > 400)  # side by side where there is room
    page.close()


def test_without_javascript_the_picture_at_the_first_weight_is_there(chromium, stored):
    page = Opened(chromium, stored[0], java_script_enabled=False)
    picture = page.page.locator("h2#weights ~ noscript img").first
    assert picture.get_attribute("alt").startswith(
        f"Weight {stored[1]['weights'][stored[1]['first']]} of attention transfer"
    )
    picture.scroll_into_view_if_needed()
    assert picture.bounding_box()["width"] > 500
    page.close()
