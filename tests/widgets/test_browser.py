"""The explorers in a real JupyterLab in a real browser: hand, keys, sliders, stop, interrupt, and not a word outwards.

Needs Chromium (Debian: `apt-get install chromium`), found on the path or named by SATKIT_CHROMIUM; skipped without it,
unless SATKIT_BROWSER is "required".
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from places import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE = 180_000  # milliseconds for anything to appear: two cores are slow
OPEN = """
from satkit.experiments.kit_models import SETTINGS, kit_model
from satkit.experiments.plan import Plan
from satkit.analysis import prediction
from satkit.widgets import explore_attention, explore_forgetting, explore_relations
experiment = kit_model(Plan(SETTINGS, "fine-tuning"))
""".strip()
ATTENTION = "explorer = explore_attention(experiment, image=3, pixel=(20, 30)); explorer"
IDLE = "window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"


def notebook(path, *cells):
    """Write a notebook of these cells."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(book, path)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab server of its own: its address, and the folder it serves."""
    home = tmp_path_factory.mktemp("lab")
    for name in ("notebooks", "settings", "user", "workspaces"):
        (home / name).mkdir()
    settings = {
        "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none", "autoStartDefaultKernel": True},
        "@jupyterlab/apputils-extension:notification": {
            "checkForUpdates": False,
            "fetchNews": "false",
            "doNotDisturbMode": True,
        },
    }
    (home / "settings" / "overrides.json").write_text(json.dumps(settings))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "IdentityProvider.token": "",
        "ServerApp.disable_check_xsrf": True,
        "ServerApp.root_dir": home / "notebooks",
        "LabApp.expose_app_in_browser": True,
        "LabApp.app_settings_dir": home / "settings",
        "LabApp.user_settings_dir": home / "user",
        "LabApp.workspaces_dir": home / "workspaces",
    }
    env = os.environ | {
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "SATKIT_RUNS": str(home / "runs"),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--{name}={value}" for name, value in options.items()]
    with (home / "log.txt").open("wb") as log:
        server = subprocess.Popen(command, cwd=home, env=env, stdout=log, stderr=log)
        address = f"http://127.0.0.1:{port}"
        try:
            await_server(server, address, home / "log.txt")
            yield address, home / "notebooks"
        finally:
            server.terminate()
            server.wait(30)


def await_server(server, address, log):
    """Wait until the server answers."""
    for _ in range(240):
        if server.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{address}/api", timeout=2).read()
            return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"JupyterLab did not start: {log.read_text(errors='replace')[-2000:]}")


class Lab:
    """A page of JupyterLab with one notebook in it, which remembers what went wrong."""

    def __init__(self, browser, address, blocked=()):
        self.context = browser.new_context(viewport={"width": 1400, "height": 1600})
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.address, self.outside, self.wrong = address, [], []
        self.page.route(lambda url: not url.startswith((address, "blob:", "data:")), self._refuse)
        for pattern in blocked:
            self.page.route(pattern, lambda route: route.abort())
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda said: said.type == "error" and self.wrong.append(f"{said.text} {said.location}"))

    def _refuse(self, route):
        self.outside.append(route.request.url)
        route.abort()

    def open(self, name):
        """Open a notebook and wait for its kernel."""
        self.page.goto(f"{self.address}/lab/tree/{name}?reset")
        self.page.wait_for_function("window.jupyterapp && window.jupyterapp.started")
        self.page.wait_for_function(IDLE)
        return self

    def run_all(self):
        """Run all cells and wait until each has been executed and the kernel rests."""
        self.start_all()
        self.page.wait_for_function(
            "[...document.querySelectorAll('.jp-CodeCell .jp-InputArea-prompt')]"
            ".filter(prompt => !/^\\[\\d+\\]:$/.test(prompt.textContent)).length === 0"
        )
        self.page.wait_for_function(IDLE)
        return self

    def start_all(self):
        """Begin to run all cells."""
        self.page.evaluate("() => void window.jupyterapp.commands.execute('notebook:run-all-cells')")  # do not wait

    def ask(self, expression):
        """What an expression is in the kernel, asked for in a silent request beside the notebook."""
        return self.page.evaluate(
            """async expression => {
                const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
                const future = kernel.requestExecute({code: '', user_expressions: {it: expression}, silent: false,
                                                      store_history: false});
                const reply = await future.done;
                const found = reply.content.user_expressions.it;
                return found.status === 'ok' ? found.data['text/plain'] : found.ename + ': ' + found.evalue;
            }""",
            expression,
        )

    @property
    def picture(self):
        return self.page.get_by_test_id("satkit-picture").first

    @property
    def line(self):
        return self.page.get_by_test_id("satkit-line").first

    def says(self, text):
        """Wait until the line below the picture holds a text."""
        from playwright.sync_api import expect

        expect(self.line).to_contain_text(text, timeout=PATIENCE)

    def slider(self, name):
        """What the slider with this description shows."""
        box = self.page.locator(".widget-slider", has=self.page.get_by_text(name, exact=True)).first
        return box.locator(".widget-readout").inner_text()

    def hover(self, x, y, kind="image"):
        """Move the mouse to a share of the width and height of a panel of the first attention canvas."""
        panel = self.page.locator(f".satkit-panel[data-kind='{kind}'] .satkit-box").first
        panel.scroll_into_view_if_needed()
        box = panel.bounding_box()
        self.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])

    def click(self):
        """Press and release where the mouse is."""
        self.page.mouse.down()
        self.page.mouse.up()

    def becomes(self, expression, value):
        """Wait until an expression has a value in the kernel."""
        for _ in range(100):
            if (found := self.ask(expression)) == value:
                return
            self.page.wait_for_timeout(200)
        assert found == value

    def close(self):
        """End the kernel and the page; nothing may have gone wrong, and nothing may have been asked of the world."""
        self.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self.context.close()
        assert self.outside == []
        ours = [text for text in self.wrong if "favicon" not in text]
        assert ours == []


@pytest.fixture
def page(lab, chromium):
    """A function that opens a notebook of some cells in JupyterLab."""
    address, folder = lab
    opened = []

    def open_notebook(name, *cells, blocked=()):
        notebook(folder / name, *cells)
        opened.append(Lab(chromium, address, blocked))
        return opened[-1].open(name)

    yield open_notebook
    for each in opened:
        each.close()


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
