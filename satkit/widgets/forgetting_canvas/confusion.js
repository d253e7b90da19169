// The confusion matrix after a step: rows are classes, columns what their pixels are called, colours parts of a row.

const ROW_HEIGHT = 16; // pixels
const NUMBER_WIDTH = 15; // pixels of the number of a column
const CELL_LINE = [2, 2];

// Classes that have a row and a column after a step.
function rowsAfter({ scores }, step) {
  return scores.rows.filter((label) => label < scores.confusions[step].classes);
}

// Pixels of a class that are called another after a step, and all pixels of the class; null where there is neither.
function countOf({ scores }, step, [label, called]) {
  const { classes, counts } = scores.confusions[step];
  if (label >= classes || called >= classes) return null;
  const row = counts.subarray(label * classes, (label + 1) * classes);
  return { count: row[called], total: row.reduce((sum, each) => sum + each, 0) };
}

function shareOfCell(view, step, cell) {
  const found = countOf(view, step, cell);
  return found?.total ? found.count / found.total : 0;
}

function buildConfusion() {
  const figure = element("figure", "satkit-confusion");
  const [title, rows, columns] = [element("figcaption"), element("div", "satkit-rows"), element("div", "satkit-columns")];
  const cells = layered();
  const grid = element("div", "satkit-crossed");
  grid.append(columns, rows, cells.box);
  figure.append(title, grid);
  return { figure, title, rows, columns, ...cells, filled: null };
}

// The cells of a step, and the names of its rows and columns; they stay while the hand moves.
function fillConfusion(view) {
  const { confusion } = view.parts;
  const { step } = view.state;
  if (confusion.filled === step) return;
  const labels = rowsAfter(view, step);
  confusion.filled = step;
  confusion.labels = labels;
  confusion.box.style.height = `${ROW_HEIGHT * labels.length}px`;
  const isNew = (label) => label !== view.scores.background && view.scores.learnt_at[label] > 0;
  const name = (label) => element("div", "", numberedName(view.scores, label) + (isNew(label) ? " (new)" : ""));
  confusion.rows.replaceChildren(...labels.map(name));
  confusion.columns.replaceChildren(...labels.map((label) => element("div", "", String(label))));
  for (const box of [confusion.rows, confusion.columns]) box.style.setProperty("--count", labels.length);
  const values = labels.flatMap((label) => labels.map((called) => shareOfCell(view, step, [label, called])));
  const side = [labels.length, labels.length];
  confusion.cells = fillCells(cellsFor(side), values, view.scores.tables.share, [0, 1]);
  confusion.title.textContent = `after step ${step}: rows are classes, columns what their pixels are called`;
  fitConfusion(view);
}

// The cells in the size that there is, and as many numbers of columns as can be read.
function fitConfusion(view) {
  const { confusion } = view.parts;
  fitLayered(view, confusion);
  if (!confusion.cells) return;
  layer(confusion.map, [[confusion.cells, 1]]);
  const every = Math.max(1, Math.ceil((NUMBER_WIDTH * confusion.labels.length) / (confusion.box.clientWidth || 1)));
  [...confusion.columns.children].forEach((each, place) => each.classList.toggle("satkit-skipped", place % every > 0));
}

// Row and column of a class framed, and the cells that are read and pinned.
function drawConfusionMarks(view, label, cell) {
  const { confusion } = view.parts;
  const { labels, marks } = confusion;
  const context = marks.getContext("2d");
  const grid = [labels.length, labels.length];
  const place = labels.indexOf(label);
  const [tall, wide] = [marks.height / labels.length, marks.width / labels.length];
  context.clearRect(0, 0, marks.width, marks.height);
  if (place >= 0) {
    const path = new Path2D();
    path.rect(0, place * tall, marks.width, tall);
    path.rect(place * wide, 0, wide, marks.height);
    twoLines(context, path, view.sharpness, [], STRONG);
  }
  const frame = (each, dash, colours) => {
    const where = each?.map((one) => labels.indexOf(one));
    if (where && Math.min(...where) >= 0)
      twoLines(context, frameOf(marks, where, grid), 2 * view.sharpness, dash.map((one) => one * view.sharpness), colours);
  };
  frame(view.state.pinned, CELL_LINE, STRONG);
  frame(cell, [], BLUE);
  [...confusion.rows.children].forEach((row, number) => row.classList.toggle("satkit-now", number === place));
  const column = cell ? labels.indexOf(cell[1]) : place;
  [...confusion.columns.children].forEach((each, number) => each.classList.toggle("satkit-now", number === column));
}

// The cell under the pointer: class, and what it is called.
function cellUnder(view, event) {
  const { box, labels } = view.parts.confusion;
  const place = box.getBoundingClientRect();
  const at = (part) => labels[Math.floor(limited(part, 0, 1 - 1e-9) * labels.length)];
  return [at((event.clientY - place.top) / place.height), at((event.clientX - place.left) / place.width)];
}
