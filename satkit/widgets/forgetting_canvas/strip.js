// One image, its ground truth, and what it was predicted as after the step before and after this one.

const PICTURES = ["image", "truth", "before", "now"];

function buildPicture(kind) {
  const [figure, caption, picture] = [element("figure", "satkit-panel"), element("figcaption"), layered()];
  figure.dataset.kind = kind;
  figure.append(caption, picture.box);
  return { kind, figure, caption, ...picture };
}

// A label map of the image with what is made of it once: its colours, borders and named regions.
function mapOf(view, runs) {
  const { size } = view.image;
  const labels = labelsOf(runs, size[0] * size[1]);
  return {
    image: { size },
    labels,
    borders: new Map(),
    cells: new Map(),
    coloured: colouredOf(labels, size, view.scores),
    regions: regionsIn(labels, size, [view.scores.ignore]),
  };
}

// Take another image; its photograph comes when it is decoded.
async function takeImage(view, shown) {
  view.image?.photo?.close();
  const image = (view.image = { number: shown.number, size: shown.image.size, photo: null, grey: null, steps: {} });
  image.truth = mapOf(view, shown.labels);
  for (const { box } of view.parts.strip) box.style.aspectRatio = `${image.size[1]} / ${image.size[0]}`;
  const photo = await createImageBitmap(new Blob([bytesOf(shown.image.file)], { type: shown.image.type }));
  if (view.image !== image || view.closed) return photo.close();
  [image.photo, image.grey] = [photo, greyOf(photo, image.size)];
  schedule(view);
}

// Take the predictions for the image that are new; those for another image are not its own.
function takePredictions(view, predictions) {
  if (predictions.number !== view.image?.number) return;
  for (const [step, runs] of Object.entries(predictions.steps))
    view.image.steps[step] = view.image.steps[step] ?? mapOf(view, runs);
}

// The label map that a picture shows; undefined where it was not sent yet, null where there is none.
function mapIn({ image, state }, kind) {
  if (kind === "truth") return image.truth;
  if (kind === "image" || (kind === "before" && state.step === 0)) return null;
  return image.steps[kind === "now" ? state.step : state.step - 1];
}

function captionOf({ state, image }, kind) {
  if (kind === "image") return `image ${image.number}`;
  if (kind === "truth") return "ground truth";
  return kind === "now" ? `after step ${state.step}` : `after step ${state.step - 1}`;
}

// The border of the pixels of a class that are called another after the step.
function cellBorder(view, [label, called]) {
  const now = mapIn(view, "now");
  const name = `${label} ${called}`;
  if (!now.cells.has(name)) {
    const { labels } = view.image.truth;
    const mask = Uint8Array.from(now.labels, (each, at) => each === called && labels[at] === label);
    now.cells.set(name, borderOf({ image: now.image, labels: mask, borders: new Map() }, 1));
  }
  return now.cells.get(name);
}

function drawPicture(view, { kind, figure, caption, map, marks }, label, cell) {
  const { image, scores, state, sharpness } = view;
  const found = mapIn(view, kind);
  figure.hidden = kind === "before" && state.step === 0;
  if (figure.hidden) return;
  caption.textContent = captionOf(view, kind) + (found === undefined ? " \u2026" : "");
  if (kind === "image") layer(map, [[image.photo, 1]]);
  else layer(map, found ? [[image.grey, 1], [found.coloured, 1]] : []);
  const context = marks.getContext("2d");
  context.clearRect(0, 0, marks.width, marks.height);
  const line = (path, width, dash, colours) =>
    twoLines(context, scaled(path, marks, image.size), width * sharpness, dash.map((each) => each * sharpness), colours);
  const outlined = kind === "image" ? image.truth : found;
  if (outlined) line(borderOf(outlined, label), 1.4, [], STRONG);
  if (cell && kind !== "before" && mapIn(view, "now")) line(cellBorder(view, cell), 1.6, [3, 2], BLUE);
  if (found && state.named)
    writeNames(marks, found.regions.map(({ label: each, pixel }) => [nameOf(scores, each), pixel]), image.size, sharpness);
}

// The pixel under the pointer, and what it is in the ground truth and after the steps.
function labelsUnder(view, picture, event) {
  const box = picture.box.getBoundingClientRect();
  const [height, width] = view.image.size;
  const row = Math.floor(limited((event.clientY - box.top) / box.height, 0, 1 - 1e-9) * height);
  const column = Math.floor(limited((event.clientX - box.left) / box.width, 0, 1 - 1e-9) * width);
  const found = PICTURES.slice(1).map((kind) => [kind, mapIn(view, kind)?.labels[row * width + column]]);
  return Object.fromEntries(found.filter(([, label]) => label !== undefined));
}
