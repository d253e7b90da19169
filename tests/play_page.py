"""The playground on a plain page: its own script, with the kernel's side called directly instead of over a comm."""

import base64
import json

from satkit.widgets.canvas_script import playground_script, playground_style

TRAITS = ("kit", "given", "answer", "trouble", "note", "answers")
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
  const model = {
    get: (name) => values[name],
    set: (name, value) => { values[name] = value; },
    save_changes: () => {},
    on: (name, listener) => (listeners[name] = listeners[name] ?? []).push(listener),
    off: () => {},
    send: async (event) => {
      window.sent.push(event);
      await window.held;
      const text = await window.kernel(JSON.stringify(event));
      Object.assign(values, plain(JSON.parse(text)));
      for (const name of ['given', 'answer', 'trouble', 'note', 'answers'])
        for (const listener of listeners[`change:${name}`] ?? []) listener();
    },
  };
  document.addEventListener('satkit-answered', (event) => { (window.waited ??= []).push(event.detail.milliseconds); });
  document.addEventListener('satkit-drawn', (event) => { window.shown = event.detail.number; });
  window.module = await import(URL.createObjectURL(new Blob([script], { type: 'text/javascript' })));
  window.module.default.render({ model, el: document.getElementById('here') });
}"""


def sendable(value):
    """A value as JSON, bytes among it."""
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {name: sendable(each) for name, each in value.items()}
    return [sendable(each) for each in value] if isinstance(value, list | tuple) else value


def open_playground(browser, play, **options):
    """A page with a playground on it; `wrong` and `asked` of the page are what went wrong and what it asked for."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 1000}, **options})
    page, canvas = context.new_page(), play.picture
    page.wrong, page.asked = [], []
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("console", lambda said: said.type == "error" and page.wrong.append(said.text))
    page.on("request", lambda request: page.asked.append(request.url))

    def state():
        return {name: sendable(getattr(canvas, name)) for name in TRAITS}

    def kernel(_, text):
        canvas._receive(canvas, json.loads(text), [])
        return json.dumps({name: value for name, value in state().items() if name != "kit"})

    canvas.alive = True
    page.expose_binding("kernel", kernel)
    page.set_content(PAGE % playground_style())
    extra = "\nexport { paintedScene, decodedKit, historyOf, record, undo, redo };"
    page.evaluate(OPEN, [playground_script() + extra, state()])
    page.wait_for_function("document.querySelector('.satkit-said').textContent !== ''")
    return page


def drag(page, begin, end, steps=6):
    """Drag with the mouse in the scene; places are shares of its width and height, from the left and from the top."""
    box = page.locator(".satkit-scene .satkit-box").bounding_box()
    (x, y), (to_x, to_y) = [
        (box["x"] + each[0] * box["width"], box["y"] + each[1] * box["height"]) for each in (begin, end)
    ]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(to_x, to_y, steps=steps)
    page.mouse.up()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] - 30)


def settled(page):
    """Wait until the newest edit has been answered."""
    page.wait_for_function("document.querySelector('.satkit-play').getAttribute('aria-busy') === 'false'")
