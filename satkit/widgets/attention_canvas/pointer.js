// Hand and keyboard: hovering, dragging, touching, clicking and keys become what is looked at, the pin and the note.

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const STILL = 4; // pixels that a hand may tremble in a click

function clamped(value, end) {
  return Math.min(Math.max(value, 0), end - 1);
}

function panelOf(view, target) {
  const figure = target.closest?.(".satkit-panel");
  return view.panels.find((panel) => panel.figure === figure && panel.box.contains(target)) ?? null;
}

// The pixel of the image under the pointer, in some panel.
function pixelUnder(view, panel, event) {
  const box = panel.box.getBoundingClientRect();
  const [height, width] = view.scene.image.size;
  const row = Math.floor(((event.clientY - box.top) / box.height) * height);
  const column = Math.floor(((event.clientX - box.left) / box.width) * width);
  return [clamped(row, height), clamped(column, width)];
}

// Take what a pixel stands for, and tell the kernel once the hand rests.
function moveTo(view, pixel) {
  take(view, { [KIND.hand[0]]: KIND.at(view, pixel) });
}

// Change what the hand chooses; nothing where there is nothing to choose.
function take(view, changes) {
  if (Object.values(changes).some((each) => each === undefined)) return schedule(view);
  change(view, changes);
  view.told();
}

// Pin something, or let go of it if it is pinned.
function togglePin(view, what) {
  const { pinned } = view.state;
  const held = pinned !== null && what !== undefined && KIND.same(view, pinned, what);
  take(view, { pinned: held ? null : what });
}

function hover(view, event) {
  const panel = view.drag?.panel ?? panelOf(view, event.target);
  if (!panel) return leave(view);
  const pixel = pixelUnder(view, panel, event);
  const [across, down] = view.drag ? [event.clientX - view.drag.x, event.clientY - view.drag.y] : [0, 0];
  if (Math.hypot(across, down) > STILL) view.drag.moved = true;
  view.reading = { panel, pixel, x: event.clientX, y: event.clientY };
  const follows = view.drag ? view.drag.moved : panel.kind === "image" && event.pointerType !== "touch";
  if (follows) moveTo(view, pixel);
  else schedule(view);
}

function leave(view) {
  if (!view.reading || view.drag) return;
  view.reading = null;
  schedule(view);
}

function press(view, event) {
  const panel = event.button === 0 && panelOf(view, event.target);
  if (!panel) return;
  view.parts.frame.focus({ preventScroll: true });
  panel.box.setPointerCapture?.(event.pointerId);
  view.drag = { panel, x: event.clientX, y: event.clientY, moved: false };
  moveTo(view, pixelUnder(view, panel, event));
}

function release(view, event) {
  const { drag } = view;
  view.drag = null;
  if (drag && !drag.moved && event.type === "pointerup")
    togglePin(view, KIND.at(view, pixelUnder(view, drag.panel, event)));
}

function pressKey(view, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const moved = KIND.byKey(view, event);
  if (moved) take(view, moved);
  else if (event.key === "Enter") togglePin(view, view.state.pinned ?? view.state[KIND.hand[0]]);
  else if (event.key === "Escape") take(view, { pinned: null });
  else if (event.key === "PageUp" || event.key === "PageDown") view.callbacks.stage?.(event.key === "PageDown" ? 1 : -1);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function listen(view) {
  const { frame, options } = view.parts;
  const listeners = { pointermove: hover, pointerleave: leave, pointerdown: press, pointerup: release };
  for (const [name, listener] of Object.entries({ ...listeners, pointercancel: release, keydown: pressKey }))
    frame.addEventListener(name, (event) => listener(view, event));
  options.picture.addEventListener("change", () => change(view, { picture: options.picture.value }));
  options.frames.addEventListener("change", () => change(view, { frames: Number(options.frames.value) }));
  options.through.addEventListener("input", () => change(view, { through: Number(options.through.value) / 100 }));
  options.locked.addEventListener("change", () => change(view, { locked: options.locked.checked ? view.scales : null }));
  for (const name of Object.keys(KIND.more))
    options[name].addEventListener("change", () => change(view, { [name]: options[name].checked }));
}
