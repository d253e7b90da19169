// What the attention canvas says: titles, the line of text below, and the note at the pointer.

// What one model does with the query: its prediction there, its attention on the query's class, and what has moved.
function modelWords(view, row, model) {
  const { scene } = view;
  const called = nameOf(scene, labelAt(scene, scene.predictions[model], row.pixel));
  const share = row.label === scene.ignore ? null : shareOn(scene.stage, row.maps[model], row.label);
  const own = share === null ? "" : `, ${percentText(share)} of its attention on ${nameOf(scene, row.label)}`;
  const moved = model ? `, ${percentText(movedBetween(row.maps[0], row.maps[model]), 1)} moved` : "";
  return `${scene.models[model].name}: ${called}${own}${moved}`;
}

// Where a query is, what it is called, and how much of its attention stays on its own class.
function describe(view, row) {
  const [line, column] = row.pixel;
  const begin = [`row ${line}, column ${column}`, `ground truth: ${nameOf(view.scene, row.label)}`];
  return [...begin, ...view.scene.models.map((_, model) => modelWords(view, row, model))].join(DOT);
}

function titleOf(view, row) {
  const { scene } = view;
  const { queries } = scene.stage;
  if (row.name === "region") {
    const count = regionOf(scene.stage, row.label).length;
    const what = `region of this patch, the class at its centre: ${nameOf(scene, row.label)}`;
    return count
      ? `${what}, ${count} ${count === 1 ? "patch" : "patches"} of ${scene.stage.name}; the maps are its relation, the mean over them`
      : `${what}; no patch of ${scene.stage.name} has this label, so there is no relation`;
  }
  const [line, column] = row.patch;
  const heads = view.state.head === null ? "mean over heads" : `head ${view.state.head + 1}`;
  const place = `patch ${line}, ${column} of ${queries[0]} \u00d7 ${queries[1]} in ${scene.stage.name}, ${heads}`;
  return `${row.name}: ${nameOf(scene, row.label)}${DOT}${place}`;
}

// The lines of the note at the pointer: what is there, and the attention that it gets in this map. In the image, where
// the pointer moves the query, that is the attention of the patch to its own place, in the first model.
function noteLines(view, { panel, pixel }, rows) {
  const { scene } = view;
  const row = rows.find((each) => each.name === panel.row);
  if (!row) return null;
  const own = panel.kind === "image";
  const name = nameOf(scene, labelAt(scene, scene.labels, pixel));
  if (own && row.name !== "query") return [name];
  return [name, ...valueLines(view, row, panel, pixel)];
}
