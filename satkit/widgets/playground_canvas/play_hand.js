// Hand, keys and buttons become edits of the scene.

const PLAY_ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const PLAY_FAR = 4; // pixels of the picture that an arrow moves with Shift
const TURN = 1 / 24; // of a whole turn: 15 degrees
const GROW = 1.08;
const TOLERANCE = 4; // pixels of the screen beside a handle
const MOST_KEPT = 700; // milliseconds: keys that follow sooner are one step to undo

function chosenObject(view) {
  return view.selected === null ? null : view.history.now.objects[view.selected];
}

// What a button or a key does to the chosen object.
const ACTIONS = {
  turned: (view, sign) => turnedObject(view.history.now, view.selected, sign * TURN, view.kit),
  sized: (view, sign) =>
    changedObject(view.history.now, view.selected, { radius: chosenObject(view).radius * GROW ** sign }, view.kit),
  striped: (view) => {
    const fill = chosenObject(view).fill === "striped" ? "plain" : "striped";
    return changedObject(view.history.now, view.selected, { fill }, view.kit);
  },
  coloured: (view) =>
    changedObject(view.history.now, view.selected, { colour: nextColour(chosenObject(view)) }, view.kit),
  deleted: (view) => withoutObject(view.history.now, view.selected),
  front: (view) => toFront(view.history.now, view.selected),
  back: (view) => toBack(view.history.now, view.selected),
};
const PLAY_KEYBOARD = {
  "[": ["turned", -1], ",": ["turned", -1], "]": ["turned", 1], ".": ["turned", 1],
  "+": ["sized", 1], "=": ["sized", 1], "-": ["sized", -1], "\u2212": ["sized", -1],
  s: ["striped"], c: ["coloured"], f: ["front"], b: ["back"], Delete: ["deleted"], Backspace: ["deleted"],
};

function act(view, name, value) {
  if (view.selected === null) return;
  const scene = ACTIONS[name](view, value);
  if (name === "deleted") view.selected = null;
  if (name === "front") view.selected = scene.objects.length - 1;
  if (name === "back") view.selected = 0;
  edit(view, scene, burst(view, `${name} ${view.selected}`));
}

// Keys of one kind that follow each other are one step to undo.
function burst(view, kind) {
  const now = Date.now();
  const same = view.burst?.kind === kind && now - view.burst.at < MOST_KEPT;
  view.burst = { kind, at: now, gesture: same ? view.burst.gesture : `${kind} ${now}` };
  return view.burst.gesture;
}

// Row and column in the picture, not rounded, and x and y in the box, of an event over a box.
function placeIn(view, box, event) {
  const place = box.getBoundingClientRect();
  const [x, y] = [event.clientX - place.left, event.clientY - place.top];
  return { x, y, row: (y / place.height) * view.size, column: (x / place.width) * view.size, box: place };
}

function pixelIn(view, { row, column }) {
  return [row, column].map((value) => limited(Math.floor(value), 0, view.size - 1));
}

function handleAt(view, { x, y, box }) {
  if (view.selected === null) return null;
  const near = ([across, down]) => Math.hypot(x - across, y - down) <= HANDLE + TOLERANCE;
  const found = Object.entries(handlesOf(view, box)).find(([, place]) => near(place));
  return found ? found[0] : null;
}

function pressScene(view, event) {
  if (event.button !== 0) return;
  view.parts.frame.focus({ preventScroll: true });
  view.parts.box.setPointerCapture?.(event.pointerId);
  const place = placeIn(view, view.parts.box, event);
  const handle = handleAt(view, place);
  if (!handle) select(view, objectAt(view.history.now, place.row, place.column, view.kit));
  if (view.selected === null) return;
  view.drag = { kind: handle ?? "move", start: place, object: chosenObject(view), gesture: `drag ${event.timeStamp}` };
}

// Angle and distance of a place from the centre of an object.
function seenFrom(object, { row, column }, size) {
  const [down, along] = [row - object.row * size, column - object.column * size];
  return [Math.atan2(along, -down) / (2 * Math.PI), Math.hypot(along, down)];
}

function dragged(view, place) {
  const { kind, start, object } = view.drag;
  const { size } = view;
  const [before, now] = [start, place].map((each) => seenFrom(object, each, size));
  if (kind === "move")
    return { row: object.row + (place.row - start.row) / size, column: object.column + (place.column - start.column) / size };
  if (kind === "size") return { radius: object.radius * (now[1] / Math.max(before[1], 1)) };
  const turns = now[0] - before[0];
  return { turn: object.turn + turns, fill_turn: object.fill_turn + 2 * turns };
}

