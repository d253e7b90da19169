// What the canvas of the forgetting explorer says: the line of text, and the note at the pointer.

function iouText(value) {
  return Number.isNaN(value) ? "not learnt yet" : percentText(value, 1);
}

function classWords(view, label) {
  const { scores, state } = view;
  const values = scores.confusions.slice(0, state.step + 1).map((_, step) => iouOf(view, step, label));
  const learnt = values.filter((value) => !Number.isNaN(value));
  if (!learnt.length) return `${nameOf(scores, label)} is not learnt yet`;
  return `IoU of ${nameOf(scores, label)}: ${iouText(values.at(-1))}, at best ${iouText(Math.max(...learnt))}`;
}

function calledText({ scores }, [label, called]) {
  return label === called ? "called right" : `called ${nameOf(scores, called)}`;
}

// How many pixels of a class are called so after the step, and what part of it; and before.
function cellLines(view, cell) {
  const { scores, state } = view;
  const found = countOf(view, state.step, cell);
  if (!found) return [];
  const words = `${nameOf(scores, cell[0])} ${calledText(view, cell)}: ${found.count.toLocaleString("en")} pixels`;
  const share = `${percentText(shareOfCell(view, state.step, cell), 1)} of its ${found.total.toLocaleString("en")} pixels`;
  const before = state.step && countOf(view, state.step - 1, cell);
  return before ? [words, share, `after step ${state.step - 1}: ${percentText(shareOfCell(view, state.step - 1, cell), 1)}`] : [words, share];
}

function forgettingLine(view, label, cell) {
  const parts = [`after step ${view.state.step}`, classWords(view, label)];
  if (cell) parts.push(cellLines(view, cell).join(", "));
  return [...parts, view.state.behind].filter(Boolean).join(DOT);
}

function noteOf(view) {
  const { reading, scores, state } = view;
  if (reading.cell) return cellLines(view, reading.cell);
  if (reading.labels) {
    const steps = { truth: "ground truth", before: `after step ${state.step - 1}`, now: `after step ${state.step}` };
    return Object.entries(reading.labels).map(([kind, label]) => `${steps[kind]}: ${nameOf(scores, label)}`);
  }
  if (reading.label === undefined) return null;
  const values = scores.confusions.map((_, step) => `step ${step}: ${iouText(iouOf(view, step, reading.label))}`);
  const from = limited(state.step - 3, 0, Math.max(0, values.length - 7));
  return [numberedName(scores, reading.label), ...values.slice(from, from + 7)];
}
