// The attention canvas: it shows an image and what its patches attend to in some models, and follows the hand.
//
// mount(root, data, callbacks) fills an element and gives { show, choose, say, close }. `data` is described by
// satkit/widgets/scene.py. Callbacks, each of which may be missing: rest({ pixel, pinned }), when the query or the pin
// has changed and the hand rests; stage(change), when a key asks for the next (1) or the last (-1) stage.

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

// A row of the picture: its query or region, its maps by model, and the difference.
function rowOf(view, name, pixel) {
  const { scene, state } = view;
  const { stage } = scene;
  const patch = patchAt(pixel, scene.image.size, stage.queries);
  const query = patch[0] * stage.queries[1] + patch[1];
  const label = name === "region" ? stage.queryLabels[query] : labelAt(scene, scene.labels, pixel);
  const map = (_, model) =>
    name === "region" ? relationOf(stage, model, label, state.head) : attentionOf(stage, model, query, state.head);
  const maps = label === scene.ignore && name === "region" ? null : scene.models.map(map);
  const there = maps?.[0] ? maps : null;
  const { compared } = state;
  const difference = there && compared !== null ? there[compared].map((value, key) => value - there[0][key]) : null;
  return { name, pixel, patch, label, maps: there, difference };
}

function rowsOf(view) {
  const { pixel, pinned, region } = view.state;
  const rows = [rowOf(view, "query", pixel)];
  if (pinned) rows.push(rowOf(view, "pinned", pinned));
  if (region) rows.push(rowOf(view, "region", pixel));
  return rows;
}

// One scale for all rows and models, shown or not, and one for all differences; or those that were locked.
function scalesOf(view, rows) {
  if (view.state.locked) return view.state.locked;
  const [maps, differences] = [rows.flatMap((row) => row.maps ?? []), rows.flatMap((row) => row.difference ?? [])];
  const most = maps.reduce((top, map) => map.reduce((a, b) => Math.max(a, b), top), 0) || 1;
  const apart = differences.reduce((top, map) => map.reduce((a, b) => Math.max(a, Math.abs(b)), top), 0);
  const half = Math.max(apart, view.scene.least * most);
  return { attention: [0, most], difference: [-half, half] };
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
  drawMarks(panel.marks, scene, marksOf(view, panel, row, values), view.sharpness);
}

function marksOf(view, panel, row, values) {
  const { scene, state, reading } = view;
  const { size } = scene.image;
  const patch = (pixel) => pixel && patchAt(pixel, size, scene.stage.queries);
  const marks = { border: row.label };
  if (row.name === "query") marks.pinned = patch(state.pinned);
  if (row.name !== "region") marks.query = row.patch;
  const mapped = panel.kind !== "image" && panel.kind !== DIFFERENCE;
  if (mapped && values && state.frames)
    marks.frames = largestOf(values, state.frames).map((key) => cellAt(key, scene.stage.keys));
  const read = reading && reading.panel.row === row.name && reading.panel.kind !== "image" && panel.kind !== "image";
  if (read) marks.cell = patchAt(reading.pixel, size, scene.stage.keys);
  return marks;
}

function cellAt(key, [, columns]) {
  return [Math.floor(key / columns), key % columns];
}

function drawBars(view) {
  for (const [name, bar] of Object.entries(view.parts.bars)) {
    const context = bar.canvas.getContext("2d");
    const image = new ImageData(256, 1);
    const table = view.scene.tables[name];
    for (let shade = 0; shade < 256; shade += 1)
      image.data.set([...table.subarray(3 * shade, 3 * shade + 3), 255], 4 * shade);
    context.putImageData(image, 0, 0);
  }
}

function drawNote(view, rows) {
  const { parts, reading, scene } = view;
  const row = reading && rows.find((each) => each.name === reading.panel.row);
  parts.tip.hidden = !row;
  if (!row) return;
  const key = patchAt(reading.pixel, scene.image.size, scene.stage.keys);
  const lines = noteLines(view, row, reading.panel, key, reading.pixel);
  parts.tip.replaceChildren(...lines.map((line) => element("div", "", line)));
  placeNote(view);
}

// Beside the pointer; under the image, so that the maps beside it stay in view.
function placeNote({ parts, reading }) {
  const [frame, note] = [parts.frame, parts.tip].map((each) => each.getBoundingClientRect());
  const panel = reading.panel.box.getBoundingClientRect();
  const own = reading.panel.kind === "image";
  const left = own ? panel.left : reading.x + 16;
  const above = reading.y - note.height - 12;
  const below = own ? panel.bottom + 2 : reading.y + 18;
  parts.tip.style.left = `${Math.max(0, Math.min(left - frame.left, frame.width - note.width - 2))}px`;
  parts.tip.style.top = `${(own || above < frame.top ? below : above) - frame.top}px`;
}

function sayRows(view, rows) {
  const { parts } = view;
  for (const name of ROWS) {
    const row = rows.find((each) => each.name === name);
    parts.rows[name].box.hidden = !row;
    if (row) parts.rows[name].title.textContent = titleOf(view, row);
  }
  const queries = rows.filter((row) => row.name !== "region");
  const texts = queries.map((row) => (queries.length > 1 ? `${row.name}: ` : "") + describe(view, row));
  parts.line.replaceChildren(...texts.map((text) => element("div", "", text)));
  clearTimeout(view.speaking);
  view.speaking = setTimeout(() => {
    parts.spoken.textContent = texts.join(". ");
    parts.frame.setAttribute("aria-label", `Attention explorer. ${texts.join(". ")}. ${HINT} ${KEYS}`);
  }, SPEAK);
}

function draw(view) {
  if (view.closed) return;
  const began = performance.now();
  buildPanels(view);
  const rows = rowsOf(view);
  const scales = (view.scales = scalesOf(view, rows));
  sayRows(view, rows);
  for (const panel of view.panels) {
    const row = rows.find((each) => each.name === panel.row);
    if (row) drawPanel(view, panel, row, scales);
  }
  sayBars(view, scales);
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
  const inside = (pixel) => pixel.map((place, axis) => clamped(place, scene.image.size[axis]));
  state.pixel = inside(state.pixel ?? scene.image.size.map((side) => Math.floor(side / 2)));
  if (state.pinned) state.pinned = inside(state.pinned);
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

// Change in code what the hand changes: pixel, pinned, head, and which panels are shown. A hand that moves goes first.
function choose(view, { shown, ...changes }) {
  if (view.resting) for (const name of ["pixel", "pinned"]) delete changes[name];
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
  const state = { pixel: null, pinned: null, head: null, frames: 0, through: 0, locked: null, region: true };
  const view = { root, callbacks, state: { ...state, picture: "photo" }, panels: [], sharpness: 1, pending: 0 };
  view.parts = buildParts(view);
  view.told = () => {
    clearTimeout(view.resting);
    view.resting = setTimeout(() => {
      view.resting = 0;
      callbacks.rest?.({ pixel: view.state.pixel, pinned: view.state.pinned });
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
    choose: (changes) => choose(view, changes),
    say: (trouble) => (view.parts.trouble.textContent = trouble),
    close: () => close(view),
  };
}
