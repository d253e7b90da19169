// The canvas in a notebook: what it draws comes from the kernel once per image, models and stage.

const PATIENCE = 10000; // milliseconds after which an answer is no longer waited for

function sceneIn(model) {
  const [stage, shown, predictions] = ["stage", "shown", "predictions"].map((name) => model.get(name));
  return { ...model.get("scene"), stage, shown, predictions };
}

function render({ model, el }) {
  const root = document.createElement("div");
  el.append(root);
  let [number, asked, waiting] = [model.get("chosen").answers ?? 0, 0, null];

  // Tell the kernel one thing at a time; of those that wait only the newest is told.
  function send(event) {
    if (asked && Date.now() - asked < PATIENCE) return (waiting = event);
    asked = Date.now();
    number += 1;
    root.setAttribute("aria-busy", "true");
    model.send({ ...event, number });
  }

  function answered() {
    const next = waiting;
    [asked, waiting] = [0, null];
    root.setAttribute("aria-busy", "false");
    if (next) send(next);
  }

  const canvas = mount(root, sceneIn(model), {
    rest: (query) => send({ kind: "query", ...query }),
    stage: (step) => send({ kind: "stage", step }),
    tell: send,
  });

  // What the kernel has chosen; not what it says about something that the hand has left meanwhile.
  function follow() {
    const { answers, ...chosen } = model.get("chosen");
    const late = waiting?.kind === "query" || answers < number;
    number = Math.max(number, answers);
    canvas.choose(chosen, late);
  }

  const listeners = [
    ["change:scene", () => canvas.show(sceneIn(model))],
    ["change:stage", () => canvas.show(sceneIn(model))],
    ["change:shown", () => canvas.show(sceneIn(model))],
    ["change:predictions", () => canvas.show(sceneIn(model))],
    ["change:chosen", follow],
    ["change:trouble", () => canvas.say(model.get("trouble"))],
    ["change:answers", answered],
  ];
  for (const [name, listener] of listeners) model.on(name, listener);
  follow();
  model.set("alive", true);
  model.save_changes();
  return () => {
    for (const [name, listener] of listeners) model.off(name, listener);
    canvas.close();
  };
}

export default { render };
