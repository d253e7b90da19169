// The canvas of the forgetting explorer: curves, confusion matrix and one image, which show one class everywhere.
//
// mount(root, data, callbacks) fills an element and gives { show, choose, say, close }. `data` is described by
// satkit/widgets/forgetting_scene.py. Callbacks: rest({ step, label }), when the hand rests; tell(message) of a cell that
// is pinned, and of keys that ask for another image.

const HINT =
  "Move over a line, a cell of the matrix or an object: its class is shown everywhere. Click a cell for the images behind " +
  "its number, a line for its step.";
const KEYS =
  "Keys: left and right arrows change the step, up and down the class, with Shift left and right the cell of its row; Enter " +
  "pins the cell and shows the images behind it, Escape lets go, Page keys show the next image and the one before.";

function decodedScores(scene) {
  const decoded = ({ classes, counts }) => ({ classes, counts: doublesOf(counts) });
  const tables = Object.entries(scene.tables).map(([name, table]) => [name, bytesOf(table)]);
  return {
    ...scene,
    palette: bytesOf(scene.palette),
    tables: Object.fromEntries(tables),
    iou: floatsOf(scene.iou),
    confusions: scene.confusions.map(decoded),
  };
}

// What is looked at: what the pointer is on, else what was chosen.
function lookedAt({ state, reading }) {
  const cell = reading?.cell ?? (state.aim === null ? state.pinned : [state.label, state.aim]);
  return { label: reading?.label ?? state.label, cell };
}

function drawAll(view) {
  if (view.closed || !view.image) return;
  const began = performance.now();
  const { parts } = view;
  const { label, cell } = lookedAt(view);
  fillConfusion(view);
  drawConfusionMarks(view, label, cell);
  drawCurves(view);
  drawCurveMarks(view, label);
  for (const picture of parts.strip) drawPicture(view, picture, label, cell);
  sayLine(view, forgettingLine(view, label, cell));
  showNote(view, view.reading && noteOf(view));
  const detail = { milliseconds: performance.now() - began, state: view.state };
  view.root.dispatchEvent(new CustomEvent("satkit-drawn", { detail, bubbles: true })); // for measurements and tests
}

// Change step, class or cell, and tell the kernel once the hand rests.
function take(view, changes) {
  const { state, callbacks } = view;
  Object.assign(state, changes);
  schedule(view);
  clearTimeout(view.resting);
  view.resting = setTimeout(() => {
    view.resting = 0;
    callbacks.rest?.({ step: state.step, label: state.label });
  }, REST);
}

// Pin a cell, or let go of it; the kernel looks for the images behind it.
function pinCell(view, cell) {
  const held = cell && view.state.pinned?.join() === cell.join();
  clearTimeout(view.resting);
  view.resting = 0;
  Object.assign(view.state, { pinned: held ? null : cell, aim: null, behind: "" });
  if (cell) view.state.label = cell[0];
  view.callbacks.tell?.({ kind: "cell", cell: view.state.pinned });
  schedule(view);
}

// What is under the pointer: a cell, a class in the picture, or a line.
function readingOf(view, event) {
  const { parts } = view;
  const place = { x: event.clientX, y: event.clientY };
  const inside = (box) => box.contains(event.target);
  if (inside(parts.confusion.box)) {
    const cell = cellUnder(view, event);
    return { ...place, cell, label: cell[0] };
  }
  if (inside(parts.curves.box)) {
    const box = parts.curves.box.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    return { ...place, label: lineAt(view, x, y), step: stepAt(view, x) };
  }
  const picture = parts.strip.find(({ box }) => inside(box));
  if (!picture || !view.image) return null;
  const labels = labelsUnder(view, picture, event);
  const label = labels[picture.kind === "image" ? "truth" : picture.kind];
  return { ...place, labels, label: label === view.scores.ignore ? undefined : label };
}

// While a cell is pinned its class stays chosen, and the pointer only reads.
function hover(view, event) {
  view.reading = readingOf(view, event);
  const label = view.reading?.label;
  if (label !== undefined && !view.state.pinned && label !== view.state.label) take(view, { label, aim: null });
  else schedule(view);
}

function click(view, event) {
  view.parts.frame.focus({ preventScroll: true });
  const reading = readingOf(view, event);
  if (reading?.cell) pinCell(view, reading.cell);
  else if (reading?.step !== undefined && reading.label !== undefined)
    take(view, { step: reading.step, label: reading.label, pinned: null, aim: null, behind: "" });
}

// What an arrow changes; the pinned cell is left, because its images are those of another step or class.
function byArrow({ state, scores }, { key, shiftKey }) {
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 }[key];
  if (!step) return null;
  const left = { pinned: null, behind: "" };
  const beside = (list, now) => list[(list.indexOf(now) + step + list.length) % list.length];
  if (key === "ArrowUp" || key === "ArrowDown") return { ...left, label: beside(scores.rows, state.label), aim: null };
  if (!shiftKey) return { ...left, step: limited(state.step + step, 0, scores.confusions.length - 1) };
  const columns = scores.rows.filter((label) => label < scores.confusions[state.step].classes);
  return { ...left, aim: beside(columns, state.aim ?? state.label) };
}

