// The confusion matrix class by class: a table of buttons, and the images behind the one that was chosen.

const MOST_SHOWN = 6; // images behind a cell
const ZOOM = 150; // pixels of a picture

// Whether a pixel of a class that is predicted as another belongs to a cell.
function inCell(cells, label, kind, truth, predicted) {
  if (truth !== label) return false;
  if (predicted === label) return kind === 0;
  return [false, cells.old.includes(predicted), predicted === 0, cells.new.includes(predicted)][kind];
}

function decodedCells(data) {
  const image = (each) => {
    const pixels = each.image.size[0] * each.image.size[1];
    const predictions = each.predictions.map((runs) => labelsOf(runs, pixels));
    return { ...each, labels: labelsOf(each.labels, pixels), predictions };
  };
  return { ...data.cells, images: data.cells.images.map(image), table: bytesOf(data.cells.table) };
}

// Images with pixels of a cell, those with most of them first: pairs of an image and a mask.
function imagesBehind(cells, model, label, kind) {
  const found = cells.images.map((image) => {
    const mask = image.labels.map((truth, at) => inCell(cells, label, kind, truth, image.predictions[model][at]));
    return { image, mask, count: mask.reduce((sum, each) => sum + each, 0) };
  });
  return found.filter(({ count }) => count).sort((one, other) => other.count - one.count).slice(0, MOST_SHOWN);
}

// The name of a class, and whether it came later or is still to come.
function markedName(cells, names, model, label) {
  if (cells.not_learnt[model].includes(label)) return `${names[label]} (not learnt yet)`;
  return names[label] + (cells.new.includes(label) ? " (new)" : "");
}

// The table of one model; `choose` gets class and kind.
function buildTable(cells, names, model, choose) {
  const table = element("table", "satkit-cells");
  table.append(headRow([`class (% of its pixels in ${cells.searched} test images)`, ...cells.kinds]));
  cells.flows[model].forEach((counts, label) => {
    const total = counts.reduce((sum, each) => sum + each, 0);
    const row = element("tr");
    const head = element("th", "", markedName(cells, names, model, label));
    head.scope = "row";
    row.append(head);
    counts.forEach((count, kind) => {
      const cell = element("td");
      const given = total && !(label === 0 && kind === 2) ? count / total : null;
      const words = `${names[label]} called ${cells.kinds[kind]}: ${given === null ? "none" : percentText(given)}`;
      const button = cellButton(words);
      fillCell(button, given === null ? null : (100 * given).toFixed(0), cells.table, given, [0, 1]);
      button.addEventListener("click", () => choose(label, kind, button));
      cell.append(button);
      row.append(cell);
    });
    table.append(row);
  });
  walkByArrows(table);
  return table;
}

async function drawBehind(common, found, model) {
  const { image, mask, count } = found;
  const [height, width] = image.image.size;
  const figure = element("figure", "satkit-behind");
  const file = new Blob([bytesOf(image.image.file)], { type: image.image.type });
  const photo = await createImageBitmap(file);
  const [scale, scene] = [ZOOM / width, { ...common, image: image.image, borders: new Map() }];
  const [left, right] = [0, 1].map(() => canvasOf(ZOOM, Math.round(height * scale)));
  layer(left, [[photo, 1]]);
  const coloured = colouredOf(image.predictions[model], image.image.size, scene);
  layer(right, [[greyOf(photo, image.image.size), 1], [coloured, 1]]);
  const border = scaled(borderOf({ ...scene, labels: mask }, 1), left, image.image.size);
  for (const canvas of [left, right]) twoLines(canvas.getContext("2d"), border, 1.2, [], STRONG);
  photo.close();
  const words = `${image.title}: ${count} of ${height} \u00d7 ${width} pixels, outlined; left the image, right the prediction`;
  figure.append(left, right, element("figcaption", "", words));
  return figure;
}

function openCells(root, data) {
  const cells = decodedCells(data);
  const { names } = data.common;
  const common = { ...data.common, palette: bytesOf(data.common.palette) };
  const [place, said, behind] = [element("div", "satkit-matrix"), element("p"), element("div", "satkit-found")];
  const models = menuOf(numbered(cells.titles));
  said.setAttribute("aria-live", "polite");
  let newest = 0;

  async function choose(label, kind, button) {
    const [model, mine] = [Number(models.value), (newest += 1)];
    place.querySelectorAll("[aria-pressed]").forEach((each) => each.removeAttribute("aria-pressed"));
    button.setAttribute("aria-pressed", "true");
    const found = imagesBehind(cells, model, label, kind);
    const counts = cells.flows[model][label];
    const share = percentText(counts[kind] / counts.reduce((sum, each) => sum + each, 0), 1);
    const called = kind === 0 ? "called rightly" : `called ${cells.kinds[kind]}`;
    const begin = `${names[label]}, ${called} (${cells.titles[model]}): ${share} of its pixels in ${cells.searched} test images`;
    const none = `none of the ${cells.images.length} images that this page keeps shows such pixels`;
    said.textContent = `${begin}; ${found.length ? `the images that show most of them, of ${cells.images.length} that this page keeps:` : none}`;
    const figures = await Promise.all(found.map((each) => drawBehind(common, each, model)));
    if (mine === newest) behind.replaceChildren(...figures);
  }

  function fill() {
    newest += 1;
    place.replaceChildren(buildTable(cells, names, Number(models.value), choose));
    said.textContent = "Choose a cell to see the images behind it.";
    behind.replaceChildren();
  }

  models.value = Math.min(1, cells.titles.length - 1);
  models.addEventListener("change", fill);
  const beside = element("div", "satkit-beside");
  beside.append(said, behind);
  const both = element("div", "satkit-both");
  both.append(place, beside);
  root.classList.add("satkit-attention");
  root.append(labelled("model", models), both);
  fill();
}
