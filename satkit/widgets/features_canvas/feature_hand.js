// Hand and keyboard of the feature explorer: what is under the pointer, and the place that is chosen.

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const TREMBLE = 4; // pixels that a hand may move in a click
const FAR = 4; // places that an arrow moves with Shift

// The image, the pixel of it and the model's map under the pointer; null outside of all pictures.
function readingOf(view, event) {
  const inside = ({ figure, box }) => figure.contains(event.target) && box.contains(event.target);
  const panel = view.drag?.panel ?? view.panels.find(inside);
  if (!panel) return null;
  const box = panel.box.getBoundingClientRect();
  const shares = [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width];
  const { size } = view.scene.images[panel.image];
  const pixel = shares.map((share, axis) => Math.floor(limited(share, 0, 1 - 1e-9) * size[axis]));
  return { panel, image: panel.image, model: panel.model, pixel, x: event.clientX, y: event.clientY };
}

// The pointer chooses while it is over an image and no place is held, and while it is pressed.
function hover(view, event) {
  view.reading = readingOf(view, event);
  if (!view.reading) return schedule(view);
  const { drag, state, reading } = view;
  if (drag && Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > TREMBLE) drag.moved = true;
  const follows = drag ? drag.moved : reading.model === null && !state.held && event.pointerType !== "touch";
  if (follows) take(view, { asked: reading.image, pixel: reading.pixel });
  else schedule(view);
}

function press(view, event) {
  const reading = event.button === 0 && readingOf(view, event);
  if (!reading) return;
  view.parts.frame.focus({ preventScroll: true });
  reading.panel.box.setPointerCapture?.(event.pointerId);
  const { state } = view;
  const again = state.held && state.asked === reading.image && samePlace(view, state.pixel, reading.pixel);
  view.drag = { panel: reading.panel, x: event.clientX, y: event.clientY, moved: false, again };
  take(view, { asked: reading.image, pixel: reading.pixel });
}

// A click holds the place; a click on the place that is held lets go of it.
function release(view, event) {
  const { drag } = view;
  view.drag = null;
  if (drag && !drag.moved && event.type === "pointerup") take(view, { held: !drag.again });
}

function samePlace(view, one, other) {
  const image = view.scene.images[view.state.asked];
  const place = (pixel) => patchAt(pixel, image.size, view.stage.grids[view.state.asked]).join();
  return place(one) === place(other);
}

// The pixel in the middle of the place that a key leads to; null for a key that moves nothing.
function pixelByKey({ scene, state, stage }, { key, shiftKey }) {
  const [grid, { size }] = [stage.grids[state.asked], scene.images[state.asked]];
  const [row, column] = patchAt(state.pixel, size, grid);
  const ends = { Home: 0, End: grid[1] - 1 };
  const move = (MOVES[key] ?? [0, 0]).map((step) => step * (shiftKey ? FAR : 1));
  if (!(key in MOVES) && !(key in ends)) return null;
  const cell = [limited(row + move[0], 0, grid[0] - 1), ends[key] ?? limited(column + move[1], 0, grid[1] - 1)];
  return centreOf(cell, size, grid);
}

function pressKey(view, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target !== view.parts.frame) return;
  const pixel = pixelByKey(view, event);
  view.reading = null;
  if (pixel) take(view, { pixel });
  else if (event.key === "Enter") take(view, { held: !view.state.held });
  else if (event.key === "Escape") take(view, { held: false });
  else if (event.key === "PageUp" || event.key === "PageDown") take(view, turned(view));
  else return;
  event.preventDefault();
  event.stopPropagation();
}

// The same place in the other image, as far as it has it.
function turned({ scene, state }) {
  const asked = 1 - state.asked;
  return { asked, pixel: state.pixel.map((at, axis) => limited(at, 0, scene.images[asked].size[axis] - 1)) };
}

function listenTo(view) {
  const left = () => {
    if (!view.drag) view.reading = null;
    schedule(view);
  };
  const listeners = { pointermove: hover, pointerleave: left, pointerdown: press, pointerup: release };
  for (const [name, listener] of Object.entries({ ...listeners, pointercancel: release, keydown: pressKey }))
    view.parts.frame.addEventListener(name, (event) => listener(view, event));
  const { frames, through } = view.parts.options;
  frames.addEventListener("change", () => {
    view.state.frames = Number(frames.value);
    schedule(view);
  });
  through.addEventListener("input", () => {
    view.state.through = Number(through.value) / 100;
    schedule(view);
  });
}
