// The canvas in a page: one element of JSON holds all images, models and stages, and these controls choose among them.

// What the canvas draws, from the data of the page and what is chosen.
function sceneFrom(data, { image, step, stage }) {
  const [chosen, models] = [data.images[image], data.steps[step].models];
  const of = (list) => models.map((model) => list[model]);
  const { name, queries, keys, heads, query_labels, key_labels, maps } = chosen.stages[stage];
  return {
    ...data.common,
    image: chosen.image,
    labels: chosen.labels,
    models: models.map((model) => ({ name: data.models[model], prediction: chosen.predictions[model] })),
    stage: { name, queries, keys, heads, query_labels, key_labels, maps: of(maps) },
  };
}

function pictureButton(image, number, choose) {
  const button = element("button", "satkit-thumb");
  const picture = element("img");
  picture.src = `data:${image.image.type};base64,${image.image.file}`;
  picture.alt = "";
  button.type = "button";
  button.title = image.title;
  button.setAttribute("aria-label", image.title);
  button.append(picture);
  button.addEventListener("click", () => choose(number));
  return button;
}

function numbered(list) {
  return list.map((text, number) => [number, text]);
}

function refill(menu, choices, value) {
  menu.replaceChildren(...menuOf(choices).children);
  menu.value = value;
}

function buildControls(data, root) {
  const controls = { step: menuOf(numbered(data.steps.map(({ title }) => title))), stage: menuOf([]), head: menuOf([]) };
  controls.compared = menuOf([]);
  controls.images = element("div", "satkit-thumbs");
  controls.images.setAttribute("role", "group");
  controls.images.setAttribute("aria-label", "image");
  const bar = element("div", "satkit-options");
  if (data.steps.length > 1) bar.append(labelled("step", controls.step));
  bar.append(labelled("stage", controls.stage), labelled("head", controls.head), labelled("difference of", controls.compared));
  root.append(controls.images, bar);
  return controls;
}

function openPage(root, data) {
  root.classList.add("satkit-attention");
  const chosen = { image: 0, step: data.steps.length - 1, stage: data.stage, head: null, compared: 1 };
  const controls = buildControls(data, root);
  const place = element("div");
  root.append(place);
  const pixel = data.images[0].pixel;
  const canvas = mount(place, sceneFrom(data, chosen), { stage: (step) => set({ stage: chosen.stage + step }) });
  canvas.choose({ pixel });

  function set(changes) {
    Object.assign(chosen, changes);
    const { stages } = data.images[chosen.image];
    chosen.stage = (chosen.stage + stages.length) % stages.length;
    if (chosen.head !== null && chosen.head >= stages[chosen.stage].heads) chosen.head = null;
    chosen.compared = Math.min(chosen.compared, data.steps[chosen.step].models.length - 1);
    canvas.show(sceneFrom(data, chosen));
    canvas.choose({ head: chosen.head, compared: chosen.compared || null });
    if (changes.image !== undefined) canvas.choose({ pixel: data.images[chosen.image].pixel, pinned: null });
    fill();
  }

  function fill() {
    const { stages } = data.images[chosen.image];
    const heads = Array.from({ length: stages[chosen.stage].heads }, (_, head) => [head, head + 1]);
    refill(controls.stage, numbered(stages.map(({ name }) => name)), chosen.stage);
    refill(controls.head, [["", "mean"], ...heads], chosen.head ?? "");
    const students = numbered(data.steps[chosen.step].models.map((model) => data.models[model])).slice(1);
    refill(controls.compared, students, chosen.compared);
    [...controls.images.children].forEach((button, image) => button.setAttribute("aria-pressed", image === chosen.image));
  }

  controls.images.append(...data.images.map((image, number) => pictureButton(image, number, (one) => set({ image: one }))));
  controls.step.value = chosen.step;
  controls.step.addEventListener("change", () => set({ step: Number(controls.step.value) }));
  controls.stage.addEventListener("change", () => set({ stage: Number(controls.stage.value) }));
  controls.head.addEventListener("change", () =>
    set({ head: controls.head.value === "" ? null : Number(controls.head.value) }));
  controls.compared.addEventListener("change", () => set({ compared: Number(controls.compared.value) }));
  fill();
}

const given = JSON.parse(document.getElementById("satkit-data").textContent);
openPage(document.getElementById("satkit-explorer"), given);
openCells(document.getElementById("satkit-confusions"), given);
if (given.weights) openWeights(document.getElementById("satkit-weights"), given);