function moveOver(view, event) {
  const box = event.target.closest?.(".satkit-box");
  const panel = view.drag ? view.parts.box : box;
  if (!panel || !view.parts.both.contains(panel)) return leavePlay(view);
  const place = placeIn(view, panel, event);
  view.pointer = { pixel: pixelIn(view, place), panel, x: event.clientX, y: event.clientY };
  if (view.drag && event.buttons) {
    const scene = changedObject(view.history.now, view.selected, dragged(view, place), view.kit);
    edit(view, scene, view.drag.gesture);
  }
  redraw(view);
}

function leavePlay(view) {
  if (!view.pointer || view.drag) return;
  view.pointer = null;
  redraw(view);
}

// Tab goes to the next object, and out of the scene after the last one.
function nextObject(view, event) {
  const count = view.history.now.objects.length;
  const next = event.shiftKey ? (view.selected ?? count) - 1 : (view.selected ?? -1) + 1;
  if (next < 0 || next >= count) return false;
  select(view, next);
  return true;
}

function stepBy(view, event) {
  const object = chosenObject(view);
  if (!object) return false;
  const far = (event.shiftKey ? PLAY_FAR : 1) / view.size;
  const [down, right] = PLAY_ARROWS[event.key];
  const changes = { row: object.row + down * far, column: object.column + right * far };
  edit(view, changedObject(view.history.now, view.selected, changes, view.kit), burst(view, `moved ${view.selected}`));
  return true;
}

function stepKey(view, event) {
  const key = event.key.toLowerCase();
  if (!(event.ctrlKey || event.metaKey) || event.altKey || !["z", "y"].includes(key)) return false;
  step(view, key === "y" || event.shiftKey ? "redo" : "undo");
  return true;
}

function keyUsed(view, event) {
  if (stepKey(view, event)) return true;
  const writes = event.getModifierState?.("AltGraph");
  if ((event.ctrlKey || event.metaKey || event.altKey) && !writes) return false;
  if (event.key === "Tab") return nextObject(view, event);
  if (event.key in PLAY_ARROWS) return stepBy(view, event);
  if (event.key === "Escape") return select(view, null), true;
  const action = PLAY_KEYBOARD[event.key] ?? PLAY_KEYBOARD[event.key.toLowerCase()];
  if (action) act(view, ...action);
  return Boolean(action);
}

function pressPlayKey(view, event) {
  view.pointer = null; // the answers are then those of the chosen object
  if (keyUsed(view, event)) event.preventDefault();
  event.stopPropagation();
}

// One stop of the Tab key for all classes; arrows go from class to class.
function walkPalette(palette) {
  palette.addEventListener("keydown", (event) => {
    const buttons = [...palette.children];
    const change = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!change) return;
    const next = buttons[(buttons.indexOf(event.target) + change + buttons.length) % buttons.length];
    for (const button of buttons) button.tabIndex = button === next ? 0 : -1;
    next.focus();
    event.preventDefault();
    event.stopPropagation();
  });
}

function listenPlay(view) {
  const { parts } = view;
  parts.box.addEventListener("pointerdown", (event) => pressScene(view, event));
  for (const name of ["pointerup", "pointercancel"]) parts.box.addEventListener(name, () => (view.drag = null));
  parts.both.addEventListener("pointermove", (event) => moveOver(view, event));
  parts.both.addEventListener("pointerleave", () => leavePlay(view));
  parts.frame.addEventListener("keydown", (event) => pressPlayKey(view, event));
  parts.file.addEventListener("keydown", (event) => event.stopPropagation());
  for (const [name, button] of Object.entries(parts.steps)) button.addEventListener("click", () => step(view, name));
  for (const { button, name, value } of parts.buttons) button.addEventListener("click", () => act(view, name, value));
  parts.colour.addEventListener("input", () => {
    if (view.selected === null) return;
    const part = (place) => parseInt(parts.colour.value.slice(place, place + 2), 16) / 255;
    const scene = changedObject(view.history.now, view.selected, { colour: [1, 3, 5].map(part) }, view.kit);
    edit(view, scene, burst(view, `colour ${view.selected}`));
  });
  [...parts.palette.children].forEach((button, number) => button.addEventListener("click", () => add(view, number)));
  walkPalette(parts.palette);
  for (const kind of ["save", "load"]) parts[kind].addEventListener("click", () => view.callbacks[kind](parts.file.value));
}
