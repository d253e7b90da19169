// The parts of the playground on the page: scene, buttons, classes to add, file, and a column of answers per model.

const PLAY_HINT =
  "Drag an object; its round handle turns it, its square one resizes it. The answers are for the picture as it is now. " +
  "Move over any picture: what is there, and what its patch attends to.";
const PLAY_KEYS =
  "Keys, once the scene has the focus: Tab next object, arrows move (with Shift four pixels), [ and ] or , and . turn, " +
  "+ and \u2212 resize, C colour, S stripes, F front, B back, Delete, Escape; Ctrl+Z undoes, Ctrl+Y redoes.";
const BUTTONS = [
  ["turn left", "turned", -1], ["turn right", "turned", 1], ["smaller", "sized", -1], ["larger", "sized", 1],
  ["to front", "front"], ["to back", "back"], ["stripes on or off", "striped"], ["delete", "deleted"],
];
const STEPS = [["undo", "undo"], ["redo", "redo"], ["reset", "reset"]];
const THUMB = 26; // pixels of a class to add

function buttonOf(text) {
  const button = element("button", "satkit-button", text);
  button.type = "button";
  return button;
}

function squared() {
  const parts = layered();
  parts.box.style.aspectRatio = "1";
  return parts;
}

// A small picture of each class; a click adds an object of it.
function buildPalette(view) {
  const palette = element("div", "satkit-palette");
  palette.setAttribute("role", "toolbar");
  palette.setAttribute("aria-label", "add an object of a class; arrow keys go from class to class");
  view.kit.classes.forEach((each, number) => {
    const button = element("button", "satkit-add");
    const empty = new Uint8Array(3 * THUMB * THUMB).fill(236);
    const object = { row: 0.5, column: 0.5, radius: 0.4, turn: 0, fill_turn: 0.3, fill_shift: 0, ...each };
    const scene = { size: THUMB, objects: [{ ...object, colour: [0.12, 0.25, 0.45] }] };
    button.type = "button";
    button.tabIndex = number ? -1 : 0;
    button.title = `add ${each.name}`;
    button.setAttribute("aria-label", button.title);
    button.append(pictureOf(paintedScene(scene, empty, view.kit), THUMB));
    palette.append(button);
  });
  return palette;
}

function buildTools(view, parts) {
  const tools = element("div", "satkit-tools");
  const group = (name, buttons) => {
    const box = element("div", "satkit-group");
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", name);
    box.append(...buttons);
    tools.append(box);
  };
  parts.steps = Object.fromEntries(STEPS.map(([text, name]) => [name, buttonOf(text)]));
  parts.buttons = BUTTONS.map(([text, name, value]) => ({ button: buttonOf(text), name, value }));
  parts.colour = inputOf("color");
  parts.palette = buildPalette(view);
  parts.file = inputOf("text", { value: "scene.json", spellcheck: false });
  [parts.save, parts.load] = [buttonOf("save"), buttonOf("load")];
  group("steps", Object.values(parts.steps));
  group("the chosen object", [...parts.buttons.map(({ button }) => button), labelled("colour", parts.colour)]);
  tools.append(element("p", "satkit-title", "Add an object:"), parts.palette);
  group("file in the notebook's folder", [labelled("file", parts.file), parts.save, parts.load]);
  parts.note = element("p", "satkit-title");
  parts.note.setAttribute("role", "status");
  tools.append(parts.note);
  return tools;
}

function buildModel(name) {
  const figure = element("figure", "satkit-panel satkit-model");
  const [prediction, attention] = [squared(), squared()];
  const [called, relation] = [element("p", "satkit-said"), element("p", "satkit-said")];
  const [first, second] = [element("figcaption", "satkit-name", name), element("p", "satkit-title", "attention")];
  [prediction.box.dataset.kind, attention.box.dataset.kind] = ["prediction", "attention"];
  figure.append(first, prediction.box, called, second, attention.box, relation);
  return { figure, prediction, attention, called, relation };
}

function buildFrame(parts) {
  const frame = keyFrame();
  frame.classList.add("satkit-scene");
  const { box, map, marks } = squared();
  Object.assign(parts, { frame, box, picture: map, marks });
  frame.append(box);
  return frame;
}

function buildPlayParts(view) {
  const parts = textParts();
  const [both, left, right] = [element("div", "satkit-play"), element("div", "satkit-left"), element("div", "satkit-right")];
  left.append(buildFrame(parts), buildTools(view, parts));
  parts.object = element("p", "satkit-object");
  const columns = element("div", "satkit-models");
  columns.style.setProperty("--columns", view.kit.models.length);
  parts.models = view.kit.models.map(({ name }) => buildModel(name));
  columns.append(...parts.models.map(({ figure }) => figure));
  parts.bar = buildBar("attention");
  right.append(parts.object, columns, parts.bar.box);
  both.append(left, right);
  both.append(parts.tip);
  view.root.classList.add("satkit-attention", "satkit-playground");
  const [hint, keys] = [PLAY_HINT, PLAY_KEYS].map((text) => element("p", "satkit-hint", text));
  view.root.append(hint, both, parts.line, parts.trouble, keys, parts.spoken);
  parts.both = both;
  return parts;
}

function fitPlay(view) {
  const { parts } = view;
  view.sharpness = window.devicePixelRatio || 1;
  const pairs = parts.models.flatMap(({ prediction, attention }) => [prediction, attention]);
  for (const each of [{ box: parts.box, map: parts.picture, marks: parts.marks }, ...pairs]) fitLayered(view, each);
}
