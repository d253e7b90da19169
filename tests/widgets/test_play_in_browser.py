"""The playground in a plain browser: hand and keys edit the scene, and models answer for its own pixels.

The kernel's side is called directly, see `play_page`; test_browser.py asks for the same in JupyterLab. Needs Chromium.
"""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest
from canvas_page import SIZES, nothing_wrong, sendable
from hostile import HTML
from play_page import drag, open_playground, settled

from satkit.analysis.images import prediction
from satkit.data.datasets.scene_objects import Scene, SceneObject, scene_of
from satkit.widgets import playground

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LOOK = dict(turn=0.1, fill_turn=0.3, fill_shift=0.2, colour=(0.9, 0.15, 0.2))
DISC = SceneObject(row=0.3, column=0.3, radius=0.2, **LOOK, shape="disc", fill="striped")
SQUARE = SceneObject(row=0.7, column=0.7, radius=0.18, **LOOK, shape="square", fill="plain")
SCENE = Scene(64, (0, 1, 5), (DISC, SQUARE))


@pytest.fixture(scope="module")
def models(two_steps):
    """A teacher and a student."""
    return {"teacher": two_steps.model(0), "student": two_steps.model(1)}


@pytest.fixture
def play(two_steps, models):
    """A playground of two objects."""
    return playground(models, two_steps.plan, scene=SCENE)


@pytest.fixture
def page(chromium, play):
    """A page with this playground; nothing may have gone wrong there, and nothing may have been asked of the world."""
    opened = open_playground(chromium, play)
    yield opened
    nothing_wrong(opened)
    opened.context.close()


def press(page, *keys):
    page.locator(".satkit-scene").focus()
    for key in keys:
        page.keyboard.press(key)
    settled(page)


def test_an_object_that_is_dragged_moves_and_the_answers_are_those_of_the_new_pixels(page, play, models):
    before = page.locator(".satkit-line").inner_text()
    drag(page, (0.3, 0.3), (0.55, 0.3))
    settled(page)
    moved = play.scene.objects[0]
    assert (moved.row, moved.column) == (pytest.approx(0.3, abs=0.02), pytest.approx(0.55, abs=0.02))
    assert (play.scene.objects[1], replace(moved, row=0.3, column=0.3)) == (SQUARE, DISC)
    for name, model in models.items():
        np.testing.assert_array_equal(play.arrays()[name], prediction(model, play.scene.drawn().image))
    assert page.locator(".satkit-object").inner_text() == "Object 1 of 2: striped disc"
    assert page.locator(".satkit-line").inner_text() != before


def test_handles_turn_and_resize(page, play):
    press(page, "Escape", "Tab", "Tab")  # the square, whose handles lie above and to the lower right
    angle = 2 * np.pi * SQUARE.turn
    reach = 1.35 * SQUARE.radius
    drag(page, (0.7 + reach * np.sin(angle), 0.7 - reach * np.cos(angle)), (0.7 + reach, 0.7))
    settled(page)
    turned = play.scene.objects[1]
    assert turned.turn == pytest.approx(0.25, abs=0.03)
    assert turned.fill_turn - SQUARE.fill_turn == pytest.approx(2 * (turned.turn - SQUARE.turn))
    corner = 0.7 + 1.25 * SQUARE.radius / np.sqrt(2)
    drag(page, (corner, corner), (0.7 + 0.75 * (corner - 0.7), 0.7 + 0.75 * (corner - 0.7)))
    settled(page)
    assert play.scene.objects[1].radius == pytest.approx(0.75 * SQUARE.radius, rel=0.1)


def test_everything_goes_by_keyboard(page, play):
    press(page, "Escape", "Tab", "ArrowRight", "Shift+ArrowDown")
    pose = play.scene.objects[0]
    assert (pose.column - DISC.column, pose.row - DISC.row) == (pytest.approx(1 / 64), pytest.approx(4 / 64))
    press(page, "s")
    assert play.scene.objects[0].name == "disc"
    press(page, "]", "+", "c")
    changed = play.scene.objects[0]
    assert changed.turn > pose.turn
    assert changed.radius > pose.radius
    assert changed.colour != pose.colour
    press(page, "f")
    assert [each.name for each in play.scene.objects] == ["square", "disc"]
    press(page, "Delete")
    assert [each.name for each in play.scene.objects] == ["square"]
    press(page, *["Control+z"] * 2)
    assert play.scene.objects[0] == changed
    press(page, *["Control+y"] * 2)
    assert play.scene.objects == (SQUARE,)
    page.get_by_role("button", name="reset").click()
    settled(page)
    assert play.scene == SCENE


