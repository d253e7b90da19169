// What the relation canvas says: titles, the line of text below, and the note at the pointer.

const MOST_NAMED = 3; // regions that the line names

function patchesText(stage, label) {
  const count = regionOf(stage, label).length;
  return `${count} ${count === 1 ? "patch" : "patches"}`;
}

function relationTitle(view, row) {
  const { scene, state } = view;
  const { queries, name } = scene.stage;
  const heads = state.head === null ? "mean over heads" : `head ${state.head + 1}`;
  const place = `${patchesText(scene.stage, row.label)} of ${queries[0]} \u00d7 ${queries[1]} in ${name}, ${heads}`;
  return [`${row.name}: ${numberedName(scene, row.label)}`, place].join(DOT);
}

// How far the relation of the region is from that of the pinned one, in every model.
function apartWords(view, row) {
  const { scene, state } = view;
  if (row.name !== "region" || state.pinned === null || state.pinned === row.label) return [];
  const apart = scene.models.map(({ name }, model) => {
    const pinned = relationOf(scene.stage, model, state.pinned, state.head);
    return `${name} ${percentText(movedBetween(pinned, row.maps[model]))}`;
  });
  return [`differs from the pinned region: ${apart.join(", ")} of the attention`];
}

// Where a region looks most in one model, and how much of that has moved.
function lookWords(view, row, model) {
  const { scene, state } = view;
  const { classes } = scene.stage;
  const shares = sharesOf(view, model, state.head)[classes.indexOf(row.label)];
  const most = largestOf(shares, MOST_NAMED).map((place) => `${percentText(shares[place])} on ${nameOf(scene, classes[place])}`);
  const moved = model ? `, ${percentText(movedBetween(row.maps[0], row.maps[model]), 1)} moved` : "";
  return `${scene.models[model].name}: ${most.join(", ")}${moved}`;
}

// How much of the attention of a region falls on a class, in every model.
function cellWords(view, label, aim) {
  const { scene, state } = view;
  const [row, column] = [label, aim].map((each) => scene.stage.classes.indexOf(each));
  const shares = scene.models.map(({ name }, model) => `${name} ${percentText(sharesOf(view, model, state.head)[row][column], 1)}`);
  return `of the attention of ${nameOf(scene, label)}, this much falls on ${nameOf(scene, aim)}: ${shares.join(", ")}`;
}

function relationLines(view, rows) {
  const aim = aimOf(view);
  return rows.map((row) => {
    const cell = aim === null ? [] : [cellWords(view, row.label, aim)];
    const looks = view.scene.models.map((_, model) => lookWords(view, row, model));
    return [`${row.name}: ${nameOf(view.scene, row.label)}`, ...cell, ...looks, ...apartWords(view, row)].join(DOT);
  });
}

// The lines of the note at the pointer: a cell of a matrix, the region under the pointer, or the key that is read.
function relationNote(view, { cell, panel, pixel }, rows) {
  const { scene, state } = view;
  if (cell) {
    const [row, column] = cell.map((label) => scene.stage.classes.indexOf(label));
    const shares = scene.models.map(({ name }, model) => `${name}: ${percentText(sharesOf(view, model, state.head)[row][column], 1)}`);
    return [`${numberedName(scene, cell[0])} looks at ${numberedName(scene, cell[1])}`, ...shares];
  }
  const row = rows.find((each) => each.name === panel.row);
  if (!row) return null;
  const label = labelAt(scene, scene.labels, pixel);
  const name = label === scene.ignore ? nameOf(scene, label) : numberedName(scene, label);
  if (panel.kind !== "image") return [name, ...valueLines(view, row, panel, pixel)];
  const place = scene.stage.classes.indexOf(label);
  if (place < 0) return [name, `no patch of ${scene.stage.name} has this label, so there is no relation`];
  const own = scene.models.map(({ name }, model) => `${name}: ${percentText(sharesOf(view, model, state.head)[place][place])} on itself`);
  return [`${name}, ${patchesText(scene.stage, label)}`, ...own];
}
