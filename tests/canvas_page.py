"""Canvases on a plain page: their own script, with the kernel's side called directly instead of over a comm."""

import base64
import json

PAGE = """<!doctype html><meta charset="utf-8"><style>
body { margin: 12px; } @media (prefers-color-scheme: dark) { body { background: #111; --satkit-ink: #ddd;
  --satkit-soft: #aaa; --satkit-line: #555; --satkit-paper: #222; } }
%s</style><div id="here"></div>"""
OPEN = """async ([script, state]) => {
  const bytes = (text) => new DataView(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
  const plain = (value) => {
    if (Array.isArray(value)) return value.map(plain);
    if (!value || typeof value !== 'object') return value;
    if (value.$bytes !== undefined) return bytes(value.$bytes);
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
  };
  const [values, listeners] = [plain(state), {}];
  window.sent = [];
  window.held = null;
  window.take = (text) => {
    const changed = plain(JSON.parse(text));
    Object.assign(values, changed);
    for (const name of Object.keys(changed)) for (const listener of listeners[`change:${name}`] ?? []) listener();
  };
  const model = {
    get: (name) => values[name],
    set: (name, value) => { values[name] = value; },
    save_changes: () => {},
    on: (name, listener) => (listeners[name] = listeners[name] ?? []).push(listener),
    off: () => {},
    send: async (event) => {
      window.sent.push(event);
      await window.held;
      window.take(await window.kernel(JSON.stringify(event)));
    },
  };
  document.addEventListener('satkit-answered', (event) => { (window.waited ??= []).push(event.detail.milliseconds); });
  document.addEventListener('satkit-drawn', (event) => { window.shown = event.detail.number; });
  window.module = await import(URL.createObjectURL(new Blob([script], { type: 'text/javascript' })));
  window.module.default.render({ model, el: document.getElementById('here') });
}"""
SIZES = """() => [...document.querySelectorAll('#here *')].filter((each) => each.offsetParent &&
  [...each.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()))
  .map((each) => parseFloat(getComputedStyle(each).fontSize))"""
# The colour in the middle of every cell of a map.
CELLS = """([kind, rows, columns]) => {
  const canvas = document.querySelector(`.satkit-panel[data-kind='${kind}'] canvas`), found = [];
  const context = canvas.getContext('2d');
  for (let row = 0; row < rows; row += 1) for (let column = 0; column < columns; column += 1)
    found.push([...context.getImageData(Math.floor((column + 0.5) * canvas.width / columns),
      Math.floor((row + 0.5) * canvas.height / rows), 1, 1).data].slice(0, 3));
  return found;
}"""
# What one model's map shows: the colours of all its pixels, and those of the bar, as numbers.
COLOURS = """([selector, bar]) => {
  const colours = (canvas) => {
    const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height), found = new Set();
    for (let at = 0; at < data.length; at += 4) found.add(data[at] * 65536 + data[at + 1] * 256 + data[at + 2]);
    return [...found];
  };
  const bars = document.querySelectorAll('.satkit-bar canvas');
  return [colours(document.querySelector(selector + ' canvas')), colours(bars[bar])];
}"""
# Move the pointer over the image, or another box, event by event; gives how many frames later each was drawn, and the
# milliseconds that drawing took.
HOVER = """async ([count, selector, over = '.satkit-panel[data-kind=image] .satkit-box']) => {
  const root = document.querySelector(selector);
  const box = document.querySelector(over), waited = [], spent = [];
  for (let number = 0; number < count; number += 1) {
    const place = box.getBoundingClientRect();
    let frames = 0, drawn = false;
    const note = (event) => { drawn = true; spent.push(event.detail.milliseconds); };
    root.addEventListener('satkit-drawn', note, {once: true});
    box.dispatchEvent(new PointerEvent('pointermove', {bubbles: true, pointerType: 'mouse',
      clientX: place.left + place.width * ((number * 37) % 100) / 100,
      clientY: place.top + place.height * ((number * 61) % 100) / 100}));
    while (!drawn) { frames += 1; await new Promise(requestAnimationFrame); }
    waited.push(frames);
  }
  return [waited, spent];
}"""


def sendable(value):
    """A value as JSON, bytes among it."""
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {name: sendable(each) for name, each in value.items()}
    return [sendable(each) for each in value] if isinstance(value, list | tuple) else value


