// Pictures on two layers: below, cells or pixels in exactly the colours of their table; above, marks.

// A light line on a dark one can be seen on every colour.
const STRONG = ["#ffffff", "#000000"];
const FAINT = ["rgb(255 255 255 / 75%)", "rgb(0 0 0 / 45%)"];
const BLUE = ["#7fe0ff", "#000000"];
const CLASS_ALPHA = 0.7; // of a label map over the grey image, as in satkit.plots.style

function limited(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

function canvasOf(width, height) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  return canvas;
}

// Which of the 256 colours a value has on a scale; as matplotlib chooses it.
function shadeOf(value, low, high) {
  return Math.min(255, Math.max(0, Math.floor((256 * (value - low)) / (high - low))));
}

// A canvas with one pixel per cell, used again for every map of the same grid.
function cellsFor([rows, columns]) {
  const canvas = canvasOf(columns, rows);
  return { canvas, context: canvas.getContext("2d"), image: new ImageData(columns, rows) };
}

function fillCells(cells, values, table, [low, high]) {
  const { data } = cells.image;
  for (let cell = 0; cell < values.length; cell += 1) {
    const shade = 3 * shadeOf(values[cell], low, high);
    for (let part = 0; part < 3; part += 1) data[4 * cell + part] = table[shade + part];
    data[4 * cell + 3] = 255;
  }
  cells.context.putImageData(cells.image, 0, 0);
  return cells.canvas;
}

// A label map in colour: background and what is not annotated are left out.
function colouredOf(labels, [height, width], scene) {
  const image = new ImageData(width, height);
  labels.forEach((label, pixel) => {
    const [red, green, blue] = scene.palette.subarray(3 * label, 3 * label + 3);
    const opaque = label === scene.background || label === scene.ignore ? 0 : Math.round(255 * CLASS_ALPHA);
    image.data.set([red, green, blue, opaque], 4 * pixel);
  });
  const canvas = canvasOf(width, height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

function greyOf(picture, [height, width]) {
  const canvas = canvasOf(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0, width, height);
  const image = context.getImageData(0, 0, width, height);
  for (let place = 0; place < image.data.length; place += 4) {
    const [red, green, blue] = image.data.subarray(place, place + 3);
    image.data.fill(0.299 * red + 0.587 * green + 0.114 * blue, place, place + 3);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

// Draw pictures one over the other over the whole canvas: pairs of a picture and how opaque it is.
function layer(canvas, pictures) {
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false; // else colours would be mixed that no table has
  context.clearRect(0, 0, canvas.width, canvas.height);
  for (const [picture, opaque] of pictures) {
    context.globalAlpha = opaque;
    if (picture) context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  }
  context.globalAlpha = 1;
}

function twoLines(context, path, width, dash, [light, dark]) {
  context.setLineDash([]);
  context.lineWidth = 2.2 * width;
  context.strokeStyle = dark;
  context.stroke(path);
  context.setLineDash(dash);
  context.lineWidth = width;
  context.strokeStyle = light;
  context.stroke(path);
}

// The frame of a cell of a grid.
function frameOf(canvas, [row, column], [rows, columns]) {
  const [tall, wide] = [canvas.height / rows, canvas.width / columns];
  const path = new Path2D();
  path.rect(column * wide, row * tall, wide, tall);
  return path;
}

// Everything between the pixels of a label and its neighbours, in pixels of the label map.
function borderOf(scene, label) {
  const [[height, width], { labels, borders }] = [scene.image.size, scene];
  if (borders.has(label)) return borders.get(label);
  const path = new Path2D();
  const inside = (row, column) =>
    row >= 0 && column >= 0 && row < height && column < width && labels[row * width + column] === label;
  for (let row = 0; row < height; row += 1)
    for (let column = 0; column < width; column += 1)
      if (inside(row, column)) addEdges(path, inside, row, column);
  borders.set(label, path);
  return path;
}

function addEdges(path, inside, row, column) {
  const edge = (free, fromX, fromY, toX, toY) => {
    if (!free) return;
    path.moveTo(fromX, fromY);
    path.lineTo(toX, toY);
  };
  edge(!inside(row - 1, column), column, row, column + 1, row);
  edge(!inside(row + 1, column), column, row + 1, column + 1, row + 1);
  edge(!inside(row, column - 1), column, row, column, row + 1);
  edge(!inside(row, column + 1), column + 1, row, column + 1, row + 1);
}

function scaled(path, canvas, [height, width]) {
  const larger = new Path2D();
  larger.addPath(path, { a: canvas.width / width, d: canvas.height / height });
  return larger;
}

// The colours of a table from left to right: what a bar is made of.
function paintBar(canvas, table) {
  const image = new ImageData(256, 1);
  for (let shade = 0; shade < 256; shade += 1)
    image.data.set([...table.subarray(3 * shade, 3 * shade + 3), 255], 4 * shade);
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// What lies over a picture. Marks: borders (of labels), frames (cells of the keys), cell (one key), query, pinned (patches).
function drawMarks(canvas, scene, marks, sharpness) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  const { queries, keys } = scene.stage;
  const line = (path, width, dash = [], colours = STRONG) =>
    twoLines(context, path, width * sharpness, dash.map((each) => each * sharpness), colours);
  for (const { label, width = 0.8, dash = [], colours = FAINT } of marks.borders ?? [])
    if (label !== scene.ignore) line(scaled(borderOf(scene, label), canvas, scene.image.size), width, dash, colours);
  for (const cell of marks.frames ?? []) line(frameOf(canvas, cell, keys), 1.2, [4, 3], BLUE);
  if (marks.cell) line(frameOf(canvas, marks.cell, keys), 2);
  if (marks.pinned) line(frameOf(canvas, marks.pinned, queries), 2, [3, 3]);
  if (marks.query) line(frameOf(canvas, marks.query, queries), 2);
}
