// What the canvas says: titles, the line of text below, and the note at the pointer.

const DOT = " \u00b7 ";

function weightText(value) {
  const text = Math.abs(value) < 0.001 ? value.toExponential(1) : value.toPrecision(2);
  return text.replace("-", "\u2212");
}

function timesText(value, stage) {
  return `${(value * stage.count.keys).toFixed(1)} \u00d7 uniform`;
}

function percentText(share, digits = 0) {
  return `${(100 * share).toFixed(digits)} %`;
}

function nameOf(scene, label) {
  return scene.names[label] ?? "not annotated";
}

function labelAt(scene, labels, [row, column]) {
  return labels[row * scene.image.size[1] + column];
}

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
function noteLines(view, row, panel, key, pixel) {
  const { scene } = view;
  const { stage } = scene;
  const place = key[0] * stage.keys[1] + key[1];
  const own = panel.kind === "image";
  const lines = [nameOf(scene, labelAt(scene, scene.labels, pixel))];
  if (!own) lines.push(`key ${key[0]}, ${key[1]} of ${stage.keys[0]} \u00d7 ${stage.keys[1]}`);
  if (!row.maps || (own && row.name !== "query")) return lines;
  if (panel.kind === DIFFERENCE) {
    const change = row.difference[place];
    return [...lines, `${change > 0 ? "+" : ""}${weightText(change)} (${panel.name})`];
  }
  const value = row.maps[own ? 0 : panel.kind][place];
  return [...lines, `${own ? "on itself: " : ""}${weightText(value)} = ${timesText(value, stage)}`];
}

function sayBars(view, scales) {
  const { stage } = view.scene;
  const { attention, difference } = view.parts.bars;
  const [low, high] = scales.attention;
  const kept = view.state.locked ? ", locked" : "";
  attention.title.textContent = `attention weight (uniform is ${weightText(1 / stage.count.keys)})${kept}`;
  const numbers = [low, (low + high) / 2, high];
  numbers.forEach((value, place) => {
    attention.ticks.children[place].textContent = value ? `${weightText(value)} = ${timesText(value, stage)}` : "0";
  });
  difference.box.hidden = view.state.compared === null;
  if (view.state.compared === null) return;
  difference.title.textContent = `difference: orange has lost, purple has gained attention${kept}`;
  const ends = [scales.difference[0], 0, scales.difference[1]];
  ends.forEach((value, place) => {
    difference.ticks.children[place].textContent = `${value > 0 ? "+" : ""}${value ? weightText(value) : 0}`;
  });
}
