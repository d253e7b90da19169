// The parts of the canvas on the page: options, rows of panels, colour bars, lines of text, the note at the pointer.

const NARROWEST = 112; // pixels of a panel while all of a row stand side by side
const COMFORTABLE = 150; // pixels of a panel where a row has to be broken
const DIFFERENCE = "difference";

function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

function labelled(text, control) {
  const label = element("label", "satkit-option");
  label.append(element("span", "", text), control);
  return label;
}

function menuOf(choices) {
  const menu = element("select");
  for (const [value, text] of choices) {
    const choice = element("option", "", text);
    choice.value = value;
    menu.append(choice);
  }
  return menu;
}

function inputOf(type, settings = {}) {
  return Object.assign(element("input"), { type, ...settings });
}

// The controls that only change how things are drawn; each has its value under the name that the state has for it.
function buildOptions(view) {
  const options = {
    picture: menuOf([]),
    frames: menuOf([[0, "none"], [1, "1"], [3, "3"], [5, "5"], [10, "10"]]),
    through: inputOf("range", { min: 0, max: 100, step: 5, value: 0 }),
    locked: inputOf("checkbox"),
  };
  for (const name of Object.keys(KIND.more)) options[name] = inputOf("checkbox", { checked: view.state[name] });
  const bar = element("div", "satkit-options");
  bar.append(
    labelled("picture", options.picture),
    labelled("frame top keys", options.frames),
    labelled("image through maps", options.through),
    labelled("lock scale", options.locked),
    ...Object.entries(KIND.more).map(([name, text]) => labelled(text, options[name])),
  );
  return { bar, options };
}

// The element that takes keys and the pointer; JupyterLab would take "Enter" and the arrows for itself.
function keyFrame() {
  const frame = element("div", "satkit-canvas");
  frame.tabIndex = 0;
  frame.dataset.testid = "satkit-picture";
  frame.dataset.lmSuppressShortcuts = "true";
  frame.setAttribute("role", "application");
  return frame;
}

// The note at the pointer, the line of text, what went wrong, and what is read aloud.
function textParts() {
  const names = { tip: "satkit-tip", line: "satkit-line", trouble: "satkit-trouble", spoken: "satkit-spoken" };
  const parts = Object.fromEntries(Object.entries(names).map(([name, type]) => [name, element("div", type)]));
  parts.tip.hidden = true;
  parts.tip.setAttribute("aria-hidden", "true"); // the line says the same
  parts.line.dataset.testid = "satkit-line";
  parts.trouble.setAttribute("role", "alert");
  parts.spoken.dataset.testid = "satkit-spoken";
  parts.spoken.setAttribute("role", "status");
  parts.spoken.setAttribute("aria-live", "polite");
  return parts;
}

// Two canvases one over the other: the picture, and the marks on it.
function layered() {
  const [box, map, marks] = [element("div", "satkit-box"), canvasOf(1, 1), canvasOf(1, 1)];
  box.append(map, marks);
  return { box, map, marks };
}

// As many pixels in both as the screen has there.
function fitLayered({ sharpness }, { box, map, marks }) {
  const size = [box.clientWidth, box.clientHeight].map((side) => Math.max(1, Math.round(side * sharpness)));
  for (const canvas of [map, marks])
    if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
}

// Put the note at a place of the screen: above it where there is room, else below, and never outside.
function placeTip(tip, within, left, below, above = -Infinity) {
  const [frame, note] = [within, tip].map((each) => each.getBoundingClientRect());
  tip.style.left = `${Math.max(0, Math.min(left - frame.left, frame.width - note.width - 2))}px`;
  tip.style.top = `${(above < frame.top ? below : above) - frame.top}px`;
}

