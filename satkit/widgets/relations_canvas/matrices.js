// The matrices of the relation canvas: how much of the attention of every region falls on every other one.

// By region, the parts of its attention that fall on the regions; of a model, and of a head or the mean.
function sharesOf({ scene }, model, head) {
  const { stage } = scene;
  stage.shares = stage.shares ?? new Map();
  const name = `${model} ${head}`;
  if (!stage.shares.has(name)) {
    const row = (label) => stage.classes.map((other) => shareOn(stage, relationOf(stage, model, label, head), other) ?? 0);
    stage.shares.set(name, stage.classes.map(row));
  }
  return stage.shares.get(name);
}

// By region, what a model has gained over the first one.
function gainsOf(view, model) {
  const [before, after] = [0, model].map((each) => sharesOf(view, each, view.state.head));
  return after.map((row, line) => row.map((share, column) => share - before[line][column]));
}

// One scale for the matrices of all models, shown or not, and one for their difference.
function matrixScales(view) {
  const { scene, state } = view;
  const most = Math.max(...scene.models.flatMap((_, model) => sharesOf(view, model, state.head)).flat());
  const gains = state.compared === null ? [] : gainsOf(view, state.compared).flat();
  const half = gains.reduce((top, gain) => Math.max(top, Math.abs(gain)), scene.least * most);
  return { shares: [0, most || 1], gains: [-half || -1, half || 1] };
}

// The maps with their bars, and beside them the matrices with theirs.
function arrangeMatrices(view, parts) {
  const [both, beside] = [element("div", "satkit-both satkit-relations"), element("div", "satkit-beside")];
  const bars = element("div", "satkit-bars");
  parts.matrices = element("div", "satkit-matrices");
  parts.matrices.dataset.lmSuppressShortcuts = "true";
  parts.bars.shares = buildBar("attention");
  parts.bars.gains = buildBar(DIFFERENCE);
  bars.append(parts.bars.shares.box, parts.bars.gains.box);
  beside.append(parts.matrices, bars);
  both.append(parts.main, beside);
  listenToMatrices(view, parts.matrices);
  return both;
}

function buildMatrix(view, kind, name) {
  const { scene } = view;
  const { classes } = scene.stage;
  const [figure, table, scroll] = [element("figure", "satkit-matrix"), element("table", "satkit-cells"), element("div", "satkit-scroll")];
  const head = headRow(["region", ...classes.map(String)]);
  [...head.cells].slice(1).forEach((cell, place) => (cell.title = nameOf(scene, classes[place])));
  table.append(head);
  const buttons = classes.map((label) => {
    const row = element("tr");
    const title = element("th", "", numberedName(scene, label));
    title.scope = "row";
    const mine = classes.map((aim) => Object.assign(cellButton(""), { satkit: [label, aim] }));
    row.append(title, ...mine.map((button) => {
      const cell = element("td");
      cell.append(button);
      return cell;
    }));
    table.append(row);
    return mine;
  });
  walkByArrows(table);
  scroll.append(table);
  figure.append(element("figcaption", "", name), scroll);
  return { kind, name, figure, table, buttons };
}

// Make the matrices again for another image, stage or choice of models.
function buildMatrices(view) {
  const { stage } = view.scene;
  if (view.matrices?.stage === stage && view.matrices.built === view.built) return;
  const names = panelNames(view).slice(1);
  view.matrices = { stage, built: view.built, all: names.map(([kind, name]) => buildMatrix(view, kind, name)), filled: "" };
  view.parts.matrices.replaceChildren(...view.matrices.all.map(({ figure }) => figure));
}

function fillMatrix(view, { kind, name, buttons }, scales) {
  const { scene, state } = view;
  const different = kind === DIFFERENCE;
  const values = different ? gainsOf(view, state.compared) : sharesOf(view, kind, state.head);
  const [table, scale] = different ? [scene.tables.difference, scales.gains] : [scene.tables.attention, scales.shares];
  const text = (value) => (100 * value).toFixed(0).replace(/^-0$/, "0").replace("-", "\u2212");
  buttons.forEach((row, line) => row.forEach((button, column) => {
    const value = values[line][column];
    fillCell(button, different && Number(text(value)) > 0 ? `+${text(value)}` : text(value), table, value, scale);
    const [label, aim] = button.satkit.map((each) => nameOf(scene, each));
    button.setAttribute("aria-label", `${name}: ${label} looks at ${aim}: ${button.textContent} %`);
  }));
}

function drawMatrices(view, scales) {
  buildMatrices(view);
  const { matrices, state } = view;
  const wanted = JSON.stringify([state.head, state.compared, scales.shares, scales.gains]);
  if (matrices.filled !== wanted) for (const matrix of matrices.all) fillMatrix(view, matrix, scales);
  matrices.filled = wanted;
  sayMatrixBars(view, scales);
  const aim = aimOf(view);
  for (const { table, buttons } of matrices.all)
    buttons.forEach((row, line) => {
      const label = matrices.stage.classes[line];
      table.rows[line + 1].classList.toggle("satkit-now", label === state.region);
      table.rows[0].cells[line + 1].classList.toggle("satkit-now", label === aim);
      for (const button of row) {
        button.setAttribute("aria-pressed", label === state.pinned);
        button.classList.toggle("satkit-now", label === state.region && button.satkit[1] === aim);
      }
    });
}

function sayMatrixBars(view, scales) {
  const { shares, gains } = view.parts.bars;
  const kept = view.state.locked ? ", locked" : "";
  const texts = [0, 0.5, 1].map((part) => percentText(part * scales.shares[1]));
  sayBar(shares, `part of the row's attention that falls on the column, in %${kept}`, texts);
  gains.box.hidden = view.state.compared === null;
  const points = (value) => (100 * value).toFixed(1).replace("-", "\u2212");
  const ends = [scales.gains[0], 0, scales.gains[1]].map((value) => signed(value, points));
  sayBar(gains, `difference in points: orange has lost, purple has gained${kept}`, ends);
}

// Cells under the pointer or with the focus choose region and what it looks at; a click pins the region.
function listenToMatrices(view, box) {
  const cellOf = (event) => event.target.closest?.(".satkit-cell")?.satkit;
  const aimAt = ([region, aim]) => take(view, { region, aim });
  const away = () => {
    view.reading = null;
    change(view, { aim: null });
  };
  box.addEventListener("pointermove", (event) => {
    const cell = cellOf(event);
    if (!cell) return view.reading && away();
    view.reading = { cell, x: event.clientX, y: event.clientY };
    aimAt(cell);
  });
  box.addEventListener("pointerleave", away);
  box.addEventListener("focusin", (event) => cellOf(event) && aimAt(cellOf(event)));
  box.addEventListener("focusout", away);
  box.addEventListener("click", (event) => cellOf(event) && togglePin(view, cellOf(event)[0]));
  box.addEventListener("keydown", (event) => event.key === "Escape" && take(view, { pinned: null, aim: null }));
}