function pressKey(view, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target !== view.parts.frame) return;
  const { state } = view;
  const changes = byArrow(view, event);
  view.reading = null;
  if (changes) take(view, changes);
  else if (event.key === "Enter") pinCell(view, state.pinned ?? [state.label, state.aim ?? state.label]);
  else if (event.key === "Escape") pinCell(view, null);
  else if (event.key === "PageUp" || event.key === "PageDown") turnImage(view, event.key === "PageDown" ? 1 : -1);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function turnImage(view, step) {
  view.callbacks.tell?.({ kind: "image", step });
}

function buildStrip(view, parts) {
  const strip = element("div", "satkit-grid");
  const turns = element("div", "satkit-options");
  parts.strip = PICTURES.map(buildPicture);
  strip.append(...parts.strip.map(({ figure }) => figure));
  parts.turns = [["image before", -1], ["next image", 1]].map(([text, step]) => {
    const button = element("button", "satkit-turn", text);
    button.type = "button";
    button.addEventListener("click", () => turnImage(view, step));
    return button;
  });
  parts.named = inputOf("checkbox", { checked: true });
  parts.named.addEventListener("change", () => {
    view.state.named = parts.named.checked;
    schedule(view);
  });
  turns.append(...parts.turns, labelled("class names", parts.named));
  return [turns, strip];
}

function buildForgetting(view) {
  const parts = textParts();
  const left = element("div", "satkit-main");
  parts.frame = keyFrame();
  parts.frame.classList.add("satkit-both", "satkit-forgetting");
  const [turns, strip] = buildStrip(view, parts);
  parts.curves = layered();
  parts.curves.box.classList.add("satkit-curves");
  const title = element("p", "satkit-title", "IoU of every class (%) after every step: old classes blue, new ones orange and dashed");
  left.append(strip, title, parts.curves.box);
  parts.confusion = buildConfusion();
  parts.bar = buildBar("share");
  const right = element("div", "satkit-beside");
  right.append(parts.confusion.figure, parts.bar.box);
  parts.frame.append(left, right, parts.tip);
  view.root.classList.add("satkit-attention");
  const [hint, keys] = [HINT, KEYS].map((text) => element("p", "satkit-hint", text));
  view.root.append(hint, turns, parts.frame, parts.line, parts.trouble, keys, parts.spoken);
  sayBar(parts.bar, "part of the row's pixels", ["0 %", "50 %", "100 %"]);
  return parts;
}

function fitForgetting(view) {
  const { parts } = view;
  view.sharpness = window.devicePixelRatio || 1;
  for (const each of [...parts.strip, parts.curves]) fitLayered(view, each);
  fitConfusion(view);
  schedule(view);
}

// Take what the kernel has sent; the scores come once.
function show(view, { shown, predictions, ...scene }) {
  if (view.source !== scene.iou) {
    [view.source, view.scores] = [scene.iou, decodedScores(scene)];
    paintBar(view.parts.bar.canvas, view.scores.tables.share);
  }
  if (shown.number !== view.image?.number) {
    takeImage(view, shown);
    fitForgetting(view);
  }
  takePredictions(view, predictions);
  schedule(view);
}

// Change in code what the hand changes. A hand that moves goes first, and one that has moved since.
function choose(view, changes, late) {
  if (!view.resting && !late) Object.assign(view.state, changes);
  schedule(view);
}

function close(view) {
  view.closed = true;
  cancelAnimationFrame(view.pending);
  for (const timer of [view.parts.speaking, view.resting]) clearTimeout(timer);
  view.watch.disconnect();
  view.image?.photo?.close();
  view.root.replaceChildren();
}

function mount(root, data, callbacks = {}) {
  const state = { step: 0, label: 0, aim: null, pinned: null, behind: "", named: true };
  const words = { name: "Forgetting explorer.", hint: HINT, keys: KEYS };
  const own = { root, callbacks, state, words, draw: drawAll };
  const view = { ...own, image: null, reading: null, sharpness: 1, pending: 0, resting: 0 };
  view.parts = buildForgetting(view);
  show(view, data);
  const { frame } = view.parts;
  frame.addEventListener("pointermove", (event) => hover(view, event));
  frame.addEventListener("pointerleave", () => {
    view.reading = null;
    schedule(view);
  });
  frame.addEventListener("click", (event) => click(view, event));
  frame.addEventListener("keydown", (event) => pressKey(view, event));
  view.watch = new ResizeObserver(() => fitForgetting(view));
  view.watch.observe(frame);
  return {
    show: (other) => show(view, other),
    choose: (changes, late = false) => choose(view, changes, late),
    say: (trouble) => (view.parts.trouble.textContent = trouble),
    close: () => close(view),
  };
}
