// Numbers and names in words, and what stands at the colour bars.

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

function numberedName(scene, label) {
  return `${label} ${nameOf(scene, label)}`;
}

function labelAt(scene, labels, [row, column]) {
  return labels[row * scene.image.size[1] + column];
}

function sayBar(bar, title, ticks) {
  bar.title.textContent = title;
  ticks.forEach((text, place) => (bar.ticks.children[place].textContent = text));
}

function signed(value, text) {
  return value ? `${value > 0 ? "+" : ""}${text(value)}` : "0";
}

function sayBars(view, scales) {
  const { stage } = view.scene;
  const { attention, difference } = view.parts.bars;
  const [low, high] = scales.attention;
  const kept = view.state.locked ? ", locked" : "";
  const numbers = [low, (low + high) / 2, high];
  const weights = numbers.map((value) => (value ? `${weightText(value)} = ${timesText(value, stage)}` : "0"));
  sayBar(attention, `attention weight (uniform is ${weightText(1 / stage.count.keys)})${kept}`, weights);
  difference.box.hidden = view.state.compared === null;
  if (view.state.compared === null) return;
  const ends = [scales.difference[0], 0, scales.difference[1]].map((value) => signed(value, weightText));
  sayBar(difference, `difference: orange has lost, purple has gained attention${kept}`, ends);
}

// The lines of the note about the value of a map under the pointer; in the image, of the first model's map.
function valueLines(view, row, panel, pixel) {
  const { stage, image } = view.scene;
  const [line, column] = patchAt(pixel, image.size, stage.keys);
  const place = line * stage.keys[1] + column;
  const own = panel.kind === "image";
  const lines = own ? [] : [`key ${line}, ${column} of ${stage.keys[0]} \u00d7 ${stage.keys[1]}`];
  if (!row.maps) return lines;
  if (panel.kind === DIFFERENCE) return [...lines, `${signed(row.difference[place], weightText)} (${panel.name})`];
  const value = row.maps[own ? 0 : panel.kind][place];
  return [...lines, `${own ? "on itself: " : ""}${weightText(value)} = ${timesText(value, stage)}`];
}
