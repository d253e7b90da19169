"""The explorers in a real JupyterLab in a real browser: hand, keys, sliders, stop, interrupt, and not a word outwards.

Needs Chromium (Debian: `apt-get install chromium`), found on the path or named by SATKIT_CHROMIUM; skipped without it,
unless SATKIT_BROWSER is "required".
"""

import pytest
from in_lab import IDLE, OPEN

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ATTENTION = "explorer = explore_attention(experiment, image=3, pixel=(20, 30)); explorer"


def test_hand_keys_and_sliders_all_reach_the_kernel_and_stay_in_step(page):
    lab = page("attention.ipynb", OPEN, ATTENTION).run_all()
    lab.says("row 20, column 30")
    lab.hover(0.3, 0.3)
    lab.says("row 19, column 19")
    lab.becomes("explorer.pixel", "(19, 19)")
    assert (lab.slider("row"), lab.slider("column")) == ("19", "19")
    lab.hover(0.8, 0.8, kind="0")  # reads the teacher's map
    lab.says("row 19, column 19")

    lab.picture.focus()
    lab.page.keyboard.press("ArrowDown")
    lab.page.keyboard.press("Shift+ArrowRight")
    lab.says("row 22, column 34")
    lab.becomes("explorer.pixel", "(22, 34)")
    assert (lab.slider("row"), lab.slider("column")) == ("22", "34")

    lab.page.locator(".widget-slider", has=lab.page.get_by_text("row", exact=True)).locator(".noUi-handle").focus()
    lab.page.keyboard.press("ArrowRight")
    lab.becomes("explorer.pixel", "(23, 34)")
    lab.says("row 23, column 34")

    lab.picture.focus()
    lab.page.keyboard.press("d")
    lab.page.keyboard.press("d")  # would delete the cell in command mode
    lab.page.keyboard.press("Enter")
    lab.becomes("explorer.pinned", "(23, 34)")
    assert lab.page.locator(".jp-CodeCell").count() == 2
    lab.page.keyboard.press("PageDown")
    lab.becomes("explorer.stage.label", "'stage 2'")
    for row, name in enumerate(("query", "pinned")):
        title = f"document.querySelectorAll('.satkit-row .satkit-title')[{row}].textContent"
        lab.page.wait_for_function(f"{title}.startsWith('{name}') && {title}.includes('8 \u00d7 8 in stage 2')")
    lab.hover(0.1, 0.9)
    lab.click()
    lab.becomes("explorer.pinned", "(57, 6)")
    lab.picture.focus()
    lab.page.keyboard.press("Escape")
    lab.becomes("explorer.pinned", "None")
    spoken = lab.page.get_by_test_id("satkit-spoken")
    assert spoken.get_attribute("aria-live") == "polite"
    lab.page.wait_for_function("document.querySelector('.satkit-spoken').textContent.startsWith('row 57, column 6')")
    assert "Attention explorer" in lab.picture.get_attribute("aria-label")


def test_a_choice_in_code_or_in_a_menu_reaches_the_canvas(page):
    chosen = "explorer.choose(image=5, stage=4, head=2, view='student', pixel=(50, 50), pinned=True)"
    lab = page("chosen.ipynb", OPEN, ATTENTION, chosen).run_all()
    lab.says("pinned: row 50, column 50")
    names = lab.page.locator(".satkit-row").first.locator("figcaption").all_inner_texts()
    assert names == ["image", "student"]
    assert "stage 4, head 2" in lab.page.locator(".satkit-row .satkit-title").first.inner_text()
    lab.ask("explorer.choose(step=0, view='all')")
    lab.says("model: ")
    assert lab.page.locator(".satkit-row").first.locator("figcaption").all_inner_texts() == ["image", "model"]


