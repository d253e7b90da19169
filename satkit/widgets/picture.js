// A picture that is drawn in the kernel, and its line of text.

function render({ model, el }) {
  const frame = document.createElement("div");
  frame.className = "satkit-picture";
  frame.dataset.testid = "satkit-picture";
  frame.setAttribute("role", "group");
  const image = document.createElement("img");
  image.draggable = false;
  const line = document.createElement("div");
  line.className = "satkit-line";
  line.dataset.testid = "satkit-line";
  line.setAttribute("role", "status");
  line.setAttribute("aria-live", "polite");
  frame.append(image);
  el.append(frame, line);

  let url = "";

  function draw() {
    const old = url;
    url = URL.createObjectURL(new Blob([model.get("png")], { type: "image/png" }));
    image.src = url;
    if (old) URL.revokeObjectURL(old);
  }

  function speak() {
    image.alt = model.get("alt");
    frame.setAttribute("aria-label", model.get("label"));
    line.textContent = model.get("text");
  }

  const listeners = [
    ["change:png", draw],
    ["change:alt", speak],
    ["change:text", speak],
  ];
  for (const [name, listener] of listeners) model.on(name, listener);
  draw();
  speak();
  model.set("alive", true);
  model.save_changes();

  return () => {
    for (const [name, listener] of listeners) model.off(name, listener);
    URL.revokeObjectURL(url);
  };
}

export default { render };
