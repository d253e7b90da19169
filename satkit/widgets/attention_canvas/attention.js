// The attention canvas: what the patch under the pointer attends to, that of a pinned patch, and the patch's region.

const HINT = "Move over the image: every map shows what the patch under the pointer attends to. Click pins the patch.";
const KEYS =
  "Move over a map to read its values; drag, and the query follows. Keys: arrows (with Shift four patches), Home, End, " +
  "Enter pins, Escape lets go, Page keys change the stage.";
const FAR = 4; // patches that an arrow moves with Shift

// A row of the picture: its query or region, its maps by model, and the difference.
function attentionRow(view, name, pixel) {
  const { scene, state } = view;
  const { stage } = scene;
  const patch = patchAt(pixel, scene.image.size, stage.queries);
  const query = patch[0] * stage.queries[1] + patch[1];
  const label = name === "region" ? stage.queryLabels[query] : labelAt(scene, scene.labels, pixel);
  const map = (_, model) =>
    name === "region" ? relationOf(stage, model, label, state.head) : attentionOf(stage, model, query, state.head);
  const maps = label === scene.ignore && name === "region" ? null : scene.models.map(map);
  const there = maps?.[0] ? maps : null;
  return { name, pixel, patch, label, maps: there, difference: differenceOf(view, there) };
}

function attentionRows(view) {
  const { pixel, pinned, region } = view.state;
  const rows = [attentionRow(view, "query", pixel)];
  if (pinned) rows.push(attentionRow(view, "pinned", pinned));
  if (region) rows.push(attentionRow(view, "region", pixel));
  return rows;
}

function attentionMarks(view, panel, row) {
  const { scene, state } = view;
  const patch = (pixel) => pixel && patchAt(pixel, scene.image.size, scene.stage.queries);
  const marks = { borders: [{ label: row.label }] };
  if (row.name === "query") marks.pinned = patch(state.pinned);
  if (row.name !== "region") marks.query = row.patch;
  return marks;
}

function attentionLines(view, rows) {
  const queries = rows.filter((row) => row.name !== "region");
  return queries.map((row) => (queries.length > 1 ? `${row.name}: ` : "") + describe(view, row));
}

function samePatch(view, one, other) {
  const patch = (pixel) => patchAt(pixel, view.scene.image.size, view.scene.stage.queries).join();
  return patch(one) === patch(other);
}

// The pixel that a key leads to, or null for a key that moves nothing.
function pixelByKey(view, event) {
  const { image, stage } = view.scene;
  const [rows, columns] = stage.queries;
  const [row, column] = patchAt(view.state.pixel, image.size, stage.queries);
  if (event.key === "Home" || event.key === "End")
    return centreOf([row, event.key === "Home" ? 0 : columns - 1], image.size, stage.queries);
  if (!(event.key in ARROWS)) return null;
  const [down, right] = ARROWS[event.key].map((step) => step * (event.shiftKey ? FAR : 1));
  return centreOf([clamped(row + down, rows), clamped(column + right, columns)], image.size, stage.queries);
}

function pixelByEvent(view, event) {
  const pixel = pixelByKey(view, event);
  return pixel && { pixel };
}

// The same pixels as far as another image has them; at first the middle.
function settlePixels({ scene, state }) {
  const inside = (pixel) => pixel.map((place, axis) => clamped(place, scene.image.size[axis]));
  state.pixel = inside(state.pixel ?? scene.image.size.map((side) => Math.floor(side / 2)));
  if (state.pinned) state.pinned = inside(state.pinned);
}

const KIND = {
  name: "Attention explorer.",
  hint: HINT,
  keys: KEYS,
  rows: ["query", "pinned", "region"],
  more: { region: "its region" },
  state: { pixel: null, region: true },
  hand: ["pixel", "pinned"],
  at: (view, pixel) => pixel,
  same: samePatch,
  byKey: pixelByEvent,
  settle: settlePixels,
  rowsOf: attentionRows,
  marksOf: attentionMarks,
  titleOf,
  linesOf: attentionLines,
  noteLines,
};
