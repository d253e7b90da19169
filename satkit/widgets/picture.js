// A picture that can be clicked and moved in with the keyboard. All it shows comes from the kernel; it draws nothing.

const KEYS = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End", "PageUp", "PageDown", "Enter", "Escape"];
const PATIENCE = 10000; // milliseconds after which an answer is no longer waited for
const MOST_WAITING = 2; // events: a key that is held down must not run ahead of the kernel

function render({ model, el }) {
  const frame = document.createElement("div");
  frame.className = "satkit-picture";
  frame.dataset.testid = "satkit-picture";
  frame.dataset.lmSuppressShortcuts = "true"; // JupyterLab would take "Enter" and the arrows for itself
  frame.tabIndex = 0;
  frame.setAttribute("role", "application");
  const image = document.createElement("img");
  image.draggable = false;
  const line = document.createElement("div");
  line.className = "satkit-line";
  line.dataset.testid = "satkit-line";
  line.setAttribute("role", "status");
  line.setAttribute("aria-live", "polite");
  frame.append(image);
  el.append(frame, line);

  let url = "";
  let awaited = 0; // when the event on its way was sent; 0 for none
  const waiting = [];

  function draw() {
    const old = url;
    url = URL.createObjectURL(new Blob([model.get("png")], { type: "image/png" }));
    image.src = url;
    if (old) URL.revokeObjectURL(old);
  }

  function speak() {
    image.alt = model.get("alt");
    frame.setAttribute("aria-label", `${model.get("label")} ${model.get("alt")}`);
    line.textContent = model.get("text");
  }

  function send(event) {
    const now = Date.now();
    if (awaited && now - awaited < PATIENCE) {
      if (event.kind === "click") waiting.length = 0;
      if (waiting.length < MOST_WAITING) waiting.push(event);
      return;
    }
    awaited = now;
    frame.setAttribute("aria-busy", "true");
    model.send(event);
  }

  function answered() {
    awaited = 0;
    frame.setAttribute("aria-busy", "false");
    if (waiting.length) send(waiting.shift());
  }

  function click(event) {
    const box = image.getBoundingClientRect();
    frame.focus({ preventScroll: true });
    send({
      kind: "click",
      x: (event.clientX - box.left) / box.width,
      y: (event.clientY - box.top) / box.height,
    });
  }

  function press(event) {
    if (!KEYS.includes(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    send({ kind: "key", key: event.key, shift: event.shiftKey });
  }

  image.addEventListener("click", click);
  frame.addEventListener("keydown", press);
  const listeners = [
    ["change:png", draw],
    ["change:alt", speak],
    ["change:text", speak],
    ["change:answers", answered],
  ];
  for (const [name, listener] of listeners) model.on(name, listener);
  draw();
  speak();
  model.set("alive", true);
  model.save_changes();

  return () => {
    for (const [name, listener] of listeners) model.off(name, listener);
    URL.revokeObjectURL(url);
  };
}

export default { render };