def test_the_tab_key_goes_through_the_objects_and_then_on(page):
    press(page, "Escape", "Tab")
    assert page.locator(".satkit-object").inner_text().startswith("Object 1 of 2")
    press(page, "Tab")
    assert page.locator(".satkit-object").inner_text().startswith("Object 2 of 2")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "BUTTON"


def test_an_object_is_added_from_the_palette_and_spoken_of(page, play):
    page.get_by_role("button", name="add striped ring").click()
    settled(page)
    assert [each.name for each in play.scene.objects] == ["striped disc", "square", "striped ring"]
    spoken = "document.querySelector('.satkit-spoken').textContent"
    page.wait_for_function(f"{spoken}.startsWith('Object 3 of 3: striped ring, row 32, column 32, radius 12 pixels.')")
    words = page.evaluate(spoken)
    assert "teacher calls it" in words
    assert "its region attends to" in words
    assert page.locator(".satkit-spoken").get_attribute("aria-live") == "polite"
    assert "Keys, once the scene has the focus" in page.locator(".satkit-scene").get_attribute("aria-label")


def test_scenes_are_saved_and_loaded_and_what_goes_wrong_is_a_sentence(page, play, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    press(page, "Escape", "Tab", "ArrowRight")
    saved = play.scene
    page.get_by_role("button", name="save").click()
    page.wait_for_function("document.body.textContent.includes('saved as scene.json')")
    assert Scene.from_json((tmp_path / "scene.json").read_text()) == saved
    press(page, "Delete")
    page.get_by_role("button", name="load").click()
    page.wait_for_function("document.querySelector('.satkit-object').textContent.includes('of 2')")
    assert play.scene == saved
    page.get_by_label("file", exact=True).fill("../other")
    page.get_by_role("button", name="load").click()
    page.wait_for_function("document.querySelector('.satkit-trouble').textContent.startsWith('The name of a scene')")
    assert page.locator(".satkit-play").get_attribute("aria-busy") == "false"


def test_while_an_answer_is_awaited_only_the_newest_edit_waits(page, play):
    page.evaluate("() => { window.held = new Promise((go) => { window.release = go; }); window.sent.length = 0; }")
    drag(page, (0.3, 0.3), (0.5, 0.5), steps=25)
    assert page.evaluate("window.sent.length") == 1
    page.evaluate("() => { window.release(); }")
    settled(page)
    first, last = page.evaluate("window.sent.map((event) => event.number)")
    assert last - first >= 20
    assert play.scene.objects[0].column == pytest.approx(0.5, abs=0.02)


def test_what_is_painted_while_the_kernel_works_is_what_the_kernel_draws(page, play):
    scenes = [scene_of("test", index, 64) for index in range(8)]
    ask = """([kit, scene, empty]) => {
      const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      const deep = (value) => Array.isArray(value) || typeof value !== 'object' || value === null ? value
        : value.$bytes !== undefined ? value.$bytes
        : Object.fromEntries(Object.entries(value).map(([name, each]) => [name, deep(each)]));
      const made = window.module.paintedScene(scene, bytes(empty), window.module.decodedKit(deep(kit)));
      return btoa(String.fromCharCode(...made));
    }"""
    for scene in scenes:
        empty = base64.b64encode(scene.empty().tobytes()).decode()
        made = page.evaluate(ask, [sendable(play.picture.kit), json.loads(scene.to_json()), empty])
        painted = np.frombuffer(base64.b64decode(made), dtype=np.uint8).reshape(64, 64, 3).astype(int)
        apart = np.abs(painted - scene.drawn().image).max(axis=-1)
        assert np.mean(apart <= 4) > 0.98  # of 255
        assert apart.max() < 40  # at single pixels of sharp edges


@pytest.mark.parametrize("width", [1280, 780, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_and_nothing_is_cut_off(chromium, play, width, scheme):
    page = open_playground(chromium, play, viewport={"width": width, "height": 900}, color_scheme=scheme)
    sizes = page.evaluate(SIZES)
    assert min(sizes) >= 9
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    panels = page.locator(".satkit-model .satkit-box").evaluate_all("all => all.map((each) => each.clientWidth)")
    assert min(panels) >= (100 if width > 400 else 90)
    page.context.close()


def test_hostile_names_are_text(chromium, two_steps, models):
    names = [HTML[0], HTML[1]]
    play = playground(dict(zip(names, models.values(), strict=True)), two_steps.plan, scene=SCENE)
    page = open_playground(chromium, play)
    assert page.locator(".satkit-name").all_text_contents() == names
    assert page.locator("#here img, #here script, #here iframe, #here b").count() == 0
    assert page.wrong == []
    page.context.close()
