// The playground in a notebook. One edit at a time is on its way to the kernel; of those that wait only the newest is sent.

const LONGEST_WAIT = 10000; // milliseconds after which an answer is no longer waited for

function render({ model, el }) {
  const root = document.createElement("div");
  el.append(root);
  let [sentAt, waiting, version] = [0, null, null];

  function edited(scene, number) {
    waiting = { kind: "scene", scene, number };
    if (!sentAt || performance.now() - sentAt > LONGEST_WAIT) send();
  }

  function send() {
    sentAt = performance.now();
    model.send(waiting);
    waiting = null;
  }

  // Files go with the scene as it is seen, also while an answer is awaited.
  const file = (kind) => (name) => model.send({ kind, name, scene: play.scene() });
  const play = openPlayground(root, model.get("kit"), { edited, save: file("save"), load: file("load") });

  function take() {
    const [given, answer] = [model.get("given"), model.get("answer")];
    if (given.version !== version) {
      version = given.version;
      waiting = null;
      play.give(given, answer);
    }
    play.answer(answer);
  }

  function answered() {
    if (sentAt && !waiting) {
      const detail = { milliseconds: performance.now() - sentAt, number: play.number() };
      root.dispatchEvent(new CustomEvent("satkit-answered", { detail, bubbles: true })); // for measurements and tests
    }
    sentAt = 0;
    if (waiting) send();
  }

  const listeners = [
    ["change:answer", take],
    ["change:trouble", () => play.say(model.get("trouble"))],
    ["change:note", () => play.note(model.get("note"))],
    ["change:answers", answered],
  ];
  for (const [name, listener] of listeners) model.on(name, listener);
  take();
  model.set("alive", true);
  model.save_changes();
  return () => {
    for (const [name, listener] of listeners) model.off(name, listener);
    play.close();
  };
}

export default { render };
