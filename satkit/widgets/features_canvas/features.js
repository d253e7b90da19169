// The canvas of the feature explorer: two images, and in every model's maps of them what is similar to one place.
//
// mount(root, data, callbacks) fills an element and gives { show, choose, say, close }. `data` is described by
// satkit/widgets/feature_scene.py. Callback: rest({ asked, pixel }), when the place has changed and the hand rests.

const HINT =
  "Move over an image: the maps show how similar every place of both images is to the one under the pointer. Click holds " +
  "the place; then move over a map to read its values.";
const KEYS =
  "Keys: arrows (with Shift four places), Home, End; Page keys go to the other image, Enter holds the place, Escape lets " +
  "go.";
const COLOURS_ARE =
  "Colours are the first three principal components of these maps, the same for both images, all models and all steps: " +
  "equal colours are nearly equal features.";

// Change what is chosen, and tell the kernel once the hand rests.
function take(view, changes) {
  Object.assign(view.state, changes);
  schedule(view);
  clearTimeout(view.resting);
  view.resting = setTimeout(() => {
    view.resting = 0;
    view.callbacks.rest?.({ asked: view.state.asked, pixel: view.state.pixel });
  }, REST);
}

// The chosen place, its label, and the cosines of all places with it, by model and image.
function lookUp({ scene, state, stage }) {
  const { asked, pixel } = state;
  const cell = patchAt(pixel, scene.images[asked].size, stage.grids[asked]);
  const place = cell[0] * stage.grids[asked][1] + cell[1];
  const alike = stage.models.map(({ maps }) => maps.map((each) => cosinesWith(maps[asked], place, each)));
  return { cell, label: labelAt({ image: scene.images[asked] }, scene.images[asked].labels, pixel), alike };
}

function fillColours(cells, colours) {
  const { data } = cells.image;
  for (let cell = 0; cell < colours.length / 3; cell += 1)
    data.set([colours[3 * cell], colours[3 * cell + 1], colours[3 * cell + 2], 255], 4 * cell);
  cells.context.putImageData(cells.image, 0, 0);
  return cells.canvas;
}

function mapOn(view, panel) {
  const { scene, state, stage, now } = view;
  const [rows, columns] = stage.grids[panel.image];
  if (panel.cells?.image.width !== columns || panel.cells.image.height !== rows) panel.cells = cellsFor([rows, columns]);
  if (state.show === "colours") return fillColours(panel.cells, stage.models[panel.model].maps[panel.image].colours);
  return fillCells(panel.cells, now.alike[panel.model][panel.image], scene.tables.similarity, [0, 1]);
}

function drawFeaturePanel(view, panel) {
  const { scene, state, stage, now, reading } = view;
  const image = scene.images[panel.image];
  const through = state.through;
  if (panel.model === null) layer(panel.map, [[image.photo, 1]]);
  else layer(panel.map, [[image.grey, through ? 1 : 0], [mapOn(view, panel), 1 - through]]);
  const grid = stage.grids[panel.image];
  const marks = { borders: [{ label: now.label }] };
  if (panel.image === state.asked) marks.query = now.cell;
  if (panel.model !== null && state.frames)
    marks.frames = largestOf(now.alike[panel.model][panel.image], state.frames).map((place) => placeIn(place, grid));
  if (reading && reading.image === panel.image && reading.model !== null) marks.cell = patchAt(reading.pixel, image.size, grid);
  const surface = { ...image, image, ignore: scene.ignore, stage: { queries: grid, keys: grid } };
  drawMarks(panel.marks, surface, marks, view.sharpness);
}

function placeIn(place, [, columns]) {
  return [Math.floor(place / columns), place % columns];
}

function drawFeatures(view) {
  if (view.closed || !view.stage) return;
  const began = performance.now();
  const { parts, state } = view;
  view.now = lookUp(view);
  for (const panel of view.panels) drawFeaturePanel(view, panel);
  parts.rows.forEach(({ title }, image) => (title.textContent = rowTitle(view, image)));
  parts.bar.box.hidden = state.show === "colours";
  parts.meaning.hidden = state.show !== "colours";
  sayLine(view, featureLine(view));
  showNote(view, view.reading && featureNote(view));
  const detail = { milliseconds: performance.now() - began, state };
  view.root.dispatchEvent(new CustomEvent("satkit-drawn", { detail, bubbles: true })); // for measurements and tests
}

