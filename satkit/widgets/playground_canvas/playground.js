// The playground: a scene whose objects follow hand and keys, and what some models answer.
//
// openPlayground(root, kit, callbacks) fills an element and gives { give, answer, say, note, close, scene }. `kit` and
// answers are described by satkit/widgets/play_messages.py. Callbacks: edited(scene, number), save(name), load(name).

const TOLD = 400; // milliseconds after which what has changed is read aloud

function decodedKit(kit) {
  const shapes = Object.entries(kit.shapes).map(([name, bytes]) => [name, new Int16Array(bytesOf(bytes).slice().buffer)]);
  return {
    ...kit,
    palette: bytesOf(kit.palette),
    tables: { attention: bytesOf(kit.tables.attention) },
    shapes: Object.fromEntries(shapes),
  };
}

// Draw in the next frame, once, however much changes until then.
function redraw(view) {
  if (view.pending || view.closed) return;
  view.pending = requestAnimationFrame(() => {
    view.pending = 0;
    drawPlay(view);
  });
}

// Take an edited scene; it is seen at once, and the kernel is asked for answers.
function edit(view, scene, gesture = null) {
  record(view.history, scene, gesture);
  ask(view);
}

function ask(view) {
  view.number += 1;
  const count = view.history.now.objects.length;
  if (view.selected !== null && view.selected >= count) view.selected = null;
  view.callbacks.edited(view.history.now, view.number);
  sayParts(view);
  redraw(view);
}

function step(view, name) {
  const before = view.history.now;
  if (name === "reset") {
    if (before !== view.start) record(view.history, view.start);
  } else if (name === "undo") undo(view.history);
  else redo(view.history);
  if (view.history.now !== before) ask(view);
}

function add(view, number) {
  const scene = view.history.now;
  if (scene.objects.length >= view.kit.most) return;
  view.selected = scene.objects.length;
  view.pointer = null;
  edit(view, withNew(scene, view.kit.classes[number]));
}

function select(view, number) {
  view.selected = number;
  sayParts(view);
  redraw(view);
}

// What can be done now, and the words for screen readers.
function sayParts(view) {
  const { parts, history } = view;
  const object = chosenObject(view);
  for (const { button } of parts.buttons) button.disabled = !object;
  parts.colour.disabled = !object;
  const part = (value) => Math.round(255 * value).toString(16).padStart(2, "0");
  if (object) parts.colour.value = `#${object.colour.map(part).join("")}`;
  parts.steps.undo.disabled = !history.past.length;
  parts.steps.redo.disabled = !history.future.length;
  parts.steps.reset.disabled = history.now === view.start;
  for (const button of parts.palette.children) button.disabled = history.now.objects.length >= view.kit.most;
  parts.object.textContent = titleOfObject(view);
  clearTimeout(view.telling);
  view.telling = setTimeout(() => {
    const words = spokenWords(view);
    parts.spoken.textContent = words;
    parts.frame.setAttribute("aria-label", `Playground. ${words} ${PLAY_HINT} ${PLAY_KEYS}`);
  }, TOLD);
}

function drawTip(view) {
  const { tip } = view.parts;
  const { pointer, answer, kit } = view;
  const model = pointer && view.parts.models.findIndex(({ prediction }) => prediction.box === pointer.panel);
  const named = pointer && model >= 0 ? answer.predictions[model] : answer.labels;
  tip.hidden = !pointer || Boolean(view.drag) || view.parts.models.some(({ attention }) => attention.box === pointer.panel);
  if (tip.hidden) return;
  tip.textContent = nameOf(kit, named[pointer.pixel[0] * view.size + pointer.pixel[1]]);
  placeTip(tip, view.parts.both, pointer.x + 14, pointer.y + 18);
}

function drawPlay(view) {
  if (view.closed || !view.empty) return;
  const began = performance.now();
  drawScene(view);
  if (view.answer) {
    drawAnswer(view);
    drawTip(view);
    view.parts.line.textContent = lineOf(view);
  }
  view.parts.both.setAttribute("aria-busy", view.answer?.number !== view.number);
  const detail = { milliseconds: performance.now() - began, number: view.answer?.number };
  view.root.dispatchEvent(new CustomEvent("satkit-drawn", { detail, bubbles: true })); // for measurements and tests
}

// Take a scene that the kernel has chosen: the first one, another image's, or one from a file.
function give(view, { start, empty }, { scene, number }) {
  const same = view.history && JSON.stringify(view.history.now.background) === JSON.stringify(scene.background);
  const now = JSON.stringify(scene) === JSON.stringify(start) ? start : scene;
  if (same) record(view.history, now);
  else view.history = historyOf(now);
  Object.assign(view, { number, start, size: scene.size, empty: bytesOf(empty), answer: null, drag: null, painted: null });
  view.selected = scene.objects.length ? limited(view.selected ?? Infinity, 0, scene.objects.length - 1) : null;
}

// Take an answer; one to an edit that was made in another view of the same playground brings its scene along.
function takeAnswer(view, answer) {
  if (answer.number > view.number) {
    record(view.history, answer.scene);
    view.number = answer.number;
    view.selected = answer.scene.objects.length ? 0 : null;
  }
  view.answer = decodedAnswer(answer, view.size);
  sayParts(view);
  drawPlay(view);
}

function openPlayground(root, kit, callbacks) {
  const view = { root, kit: decodedKit(kit), callbacks, selected: null, pointer: null, drag: null, number: 0, sharpness: 1 };
  view.parts = buildPlayParts(view);
  paintBar(view.parts.bar.canvas, view.kit.tables.attention);
  listenPlay(view);
  view.watch = new ResizeObserver(() => {
    fitPlay(view);
    redraw(view);
  });
  view.watch.observe(view.parts.both);
  return {
    scene: () => view.history.now,
    number: () => view.number,
    give: (given, answer) => give(view, given, answer),
    answer: (answer) => takeAnswer(view, answer),
    say: (trouble) => (view.parts.trouble.textContent = trouble),
    note: (text) => (view.parts.note.textContent = text),
    close: () => {
      view.closed = true;
      cancelAnimationFrame(view.pending);
      clearTimeout(view.telling);
      view.watch.disconnect();
      root.replaceChildren();
    },
  };
}
