"""A page of JupyterLab with one notebook in it, and what a hand does there."""

import time
import urllib.request

import nbformat
import pytest

PATIENCE = 180_000  # milliseconds for anything to appear: two cores are slow
OPEN = """
from satkit.experiments.kit_models import SETTINGS, kit_model
from satkit.experiments.plan import Plan
from satkit.analysis import prediction
from satkit.widgets import explore_attention, explore_features, explore_forgetting, explore_relations
experiment = kit_model(Plan(SETTINGS, "fine-tuning"))
""".strip()
IDLE = "window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"


def notebook(path, *cells):
    """Write a notebook of these cells."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(book, path)


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
