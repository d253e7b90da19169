// What Python sends, as arrays: bytes, label maps, and what one patch or one region attends to.
// Python's side of this file is satkit/widgets/scene.py; what a code means is said in satkit/analysis/codes.py.

// A code c stands for (c / 255) ** 2 of the largest weight in its row.
const SHARE = Float32Array.from({ length: 256 }, (_, code) => (code / 255) ** 2);

// Base64 in a page, a view of the message's buffer in a notebook.
function bytesOf(source) {
  if (typeof source !== "string") return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  const letters = atob(source);
  const bytes = new Uint8Array(letters.length);
  for (let place = 0; place < letters.length; place += 1) bytes[place] = letters.charCodeAt(place);
  return bytes;
}

function floatsOf(source) {
  return new Float32Array(bytesOf(source).slice().buffer); // the copy begins at a multiple of four bytes
}

function doublesOf(source) {
  return new Float64Array(bytesOf(source).slice().buffer);
}

// Pairs of a label and how often it follows itself.
function labelsOf(source, count) {
  const runs = bytesOf(source);
  const labels = new Uint8Array(count);
  for (let place = 0, at = 0; place < runs.length; place += 2) {
    labels.fill(runs[place], at, at + runs[place + 1] + 1);
    at += runs[place + 1] + 1;
  }
  return labels;
}

function decodedStage(stage) {
  const codes = ({ codes, peaks }) => ({ codes: bytesOf(codes), peaks: floatsOf(peaks) });
  return {
    ...stage,
    count: { queries: stage.queries[0] * stage.queries[1], keys: stage.keys[0] * stage.keys[1] },
    queryLabels: bytesOf(stage.query_labels),
    keyLabels: bytesOf(stage.key_labels),
    maps: stage.maps.map(codes),
    relations: new Map(), // of regions, by model, label and head
  };
}

function decodedScene(data) {
  const pixels = data.image.size[0] * data.image.size[1];
  const tables = Object.entries(data.tables).map(([name, table]) => [name, bytesOf(table)]);
  return {
    ...data,
    palette: bytesOf(data.palette),
    tables: Object.fromEntries(tables),
    labels: labelsOf(data.labels, pixels),
    predictions: data.models.map((model) => labelsOf(model.prediction, pixels)),
    stage: decodedStage(data.stage),
    borders: new Map(), // of classes, by label
  };
}

// Row and column of the patch that holds a pixel, if a grid covers a picture of this size.
function patchAt([row, column], [height, width], [rows, columns]) {
  return [Math.floor((row * rows) / height), Math.floor((column * columns) / width)];
}

// The pixel in the middle of a patch.
function centreOf([row, column], [height, width], [rows, columns]) {
  return [Math.floor(((row + 0.5) * height) / rows), Math.floor(((column + 0.5) * width) / columns)];
}

function addRow(sum, stage, map, head, query, factor) {
  const row = head * stage.count.queries + query;
  const scale = map.peaks[row] * factor;
  const start = row * stage.count.keys;
  for (let key = 0; key < sum.length; key += 1) sum[key] += scale * SHARE[map.codes[start + key]];
}

function headsOf(stage, head) {
  return head === null ? Array.from({ length: stage.heads }, (_, each) => each) : [head];
}

// What one query attends to in a model, over the keys; the mean over heads where head is null.
function attentionOf(stage, model, query, head) {
  const sum = new Float32Array(stage.count.keys);
  const heads = headsOf(stage, head);
  for (const each of heads) addRow(sum, stage, stage.maps[model], each, query, 1 / heads.length);
  return sum;
}

// Numbers of the queries that have a label.
function regionOf(stage, label) {
  const found = [];
  stage.queryLabels.forEach((each, query) => each === label && found.push(query));
  return found;
}

// The mean attention row of a region, as the loss of SATS pools it; null where no query has the label.
function relationOf(stage, model, label, head) {
  const name = `${model} ${label} ${head}`;
  if (!stage.relations.has(name)) {
    const queries = regionOf(stage, label);
    const heads = headsOf(stage, head);
    const sum = new Float32Array(stage.count.keys);
    const factor = 1 / (queries.length * heads.length);
    for (const query of queries) for (const each of heads) addRow(sum, stage, stage.maps[model], each, query, factor);
    stage.relations.set(name, queries.length ? sum : null);
  }
  return stage.relations.get(name);
}

// Part of a row that falls on keys of a label; null where no key has it.
function shareOn(stage, row, label) {
  let [sum, there] = [0, false];
  stage.keyLabels.forEach((each, key) => {
    if (each === label) [sum, there] = [sum + row[key], true];
  });
  return there ? sum : null;
}

// Half of the absolute difference of two rows: the part of the attention that has gone elsewhere.
function movedBetween(one, other) {
  return one.reduce((sum, value, key) => sum + Math.abs(value - other[key]) / 2, 0);
}

// Places of the largest values, the largest first.
function largestOf(values, count) {
  return Array.from(values.keys()).sort((a, b) => values[b] - values[a] || a - b).slice(0, count);
}