function buildFeatures(view) {
  const parts = textParts();
  parts.options = {
    frames: menuOf([[0, "none"], [1, "1"], [5, "5"], [10, "10"], [20, "20"]]),
    through: inputOf("range", { min: 0, max: 100, step: 5, value: 0 }),
  };
  const options = element("div", "satkit-options");
  options.append(
    labelled("frame most similar places", parts.options.frames),
    labelled("image through maps", parts.options.through),
  );
  parts.frame = keyFrame();
  parts.rows = [0, 1].map(() => {
    const row = { box: element("div", "satkit-row"), title: element("p", "satkit-title"), grid: element("div", "satkit-grid") };
    row.box.append(row.title, row.grid);
    return row;
  });
  parts.bar = buildBar("similarity");
  parts.meaning = element("p", "satkit-hint", COLOURS_ARE);
  parts.frame.append(...parts.rows.map(({ box }) => box), parts.tip);
  const [hint, keys] = [HINT, KEYS].map((text) => element("p", "satkit-hint", text));
  view.root.classList.add("satkit-attention", "satkit-features");
  view.root.append(hint, options, parts.frame, parts.bar.box, parts.meaning, parts.line, parts.trouble, keys, parts.spoken);
  return parts;
}

// Make the panels again if there are other models.
function buildFeaturePanels(view) {
  const names = ["", ...view.stage.models.map(({ name }) => name)];
  const wanted = JSON.stringify([names, view.scene.images.map(({ size }) => size)]);
  if (wanted === view.built) return;
  view.built = wanted;
  view.panels = [0, 1].flatMap((image) =>
    names.map((name, place) => {
      const [figure, picture] = [element("figure", "satkit-panel"), layered()];
      const caption = element("figcaption", "", place ? name : `image ${view.scene.images[image].number}`);
      figure.dataset.kind = place ? "map" : "image";
      const { size } = view.scene.images[image];
      picture.box.style.aspectRatio = `${size[1]} / ${size[0]}`;
      figure.append(caption, picture.box);
      return { image, model: place ? place - 1 : null, figure, caption, cells: null, ...picture };
    }),
  );
  view.parts.rows.forEach(({ grid }, image) =>
    grid.replaceChildren(...view.panels.filter((panel) => panel.image === image).map(({ figure }) => figure)),
  );
  fitFeatures(view);
}

function fitFeatures(view) {
  const width = view.parts.frame.clientWidth;
  if (!width || !view.stage) return;
  view.parts.frame.style.setProperty("--columns", columnsFor(width, view.stage.models.length + 1));
  view.sharpness = window.devicePixelRatio || 1;
  for (const panel of view.panels) fitLayered(view, panel);
  schedule(view);
}

async function loadImage(view, image) {
  const photo = await createImageBitmap(new Blob([bytesOf(image.file.file)], { type: image.file.type }));
  if (view.closed || !view.scene.images.includes(image)) return photo.close();
  [image.photo, image.grey] = [photo, greyOf(photo, image.size)];
  schedule(view);
}

// Take what the kernel has sent; the images only if they are others.
function show(view, { stage, shown, predictions, ...scene }) {
  if (scene.images !== view.source) {
    for (const { photo } of view.scene?.images ?? []) photo?.close();
    [view.source, view.scene, view.built] = [scene.images, decodedImages(scene), ""];
    paintBar(view.parts.bar.canvas, view.scene.tables.similarity);
    for (const image of view.scene.images) loadImage(view, image);
  }
  if (stage?.models) view.stage = decodedMaps(stage);
  const { size } = view.scene.images[view.state.asked];
  view.state.pixel = view.state.pixel.map((at, axis) => limited(at, 0, size[axis] - 1));
  buildFeaturePanels(view);
  schedule(view);
}

// Change in code what is chosen. A hand that moves goes first, and one that has moved since.
function choose(view, { asked, pixel, ...changes }, late) {
  if (!view.resting && !late) Object.assign(view.state, { asked, pixel });
  Object.assign(view.state, changes);
  schedule(view);
}

function close(view) {
  view.closed = true;
  cancelAnimationFrame(view.pending);
  for (const timer of [view.parts.speaking, view.resting]) clearTimeout(timer);
  view.watch.disconnect();
  for (const { photo } of view.scene.images) photo?.close();
  view.root.replaceChildren();
}

function mount(root, data, callbacks = {}) {
  const state = { asked: 0, pixel: [0, 0], held: false, show: "similarity", frames: 0, through: 0 };
  const words = { name: "Feature explorer.", hint: HINT, keys: KEYS };
  const view = { root, callbacks, state, words, draw: drawFeatures, panels: [], sharpness: 1, pending: 0, resting: 0 };
  view.parts = buildFeatures(view);
  sayBar(view.parts.bar, "cosine with the chosen place", ["0 or less", "0.5", "1"]);
  show(view, data);
  listenTo(view);
  view.watch = new ResizeObserver(() => fitFeatures(view));
  view.watch.observe(view.parts.frame);
  return {
    show: (other) => show(view, other),
    choose: (changes, late = false) => choose(view, changes, late),
    say: (trouble) => (view.parts.trouble.textContent = trouble),
    close: () => close(view),
  };
}
