// The canvas: it shows an image and what its patches or regions attend to in some models, and follows the hand.
//
// mount(root, data, callbacks) fills an element and gives { show, choose, say, close }. `data` is described by
// satkit/widgets/scene.py. Callbacks, each of which may be missing: rest(what), when what the hand chooses has changed
// and the hand rests; stage(change), when a key asks for the next (1) or the last (-1) stage.
//
// KIND says what a canvas is for: see attention.js, and relations.js of the folder relations_canvas. It has
//   name, hint, keys: words; rows: names of the rows of panels; more: names of further options, and their words
//   state: what is chosen at first; hand: names of what the hand chooses, the first by moving, "pinned" by a click
//   at(view, pixel): what a pixel stands for; same(view, one, other); byKey(view, event): what a key changes, or null
//   settle(view): let what is chosen fit another scene; rowsOf(view): what every row shows
//   marksOf(view, panel, row), titleOf(view, row), linesOf(view, rows), noteLines(view, reading, rows)
//   and it may have arrange(view, parts), moreScales(view), drawMore(view, scales).

const REST = 150; // milliseconds without a movement after which the hand rests
const SPEAK = 400; // milliseconds after which the line is read aloud

function change(view, changes) {
  Object.assign(view.state, changes);
  schedule(view);
}

// Draw in the next frame, once, however much changes until then.
function schedule(view) {
  if (view.pending || view.closed) return;
  view.pending = requestAnimationFrame(() => {
    view.pending = 0;
    draw(view);
  });
}

// What a model has gained over the first one, where maps and such a model are shown.
function differenceOf(view, maps) {
  const { compared } = view.state;
  return maps && compared !== null ? maps[compared].map((value, key) => value - maps[0][key]) : null;
}

// One scale for all rows and models, shown or not, and one for all differences; or those that were locked.
function scalesOf(view, rows) {
  if (view.state.locked) return view.state.locked;
  const [maps, differences] = [rows.flatMap((row) => row.maps ?? []), rows.flatMap((row) => row.difference ?? [])];
  const most = maps.reduce((top, map) => map.reduce((a, b) => Math.max(a, b), top), 0) || 1;
  const apart = differences.reduce((top, map) => map.reduce((a, b) => Math.max(a, Math.abs(b)), top), 0);
  const half = Math.max(apart, view.scene.least * most);
  return { attention: [0, most], difference: [-half, half], ...KIND.moreScales?.(view) };
}

function pictureLayers(view) {
  const { scene, state } = view;
  if (state.picture === "photo") return [[scene.photo, 1]];
  const labels = state.picture === "labels" ? scene.labels : scene.predictions[Number(state.picture)];
  scene.coloured = scene.coloured ?? {};
  scene.coloured[state.picture] = scene.coloured[state.picture] ?? colouredOf(labels, scene.image.size, scene);
  return [[scene.grey, 1], [scene.coloured[state.picture], 1]];
}

function pictureName(view) {
  return view.parts.options.picture.selectedOptions[0]?.textContent ?? "image";
}

function drawPanel(view, panel, row, scales) {
  const { scene, state } = view;
  const values = panel.kind === DIFFERENCE ? row.difference : row.maps?.[panel.kind];
  if (panel.kind === "image") {
    layer(panel.map, pictureLayers(view));
    panel.caption.textContent = pictureName(view);
  } else if (values) {
    const kind = panel.kind === DIFFERENCE ? DIFFERENCE : "attention";
    if (panel.cells?.image.width !== scene.stage.keys[1] || panel.cells.image.height !== scene.stage.keys[0])
      panel.cells = cellsFor(scene.stage.keys);
    const cells = fillCells(panel.cells, values, scene.tables[kind], scales[kind]);
    layer(panel.map, [[scene.grey, state.through ? 1 : 0], [cells, 1 - state.through]]);
  } else layer(panel.map, []);
  const marks = { ...framesOf(view, panel, row, values), ...KIND.marksOf(view, panel, row) };
  drawMarks(panel.marks, scene, marks, view.sharpness);
}

// What lies over a panel in every kind: the keys framed, and the one that is read.
function framesOf(view, panel, row, values) {
  const { scene, state, reading } = view;
  const mapped = panel.kind !== "image" && panel.kind !== DIFFERENCE;
  const marks = {};
  if (mapped && values && state.frames)
    marks.frames = largestOf(values, state.frames).map((key) => cellAt(key, scene.stage.keys));
  const read = reading?.panel?.row === row.name && reading.panel.kind !== "image" && panel.kind !== "image";
  if (read) marks.cell = patchAt(reading.pixel, scene.image.size, scene.stage.keys);
  return marks;
}

function cellAt(key, [, columns]) {
  return [Math.floor(key / columns), key % columns];
}

function drawBars(view) {
  for (const { canvas, table } of Object.values(view.parts.bars)) paintBar(canvas, view.scene.tables[table]);
}

