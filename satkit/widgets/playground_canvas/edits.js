// Edits of a scene, each of which gives a new one, and what was before and after it.

const COLOURS = [
  [0.85, 0.15, 0.15], [0.15, 0.75, 0.25], [0.15, 0.25, 0.85], [0.85, 0.8, 0.15],
  [0.85, 0.15, 0.8], [0.15, 0.8, 0.85], [0.9, 0.9, 0.9], [0.1, 0.1, 0.1],
];
const NEW_RADIUS = 0.2;
const MOST_STEPS = 200; // that can be undone

function withObjects(scene, objects) {
  return { ...scene, objects };
}

// A scene in which one object has other values, kept in their ranges.
function changedObject(scene, number, changes, kit) {
  const object = { ...scene.objects[number], ...changes };
  for (const side of ["row", "column"]) object[side] = limited(object[side], 0, kit.last);
  object.radius = limited(object.radius, ...kit.radius);
  return withObjects(scene, scene.objects.map((each, place) => (place === number ? object : each)));
}

// By how much a shape turns, in whole turns; its stripes turn with it.
function turnedObject(scene, number, turns, kit) {
  const { turn, fill_turn } = scene.objects[number];
  return changedObject(scene, number, { turn: turn + turns, fill_turn: fill_turn + 2 * turns }, kit);
}

function nextColour(object) {
  const apart = (colour) => colour.reduce((sum, part, channel) => sum + Math.abs(part - object.colour[channel]), 0);
  const nearest = COLOURS.reduce((best, colour, place) => (apart(colour) < apart(COLOURS[best]) ? place : best), 0);
  return COLOURS[(nearest + 1) % COLOURS.length];
}

function withoutObject(scene, number) {
  return withObjects(scene, scene.objects.filter((_, place) => place !== number));
}

function toFront(scene, number) {
  return withObjects(scene, [...scene.objects.filter((_, place) => place !== number), scene.objects[number]]);
}

function toBack(scene, number) {
  return withObjects(scene, [scene.objects[number], ...scene.objects.filter((_, place) => place !== number)]);
}

// A new object of a class, in the middle or a little beside it, in a colour of its own.
function withNew(scene, { shape, fill }) {
  const count = scene.objects.length;
  const shift = 0.06 * (count % 5) - 0.12;
  const pose = { row: 0.5 + shift, column: 0.5 + shift, radius: NEW_RADIUS, turn: 0, fill_turn: 0, fill_shift: 0 };
  return withObjects(scene, [...scene.objects, { ...pose, colour: COLOURS[count % COLOURS.length], shape, fill }]);
}

// What was, is and will be again; an edit with the same gesture as the last one is a part of it.
function historyOf(start) {
  return { past: [], now: start, future: [], gesture: null };
}

function record(history, scene, gesture = null) {
  if (gesture === null || gesture !== history.gesture) history.past.push(history.now);
  if (history.past.length > MOST_STEPS) history.past.shift();
  Object.assign(history, { now: scene, future: [], gesture });
}

function undo(history) {
  if (!history.past.length) return;
  history.future.push(history.now);
  Object.assign(history, { now: history.past.pop(), gesture: null });
}

function redo(history) {
  if (!history.future.length) return;
  history.past.push(history.now);
  Object.assign(history, { now: history.future.pop(), gesture: null });
}
