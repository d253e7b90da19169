// What the models answer: label maps with names in them, the attention of a patch, and words about the chosen object.

const MOST_RELATIONS = 4; // classes named below an attention map

function decodedAnswer(answer, size) {
  const maps = answer.predictions.map((runs) => labelsOf(runs, size * size));
  return {
    ...answer,
    picture: pictureOf(bytesOf(answer.image), size),
    labels: labelsOf(answer.labels, size * size),
    predictions: maps,
    stage: decodedStage(answer.stage),
    regions: maps.map((map) => regionsIn(map, [size, size])),
  };
}

function drawPrediction(view, canvas, model) {
  const { answer, kit, size } = view;
  const scene = { ...kit, labels: answer.predictions[model] };
  answer.grey = answer.grey ?? greyOf(answer.picture, [size, size]);
  layer(canvas, [[answer.grey, 1], [colouredOf(answer.predictions[model], [size, size], scene), 1]]);
  const names = answer.regions[model].map(({ label, pixel }) => [nameOf(kit, label), pixel]);
  writeNames(canvas, names, [size, size], view.sharpness);
  drawQuery(view, canvas, 1.2);
}

// The attention of the patch in every model, on one scale that begins at 0.
function drawMaps(view) {
  const { answer, parts } = view;
  const { stage } = answer;
  const [row, column] = patchAt(queryPixel(view), [view.size, view.size], stage.queries);
  const maps = parts.models.map((_, model) => attentionOf(stage, model, row * stage.queries[1] + column, null));
  const most = maps.reduce((top, map) => map.reduce((a, b) => Math.max(a, b), top), 0) || 1;
  parts.models.forEach(({ attention }, model) => {
    const cells = cellsFor(stage.keys);
    layer(attention.map, [[fillCells(cells, maps[model], view.kit.tables.attention, [0, most]), 1]]);
    const context = attention.marks.getContext("2d");
    context.clearRect(0, 0, attention.marks.width, attention.marks.height);
    drawQuery(view, attention.marks, 1.2);
  });
  const numbers = [0, most / 2, most];
  numbers.forEach((value, place) => {
    parts.bar.ticks.children[place].textContent = value ? `${weightText(value)} = ${timesText(value, stage)}` : "0";
  });
  const query = `patch ${row}, ${column} of ${stage.queries[0]} \u00d7 ${stage.queries[1]} in ${stage.name}`;
  parts.bar.title.textContent = `attention of ${query}, mean over heads; one scale for all models`;
}

// What a model calls an object, how surely, and how well it finds it.
function calledWords(view, object, model) {
  const answer = object?.answers[model];
  if (!answer) return "nothing of it can be seen";
  const known = object.label < view.kit.models[model].outputs;
  const iou = known ? `IoU ${answer.iou.toFixed(2)}` : `${nameOf(view.kit, object.label)} is none of its classes`;
  const share = answer.share > 0.995 ? "" : ` on ${percentText(answer.share)} of it`;
  return `calls it ${nameOf(view.kit, answer.called)}${share}, probability ${answer.probability.toFixed(2)}; ${iou}`;
}

function relationWords(view, object, model) {
  const relation = object?.relations[model];
  if (!relation) return `no patch of ${view.answer.stage.name} has its class`;
  const rest = 1 - relation.reduce((sum, [, share]) => sum + share, 0);
  const shares = [...relation, [view.kit.ignore, rest]].filter(([, share]) => share >= 0.005).slice(0, MOST_RELATIONS);
  return shares.map(([label, share]) => `${nameOf(view.kit, label)} ${percentText(share)}`).join(", ");
}

function titleOfObject(view) {
  const { objects } = view.history.now;
  if (view.selected === null) return `No object is chosen; there are ${objects.length}. Click one, or press Tab.`;
  const { shape, fill } = objects[view.selected];
  const name = view.kit.classes.find((each) => each.shape === shape && each.fill === fill).name;
  return `Object ${view.selected + 1} of ${objects.length}: ${name}`;
}

// What is under the pointer, or at the chosen object: ground truth, and what each model calls it.
function lineOf(view) {
  const { answer, kit } = view;
  const pixel = queryPixel(view);
  const at = (labels) => nameOf(kit, labels[pixel[0] * view.size + pixel[1]]);
  const models = kit.models.map(({ name }, model) => `${name}: ${at(answer.predictions[model])}`);
  return [`row ${pixel[0]}, column ${pixel[1]}`, `ground truth: ${at(answer.labels)}`, ...models].join(DOT);
}

function drawAnswer(view) {
  const { answer, parts, selected } = view;
  const object = selected === null ? null : answer.objects[selected];
  parts.models.forEach((model, number) => {
    drawPrediction(view, model.prediction.map, number);
    model.called.textContent = selected === null ? "" : calledWords(view, object, number);
    model.relation.textContent = selected === null ? "" : `its region attends to: ${relationWords(view, object, number)}`;
  });
  drawMaps(view);
}

// The chosen object and what every model makes of it, to be read aloud.
function spokenWords(view) {
  const title = titleOfObject(view);
  if (view.selected === null || !view.answer) return title;
  const { row, column, radius } = view.history.now.objects[view.selected];
  const [line, place, reach] = [row, column, radius].map((part) => Math.floor(part * view.size));
  const object = view.answer.objects[view.selected];
  const models = view.kit.models.map(({ name }, model) => {
    const relation = relationWords(view, object, model);
    return `${name} ${calledWords(view, object, model)}; its region attends to ${relation}`;
  });
  return `${title}, row ${line}, column ${place}, radius ${reach} pixels. ${models.join(". ")}.`;
}
