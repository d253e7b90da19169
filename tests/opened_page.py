"""A page from a file, open in a real browser, that remembers what it asked for and what went wrong."""

import json
import re

from satkit.utils.assets import asset

PATIENCE = 60_000  # milliseconds


class OpenedPage:
    """A page in a context of its own; options: of the context, such as a viewport or `color_scheme`."""

    def __init__(self, browser, path, **options):
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 1400}, **options})
        self.page, self.wrong, self.asked = self.context.new_page(), [], []
        self.page.set_default_timeout(PATIENCE)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda said: said.type == "error" and self.wrong.append(said.text))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.path = path
        self.page.goto(f"file://{path}")

    def close(self):
        """Close it; nothing may have gone wrong, and nothing been asked for but the file."""
        self.context.close()
        assert self.wrong == []
        assert [url for url in self.asked if not url.startswith("data:")] == [f"file://{self.path}"]


def page_of_the_kit():
    """The page that comes with the kit, and its data."""
    path = asset("explore.html")
    text = path.read_text(encoding="utf-8")
    return path, json.loads(re.search(r'id="satkit-data">(.*?)</script>', text, re.DOTALL)[1])