def open_canvas(browser, canvas, traits, extra="", **options):
    """A page with a canvas on it; `wrong` and `asked` of the page are what went wrong and what it asked for.

    Args:
        traits: Names of what the kernel sends; after an event, those that have changed, and `answers`.
        extra: Put after the script of the canvas.
    """
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 1000}, **options})
    page, known = context.new_page(), {}
    page.wrong, page.asked = [], []
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("console", lambda said: said.type == "error" and page.wrong.append(said.text))
    page.on("request", lambda request: page.asked.append(request.url))

    def changed():
        new = {name: getattr(canvas, name) for name in traits if getattr(canvas, name) is not known.get(name, known)}
        known.update(new)
        return {name: sendable(each) for name, each in new.items()}

    def kernel(_, text):
        canvas._receive(canvas, json.loads(text), [])
        return json.dumps({**changed(), "answers": canvas.answers})

    canvas.alive = True
    page.tell = lambda: page.evaluate("(text) => window.take(text)", json.dumps(changed()))
    page.expose_binding("kernel", kernel)
    page.set_content(PAGE % canvas._css)
    page.evaluate(OPEN, [canvas._esm + extra, changed()])
    return page


def nothing_wrong(page):
    """Nothing may have gone wrong, and nothing may have been asked of the world."""
    assert page.wrong == []
    assert [url for url in page.asked if not url.startswith(("blob:", "data:"))] == []


class OnPage:
    """An explorer on a plain page, with a hand, and what it says.

    Args:
        traits: As for `open_canvas`.
        ready: What is there once it is drawn.
    """

    def __init__(self, browser, explorer, traits, ready, **options):
        self.explorer, self.page = explorer, open_canvas(browser, explorer.picture, traits, **options)
        self.page.wait_for_selector(ready)
        self.settle()

    def settle(self):
        """Wait until everything is drawn."""
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def move(self, box, across, down):
        """Move the real mouse to a place of a box, in [0, 1]."""
        box.scroll_into_view_if_needed()
        place = box.bounding_box()
        self.page.mouse.move(place["x"] + across * place["width"], place["y"] + down * place["height"])
        self.settle()

    def click(self):
        """Press and release where the mouse is."""
        self.page.mouse.down()
        self.page.mouse.up()
        self.settle()

    def press(self, *keys):
        """Press keys in the picture."""
        self.page.get_by_test_id("satkit-picture").focus()
        for key in keys:
            self.page.keyboard.press(key)
        self.settle()

    def rested(self):
        """Let the hand rest until the kernel has answered."""
        self.page.wait_for_timeout(300)
        self.page.wait_for_function("document.querySelector('#here > div').getAttribute('aria-busy') !== 'true'")
        self.page.tell()
        self.settle()

    def note(self):
        """The lines of the note at the pointer."""
        return self.page.locator(".satkit-tip").inner_text().split("\n")

    def line(self):
        """The line of text."""
        return self.page.get_by_test_id("satkit-line").inner_text()

    def census(self):
        """How many nodes and listeners the page has."""
        client = self.page.context.new_cdp_session(self.page)
        client.send("HeapProfiler.collectGarbage")
        counts = client.send("Memory.getDOMCounters")
        client.detach()
        return counts["nodes"], counts["jsEventListeners"]

    def follows_the_hand(self, *over):
        """A movement over a box is drawn in the next frame, and the kernel hears nothing meanwhile."""
        sent = self.page.evaluate("window.sent.length")
        waited, spent = self.page.evaluate(HOVER, [100, "#here > div", *over])
        assert sorted(waited)[50] <= 1
        assert sorted(spent)[50] <= 16
        assert self.page.evaluate("window.sent.length") <= sent + 3  # a slow machine may make the hand rest

    def leaks_nothing(self, *over):
        """Two hundred movements over a box leave neither nodes nor listeners behind."""
        self.page.evaluate(HOVER, [10, "#here > div", *over])
        before = self.census()
        self.page.evaluate(HOVER, [200, "#here > div", *over])
        self.rested()
        nodes, listeners = self.census()
        assert nodes <= before[0] + 20
        assert listeners <= before[1] + 2

    def close(self):
        """Nothing may have gone wrong until now."""
        nothing_wrong(self.page)
        self.page.context.close()