def test_after_an_interrupt_and_another_run_everything_answers_again(page):
    lab = page("again.ipynb", OPEN, ATTENTION, "import time; time.sleep(600 if again else 0)")
    lab.ask("globals().update(again=False)")
    lab.run_all()
    lab.ask("globals().update(again=True)")
    lab.start_all()
    lab.page.wait_for_function("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'busy'")
    lab.page.wait_for_timeout(1500)
    lab.hover(0.6, 0.2)
    lab.says("row 12, column 38")  # the hand needs no kernel
    lab.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt()")
    lab.page.wait_for_function(IDLE)
    assert lab.page.get_by_text("KeyboardInterrupt").first.is_visible()
    lab.ask("globals().update(again=False)")
    lab.run_all()
    lab.says("row 20, column 30")
    lab.hover(0.1, 0.5)
    lab.says("row 32, column 6")
    lab.becomes("explorer.pixel", "(32, 6)")


def test_the_other_explorers_answer_hand_and_keys_too(page):
    lab = page("others.ipynb", OPEN, "relations = explore_relations(experiment, image=22); relations").run_all()
    lab.says("region: ellipse")
    lab.hover(0.65, 0.55)
    lab.says("region: disc")
    lab.becomes("relations.region.value", "1")
    lab.picture.focus()
    lab.page.keyboard.press("ArrowDown")
    lab.page.keyboard.press("Enter")
    lab.becomes("(relations.region.value, relations.pinned)", "(3, 3)")
    lab.ask("relations.choose(head='mean', stage=4, region=0)")
    lab.says("region: background")
    lab = page("forgetting.ipynb", OPEN, "forgetting = explore_forgetting(experiment); forgetting").run_all()
    lab.says("after step 1")
    cells = lab.page.locator(".satkit-crossed .satkit-box")
    cells.click(position={"x": 4, "y": 3 * 16 + 8})  # the fourth row and the first column
    lab.becomes("(forgetting.chosen.value, forgetting.called)", "(3, (0,))")
    lab.says("pixels of square are called background (image 1 of")
    lab.picture.focus()
    lab.page.keyboard.press("ArrowLeft")
    lab.says("after step 0")
    lab.becomes("forgetting.step.value", "0")
    assert lab.slider("step") == "0"


def test_the_playground_answers_hand_and_keys_too(page):
    begin = """
from satkit.widgets import playground
models = {"teacher": experiment.model(0), "student": experiment.model(1)}
play = playground(models, experiment.plan, image=3)
play
""".strip()
    lab = page("playground.ipynb", OPEN, begin).run_all()
    lab.page.evaluate(
        "document.addEventListener('satkit-answered', "
        "(event) => (window.waited ??= []).push(event.detail.milliseconds))"
    )
    box = lab.page.locator(".satkit-scene .satkit-box")
    box.scroll_into_view_if_needed()
    place = box.bounding_box()
    row, column = (
        float(part) for part in lab.ask("(play.scene.objects[-1].row, play.scene.objects[-1].column)")[1:-1].split(",")
    )
    lab.page.mouse.move(place["x"] + column * place["width"], place["y"] + row * place["height"])
    lab.page.mouse.down()
    lab.page.mouse.move(place["x"] + 0.5 * place["width"], place["y"] + 0.5 * place["height"], steps=20)
    lab.page.mouse.up()
    lab.becomes("round(play.scene.objects[-1].column, 2)", "0.5")
    same = "bool((play.arrays()['teacher'] == prediction(models['teacher'], play.scene.drawn().image)).all())"
    lab.becomes(same, "True")
    lab.picture.focus()
    count = int(lab.ask("len(play.scene.objects)"))
    lab.page.keyboard.press("d")
    lab.page.keyboard.press("d")  # would delete the cell in command mode
    lab.page.keyboard.press("ArrowDown")
    lab.page.keyboard.press("Delete")
    lab.becomes("len(play.scene.objects)", str(count - 1))
    lab.page.keyboard.press("Control+z")
    lab.becomes("len(play.scene.objects)", str(count))
    assert lab.page.locator(".jp-CodeCell").count() == 2
    lab.ask("play.choose(image=4)")
    lab.page.wait_for_function("document.querySelector('.satkit-play').getAttribute('aria-busy') === 'false'")
    assert lab.page.get_by_role("button", name="undo").is_disabled()
    assert len(lab.page.evaluate("window.waited")) >= 3