function drawNote(view, rows) {
  const { parts, reading } = view;
  const lines = reading && KIND.noteLines(view, reading, rows);
  parts.tip.hidden = !lines;
  if (!lines) return;
  parts.tip.replaceChildren(...lines.map((line) => element("div", "", line)));
  placeNote(view);
}

// Beside the pointer; under the image, so that the maps beside it stay in view.
function placeNote({ parts, reading }) {
  if (reading.panel?.kind === "image") {
    const { left, bottom } = reading.panel.box.getBoundingClientRect();
    placeTip(parts.tip, parts.within, left, bottom + 2);
  } else placeTip(parts.tip, parts.within, reading.x + 16, reading.y + 18, reading.y - parts.tip.offsetHeight - 12);
}

function sayRows(view, rows) {
  const { parts } = view;
  for (const name of KIND.rows) {
    const row = rows.find((each) => each.name === name);
    parts.rows[name].box.hidden = !row;
    if (row) parts.rows[name].title.textContent = KIND.titleOf(view, row);
  }
  const texts = KIND.linesOf(view, rows);
  parts.line.replaceChildren(...texts.map((text) => element("div", "", text)));
  clearTimeout(view.speaking);
  view.speaking = setTimeout(() => {
    parts.spoken.textContent = texts.join(". ");
    parts.frame.setAttribute("aria-label", `${KIND.name} ${texts.join(". ")}. ${KIND.hint} ${KIND.keys}`);
  }, SPEAK);
}

function draw(view) {
  if (view.closed) return;
  const began = performance.now();
  buildPanels(view);
  const rows = KIND.rowsOf(view);
  const scales = (view.scales = scalesOf(view, rows));
  sayRows(view, rows);
  for (const panel of view.panels) {
    const row = rows.find((each) => each.name === panel.row);
    if (row) drawPanel(view, panel, row, scales);
  }
  sayBars(view, scales);
  KIND.drawMore?.(view, scales);
  drawNote(view, rows);
  const detail = { milliseconds: performance.now() - began, state: view.state };
  view.root.dispatchEvent(new CustomEvent("satkit-drawn", { detail, bubbles: true })); // for measurements and tests
}

// Take another image, other models or another stage; what was chosen stays chosen where it can be.
function show(view, data) {
  const before = view.scene;
  const scene = (view.scene = decodedScene(data));
  const { state } = view;
  const same = before?.image === data.image;
  if (same) [scene.photo, scene.grey, scene.borders] = [before.photo, before.grey, before.borders];
  else loadPhoto(view, scene, before);
  KIND.settle(view);
  if (state.head !== null && state.head >= scene.stage.heads) state.head = null;
  const models = scene.models.map((_, model) => model);
  if (!view.asked || !view.asked.every((model) => model < models.length)) view.asked = null;
  state.shown = view.asked ?? models;
  if (state.compared === undefined) state.compared = 1;
  if (state.compared >= models.length) state.compared = null;
  fillPictureMenu(view);
  buildPanels(view);
  drawBars(view);
  if (!same) fitPanels(view);
  schedule(view);
}

async function loadPhoto(view, scene, before) {
  before?.photo?.close();
  const file = new Blob([bytesOf(scene.image.file)], { type: scene.image.type });
  const photo = await createImageBitmap(file);
  if (view.scene.image !== scene.image || view.closed) return photo.close();
  [view.scene.photo, view.scene.grey] = [photo, greyOf(photo, scene.image.size)];
  schedule(view);
}

// Change in code what is chosen, and which panels are shown. A hand that moves goes first, and one that has moved since.
function choose(view, { shown, ...changes }, late) {
  if (view.resting || late) for (const name of KIND.hand) delete changes[name];
  if (shown !== undefined) {
    view.asked = shown;
    changes.shown = shown ?? view.scene.models.map((_, model) => model);
  }
  change(view, changes);
}

function close(view) {
  view.closed = true;
  cancelAnimationFrame(view.pending);
  for (const timer of [view.speaking, view.resting]) clearTimeout(timer);
  view.watch.disconnect();
  view.scene.photo?.close();
  view.root.replaceChildren();
}

function mount(root, data, callbacks = {}) {
  const state = { pinned: null, head: null, frames: 0, through: 0, locked: null, picture: "photo", ...KIND.state };
  const view = { root, callbacks, state, panels: [], sharpness: 1, pending: 0 };
  view.parts = buildParts(view);
  view.told = () => {
    clearTimeout(view.resting);
    view.resting = setTimeout(() => {
      view.resting = 0;
      callbacks.rest?.(Object.fromEntries(KIND.hand.map((name) => [name, view.state[name]])));
    }, REST);
  };
  show(view, data);
  listen(view);
  view.watch = new ResizeObserver(() => {
    fitPanels(view);
    schedule(view);
  });
  view.watch.observe(view.parts.frame);
  return {
    show: (other) => show(view, other),
    choose: (changes, late = false) => choose(view, changes, late),
    say: (trouble) => (view.parts.trouble.textContent = trouble),
    close: () => close(view),
  };
}
