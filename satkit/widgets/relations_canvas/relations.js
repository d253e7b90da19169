// The relation canvas: what the region under the pointer attends to, that of a pinned region, and how much of the
// attention of every region falls on every other one.
//
// Beside what satkit/widgets/scene.py sends, a stage has `classes`: those that have a query, in ascending order.

const HINT =
  "Move over the image: every map shows the relation of the region under the pointer, which is what all patches of its " +
  "class attend to together. Click pins the region.";
const KEYS =
  "Move over a map or a matrix to read its values. Keys: up and down arrows change the region, left and right choose what " +
  "it looks at, Home, End, Enter pins, Escape lets go, Page keys change the stage; in a matrix, arrows go from cell to cell.";
const AIM_LINE = { width: 1.4, dash: [4, 3], colours: BLUE };

// A row of the picture: the relation of a region in every model, and the difference.
function relationRow(view, name, label) {
  const { scene, state } = view;
  const maps = scene.models.map((_, model) => relationOf(scene.stage, model, label, state.head));
  return { name, label, maps, difference: differenceOf(view, maps) };
}

function relationRows(view) {
  const { region, pinned } = view.state;
  const rows = [relationRow(view, "region", region)];
  return pinned === null ? rows : [...rows, relationRow(view, "pinned", pinned)];
}

// What the region is asked about: the column of a matrix, or the class of the key under the pointer.
function aimOf({ state, reading, scene }) {
  if (state.aim !== null) return state.aim;
  if (!reading?.panel || reading.panel.kind === "image") return null;
  const [line, column] = patchAt(reading.pixel, scene.image.size, scene.stage.keys);
  const label = scene.stage.keyLabels[line * scene.stage.keys[1] + column];
  return scene.stage.classes.includes(label) ? label : null;
}

function relationMarks(view, panel, row) {
  const aim = aimOf(view);
  const own = panel.kind === "image" ? { label: row.label, width: 2, colours: STRONG } : { label: row.label };
  return { borders: aim === null || aim === row.label ? [own] : [own, { label: aim, ...AIM_LINE }] };
}

// The names of the regions over the images, once these and their marks are drawn.
function drawNames(view) {
  const { scene, state } = view;
  if (!state.named) return;
  scene.regions = scene.regions ?? regionsIn(scene.labels, scene.image.size, [scene.ignore]);
  const names = scene.regions.map(({ label, pixel }) => [numberedName(scene, label), pixel]);
  for (const { kind, row, marks } of view.panels)
    if (kind === "image" && (row === "region" || state.pinned !== null))
      writeNames(marks, names, scene.image.size, view.sharpness);
}

// The class at a pixel; undefined where it has no query.
function regionAt(view, pixel) {
  const label = labelAt(view.scene, view.scene.labels, pixel);
  return view.scene.stage.classes.includes(label) ? label : undefined;
}

function regionByKey({ state, scene }, { key }) {
  const { classes } = scene.stage;
  const beside = (label, step) => classes[(classes.indexOf(label) + step + classes.length) % classes.length];
  if (key === "ArrowUp" || key === "ArrowDown") return { region: beside(state.region, key === "ArrowUp" ? -1 : 1), aim: null };
  if (key === "Home" || key === "End") return { region: classes.at(key === "Home" ? 0 : -1), aim: null };
  if (key === "ArrowLeft" || key === "ArrowRight")
    return { aim: beside(state.aim ?? state.region, key === "ArrowLeft" ? -1 : 1) };
  return key === "Escape" ? { pinned: null, aim: null } : null;
}

// The same regions, as far as another image or stage has them.
function settleRegions({ scene, state }) {
  const { classes } = scene.stage;
  if (!classes.includes(state.region)) state.region = classes[0];
  if (!classes.includes(state.pinned)) state.pinned = null;
  if (!classes.includes(state.aim)) state.aim = null;
}

function drawBeside(view, scales) {
  drawMatrices(view, scales);
  drawNames(view);
}

const KIND = {
  name: "Relation explorer.",
  hint: HINT,
  keys: KEYS,
  rows: ["region", "pinned"],
  more: { named: "class names" },
  state: { region: null, aim: null, named: true },
  hand: ["region", "pinned"],
  at: regionAt,
  same: (view, one, other) => one === other,
  byKey: regionByKey,
  settle: settleRegions,
  rowsOf: relationRows,
  marksOf: relationMarks,
  titleOf: relationTitle,
  linesOf: relationLines,
  noteLines: relationNote,
  arrange: arrangeMatrices,
  moreScales: matrixScales,
  drawMore: drawBeside,
};