def test_the_feature_explorer_follows_the_hand_in_both_images_and_plays_its_film(page):
    begin = "features = explore_features(experiment, image=91, other=25); features"
    lab = page("features.ipynb", OPEN, begin).run_all()
    lab.says("image 91, row")
    lab.hover(0.5, 0.5)
    lab.says("image 91, row 32, column 32")
    lab.becomes("(features.asked, features.pixel)", "(0, (32, 32))")
    second = lab.page.locator(".satkit-panel[data-kind='image'] .satkit-box").nth(1)
    second.hover(position={"x": 30, "y": 30})
    lab.says("image 25, row")
    lab.becomes("features.place.value", "'other image'")
    lab.page.mouse.move(1, 1)
    lab.ask("features.choose(step=0)")
    lab.says("base step")
    assert lab.page.locator(".satkit-panel").count() == 4
    lab.page.locator(".jupyter-widget-play button, .widget-play button").first.click()
    lab.becomes("features.step.value", "1")
    assert lab.slider("step") == "1"


def test_the_stop_button_stops_a_training_in_a_running_cell(page):
    begin = """
from satkit.experiments.experiment import Experiment
from satkit.experiments.plan import Plan
from satkit.experiments.run_places import run_folder
from satkit.experiments.settings import Settings
from satkit.widgets import watch_training
plan = Plan(Settings(preset="smoke"))
object.__setattr__(plan.preset.base, "iterations", 50000)
experiment = Experiment.open(plan, run_folder("stopped"))
run = experiment.run
""".strip()
    lab = page("training.ipynb", begin, "watch = await watch_training(experiment, 0, every=10000, images=5)")
    lab.start_all()
    lab.says("iteration")
    lab.page.locator("button.widget-button", has_text="stop").click()
    lab.says("a checkpoint is kept, the same call goes on")
    lab.page.wait_for_function(IDLE)
    assert lab.ask("watch.stopped") == "True"
    assert lab.ask("run.is_done(0)") == "False"
    assert int(lab.ask("experiment.checkpoint(0).iteration")) < 50000


def test_without_our_front_end_the_picture_and_the_sliders_remain(page):
    lab = page("plain.ipynb", OPEN, ATTENTION, blocked=["**/extensions/anywidget/**"])
    lab.run_all()
    image = lab.page.locator("img.widget-image").first
    image.wait_for(state="visible")
    before = image.get_attribute("src")
    lab.page.locator(".widget-slider", has=lab.page.get_by_text("row", exact=True)).locator(".noUi-handle").focus()
    for _ in range(4):  # into the next patch
        lab.page.keyboard.press("ArrowRight")
    lab.page.wait_for_function(f"document.querySelector('img.widget-image').src !== '{before}'")
    lines = "[...document.querySelectorAll('.widget-text input')].map(line => line.value).join()"
    lab.page.wait_for_function(f"{lines}.includes('row 24, column 30')")
    assert lab.ask("explorer.pixel") == "(24, 30)"
    lab.wrong.clear()  # JupyterLab complains about what was taken from it


def test_ten_explorers_in_one_notebook_all_answer(page):
    cells = [f"e{number} = explore_attention(experiment, image={number}); e{number}" for number in range(10)]
    lab = page("ten.ipynb", OPEN, *cells).run_all()
    pictures = lab.page.get_by_test_id("satkit-picture")
    assert pictures.count() == 10
    for number in (9, 0, 5):
        pictures.nth(number).focus()
        lab.page.keyboard.press("Home")
        lab.becomes(f"e{number}.column.value", "2")