function buildParts(view) {
  const { bar, options } = buildOptions(view);
  const parts = { options, rows: {}, bars: {}, frame: keyFrame(), ...textParts() };
  for (const name of KIND.rows) {
    const row = element("div", "satkit-row");
    parts.rows[name] = { box: row, title: element("p", "satkit-title"), grid: element("div", "satkit-grid") };
    row.append(parts.rows[name].title, parts.rows[name].grid);
    parts.frame.append(row);
  }
  const bars = element("div", "satkit-bars");
  for (const name of ["attention", DIFFERENCE]) bars.append((parts.bars[name] = buildBar(name)).box);
  parts.main = element("div", "satkit-main");
  parts.main.append(parts.frame, bars);
  parts.within = KIND.arrange?.(view, parts) ?? parts.main;
  parts.within.append(parts.tip);
  view.root.classList.add("satkit-attention");
  const [hint, keys] = [KIND.hint, KIND.keys].map((text) => element("p", "satkit-hint", text));
  view.root.append(hint, bar, parts.within, parts.line, parts.trouble, keys, parts.spoken);
  return parts;
}

// A colour bar; table is the name of its table of colours.
function buildBar(table) {
  const box = element("div", "satkit-bar");
  const [title, canvas, ticks] = [element("p", "satkit-title"), canvasOf(256, 1), element("div", "satkit-ticks")];
  for (let each = 0; each < 3; each += 1) ticks.append(element("span"));
  box.append(title, canvas, ticks);
  return { table, box, title, canvas, ticks };
}

// A panel: kind is "image", the number of a model, or "difference".
function buildPanel(kind, name, row) {
  const figure = element("figure", "satkit-panel");
  const [caption, picture] = [element("figcaption", "", name), layered()];
  [figure.dataset.kind, figure.dataset.row] = [kind, row];
  figure.append(caption, picture.box);
  return { kind, name, row, figure, caption, cells: null, ...picture };
}

function panelNames(view) {
  const { models } = view.scene;
  const { shown, compared } = view.state;
  const named = [["image", ""], ...shown.map((model) => [model, models[model].name])];
  const change = compared === null ? "" : `${models[compared].name} \u2212 ${models[0].name}`;
  return compared === null ? named : [...named, [DIFFERENCE, change]];
}

// Make the panels again if others are asked for.
function buildPanels(view) {
  const names = panelNames(view);
  const wanted = JSON.stringify(names);
  if (wanted === view.built) return;
  view.built = wanted;
  view.panels = KIND.rows.flatMap((row) => names.map(([kind, name]) => buildPanel(kind, name, row)));
  for (const row of KIND.rows) {
    const mine = view.panels.filter((panel) => panel.row === row);
    view.parts.rows[row].grid.replaceChildren(...mine.map((panel) => panel.figure));
  }
  fitPanels(view);
}

function columnsFor(width, count) {
  if (width / count >= NARROWEST) return count;
  const lines = Math.ceil(count / Math.max(2, Math.floor(width / COMFORTABLE)));
  return Math.ceil(count / lines);
}

// As many panels side by side as can be read, and as many pixels in each canvas as the screen has there.
function fitPanels(view) {
  const [width, count] = [view.parts.frame.clientWidth, view.panels.length / KIND.rows.length];
  if (!width) return;
  view.parts.frame.style.setProperty("--columns", columnsFor(width, count));
  const [high, wide] = view.scene.image.size;
  view.sharpness = window.devicePixelRatio || 1;
  for (const panel of view.panels) panel.box.style.aspectRatio = `${wide} / ${high}`;
  const box = view.panels[0].box.getBoundingClientRect();
  const size = [box.width, (box.width * high) / wide].map((side) => Math.max(1, Math.round(side * view.sharpness)));
  for (const { map, marks } of view.panels)
    for (const canvas of [map, marks])
      if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
}

function fillPictureMenu(view) {
  const { picture } = view.parts.options;
  const predictions = view.scene.models.map(({ name }, model) => [String(model), `prediction of ${name}`]);
  const choices = menuOf([["photo", "image"], ["labels", "ground truth"], ...predictions]);
  picture.replaceChildren(...choices.children);
  if (![...picture.options].some((option) => option.value === view.state.picture)) view.state.picture = "photo";
  picture.value = view.state.picture;
}
