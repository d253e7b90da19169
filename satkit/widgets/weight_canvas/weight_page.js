// The weight that one drags in a page: charts of all worlds, and what the models predict at the chosen weight.

const SHOWN_SIDE = 260; // pixels of a drawn picture, more than are shown, so that numbers are sharp
const SMALLEST_PART = 0.012; // of an image, below which a class gets no number

function scoreText({ means, widths }, place) {
  const width = widths[place] === null ? "" : ` \u00b1 ${(100 * widths[place]).toFixed(1)}`;
  return `${(100 * means[place]).toFixed(1)}${width}`;
}

function worldText({ name, curves }, place) {
  const scores = GROUPS.map((group) => `${group} ${scoreText(curves[group], place)}`);
  return `${name} world: ${scores.join(", ")}, drift ${curves.drift.means[place].toFixed(3)}`;
}

// Labels of a map that are classes, ascending.
function classesIn(labels, scene) {
  return [...new Set(labels)].filter((each) => each !== scene.background && each !== scene.ignore).sort((a, b) => a - b);
}

// The pixel of a class that is nearest to the middle of all of them.
function middleOf(labels, label, width) {
  const places = [...labels.keys()].filter((at) => labels[at] === label).map((at) => [at % width, Math.floor(at / width)]);
  const mean = [0, 1].map((axis) => places.reduce((sum, each) => sum + each[axis], 0) / places.length);
  const away = ([x, y]) => Math.hypot(x - mean[0], y - mean[1]);
  return { size: places.length, at: places.reduce((best, each) => (away(each) < away(best) ? each : best)) };
}

function drawNumbers(canvas, labels, width, scene) {
  const context = canvas.getContext("2d");
  const scale = canvas.width / width;
  Object.assign(context, { font: "bold 26px system-ui, sans-serif", textAlign: "center", textBaseline: "middle" });
  Object.assign(context, { lineWidth: 5, strokeStyle: "#000000", fillStyle: "#ffffff", lineJoin: "round" });
  for (const label of classesIn(labels, scene)) {
    const { size, at } = middleOf(labels, label, width);
    if (size < SMALLEST_PART * labels.length) continue;
    const place = at.map((each) => (each + 0.5) * scale);
    context.strokeText(label, ...place);
    context.fillText(label, ...place);
  }
}

// A label map in colour over its grey image, with numbers, and its classes in words.
function paintLabels(canvas, image, labels, scene, what) {
  layer(canvas, [[image.grey, 1], [colouredOf(labels, image.size, scene), 1]]);
  drawNumbers(canvas, labels, image.size[1], scene);
  const found = classesIn(labels, scene).map((label) => scene.names[label]);
  canvas.setAttribute("aria-label", `${what}: ${found.join(", ") || "background only"}`);
}

function labelCanvas(size) {
  const canvas = canvasOf(SHOWN_SIDE, Math.round((SHOWN_SIDE * size[0]) / size[1]));
  canvas.setAttribute("role", "img");
  return canvas;
}

// Ground truth and prediction of the test images of a world; `show` draws those of a weight.
function buildExamples(world, weights, scene) {
  const box = element("div", "satkit-examples");
  box.style.setProperty("--columns", world.images.length);
  const heads = [element("p", "", "ground truth"), element("p")];
  const images = world.images.map(({ image, labels, predictions }) => {
    const decode = (runs) => labelsOf(runs, image.size[0] * image.size[1]);
    const canvases = [labelCanvas(image.size), labelCanvas(image.size)];
    return { image, size: image.size, truth: decode(labels), predictions: predictions.map(decode), canvases };
  });
  box.append(heads[0], ...images.map(({ canvases }) => canvases[0]), heads[1], ...images.map(({ canvases }) => canvases[1]));
  let place = 0;
  const paint = () => {
    heads[1].textContent = `prediction, weight ${weights[place]}`;
    for (const each of images.filter(({ grey }) => grey)) {
      paintLabels(each.canvases[0], each, each.truth, scene, "ground truth");
      paintLabels(each.canvases[1], each, each.predictions[place], scene, `prediction at weight ${weights[place]}`);
    }
  };
  Promise.all(images.map(async (each) => {
    const photo = await createImageBitmap(new Blob([bytesOf(each.image.file)], { type: each.image.type }));
    each.grey = greyOf(photo, each.size);
    photo.close();
  })).then(paint);
  const all = images.flatMap(({ truth, predictions }) => [truth, ...predictions].flatMap((each) => classesIn(each, scene)));
  const kind = (label) => `${label} ${scene.names[label]} (${scene.old.includes(label) ? "old" : "new"})`;
  const names = [...new Set(all)].sort((a, b) => a - b).map(kind).join(DOT);
  return { box, names: element("p", "satkit-hint", names), show: (chosen) => ((place = chosen), paint()) };
}

