// What the canvas of the feature explorer says: titles, the line of text, and the note at the pointer.

const NEAREST = 10; // most similar places that the line counts

function cosineText(value) {
  return value.toFixed(2).replace("-", "\u2212");
}

function rowTitle(view, image) {
  const { scene, state, stage, now } = view;
  const begin = `image ${scene.images[image].number}`;
  if (image !== state.asked) return `${begin}, the other image`;
  const [row, column] = now.cell;
  const held = state.held ? ", held" : "";
  const map = `${stage.grids[image].join(" \u00d7 ")} in ${stage.layer}`;
  return `${begin}${DOT}the place is ${row}, ${column} of ${map}: ${nameOf(scene, now.label)}${held}`;
}

// Of which class the most similar places of the other image are, model by model.
function featureLine(view) {
  const { scene, state, stage, now } = view;
  const other = 1 - state.asked;
  const called = nameOf(scene, now.label);
  const [row, column] = state.pixel;
  const begin = [`image ${scene.images[state.asked].number}, row ${row}, column ${column}`, `ground truth: ${called}`];
  const counts = stage.models.map(({ name }, model) => {
    const nearest = largestOf(now.alike[model][other], NEAREST);
    return `${name} ${nearest.filter((place) => nameOf(scene, stage.labels[other][place]) === called).length}`;
  });
  const places = Math.min(NEAREST, stage.labels[other].length);
  const where = `of the ${places} most similar places of image ${scene.images[other].number}`;
  return [...begin, `${where} are ${called}: ${counts.join(", ")}`].join(DOT);
}

// What is under the pointer: its class, and over a map how similar it is.
function featureNote(view) {
  const { scene, stage, reading, now } = view;
  const image = scene.images[reading.image];
  const name = nameOf(scene, labelAt({ image }, image.labels, reading.pixel));
  if (reading.model === null) return [name];
  const grid = stage.grids[reading.image];
  const [row, column] = patchAt(reading.pixel, image.size, grid);
  const cosine = now.alike[reading.model][reading.image][row * grid[1] + column];
  return [name, `place ${row}, ${column}`, `cosine ${cosineText(cosine)} with the chosen place`];
}