function legendOf(space, looks, seeds) {
  const legend = element("p", "satkit-legend");
  for (const name of GROUPS) {
    const sign = drawn(space, "svg", { viewBox: "0 0 14 14", class: "satkit-sign", "aria-hidden": "true" });
    const group = drawn(space, "g", { class: `satkit-mark satkit-mark-${name}` });
    group.append(drawn(space, "path", { d: markPath(looks[name].marker, 7, 7), class: "satkit-point" }));
    sign.append(group);
    const entry = element("span");
    entry.append(sign, ` ${name} classes`);
    legend.append(entry);
  }
  legend.append(element("span", "", seeds > 1 ? `bars: 95 % interval over ${seeds} seeds` : "one seed: no intervals"));
  return legend;
}

// The slider, with the weights as its steps.
function buildSlider({ weights, first }) {
  const [input, said] = [inputOf("range", { min: 0, max: weights.length - 1, step: 1, value: first }), element("output")];
  const label = labelled("weight of attention transfer", input);
  label.classList.add("satkit-slider");
  label.append(said);
  return { input, said, label };
}

function openWeights(root, data) {
  const given = data.weights;
  const space = root.querySelector("svg").namespaceURI; // of the page's own element: an address is no request
  const scene = { ...data.common, names: given.names, old: given.old, palette: bytesOf(data.common.palette) };
  const slider = buildSlider(given);
  const high = largestDrift(given.worlds);
  const columns = element("div", "satkit-worlds");
  columns.style.setProperty("--worlds", given.worlds.length);
  const line = element("p", "satkit-line");
  line.setAttribute("aria-live", "polite");
  const parts = given.worlds.map((world) => {
    const chart = buildChart(space, given, world, given.looks, high);
    const examples = buildExamples(world, given.weights, scene);
    const column = element("section");
    column.setAttribute("aria-label", `${world.name} world`);
    column.append(element("h3", "", `${world.name} world`), chart.svg, examples.box, examples.names);
    columns.append(column);
    return { world, chart, examples };
  });

  function show() {
    const place = Number(slider.input.value);
    const [weight, paper] = [given.weights[place], given.weights[place] === given.paper ? " (that of the paper)" : ""];
    const words = weight ? `${weight}${paper}` : "0 (without the term)";
    slider.said.textContent = words;
    slider.input.setAttribute("aria-valuetext", `weight ${words}`);
    for (const { world, chart, examples } of parts) {
      chart.mark(place);
      chart.svg.setAttribute("aria-label", `Scores in percent by weight. ${given.weights
        .map((each, at) => `Weight ${each}: ${worldText(world, at)}`).join(". ")}.`);
      examples.show(place);
    }
    line.textContent = [`weight ${words}`, ...given.worlds.map((world) => worldText(world, place))].join(DOT);
  }

  slider.input.addEventListener("input", show);
  root.classList.add("satkit-attention", "satkit-weights");
  root.replaceChildren(slider.label, line, legendOf(space, given.looks, given.seeds), columns);
  show();
}
