// The IoU of every class over the steps, as lines; the nearest one is under the pointer.

const ROOM = { left: 36, right: 104, top: 10, bottom: 34 }; // pixels around the lines
const NEAR = 30; // pixels within which a line is under the pointer
const LINE_HEIGHT = 14; // pixels of a name

function iouOf({ scores }, step, label) {
  return scores.iou[step * scores.names.length + label];
}

// Where a step and an IoU are in the box of the curves, in pixels of the screen.
function pointOf(view, step, value) {
  const { clientWidth: width, clientHeight: height } = view.parts.curves.box;
  const last = Math.max(1, view.scores.confusions.length - 1);
  const [across, down] = [width - ROOM.left - ROOM.right, height - ROOM.top - ROOM.bottom];
  return [ROOM.left + (step / last) * across, ROOM.top + (1 - value) * down];
}

// The points of a class: those of the steps that have learnt it.
function pointsOf(view, label) {
  const steps = view.scores.confusions.map((_, step) => step).filter((step) => !Number.isNaN(iouOf(view, step, label)));
  return steps.map((step) => pointOf(view, step, iouOf(view, step, label)));
}

function lookOf({ scores }, label) {
  if (label === scores.background) return { colour: scores.looks.rest, dash: [2, 3] };
  return scores.learnt_at[label] === 0 ? { colour: scores.looks.old, dash: [] } : { colour: scores.looks.new, dash: [6, 4] };
}

function strokeLine(context, points, width, colour, dash) {
  [context.lineWidth, context.strokeStyle, context.fillStyle] = [width, colour, colour];
  context.setLineDash(dash);
  context.beginPath();
  points.forEach((point, place) => (place ? context.lineTo(...point) : context.moveTo(...point)));
  context.stroke();
  context.setLineDash([]);
  for (const [x, y] of points) {
    context.beginPath();
    context.arc(x, y, 1.2 + width, 0, 2 * Math.PI);
    context.fill();
  }
}

function beginText(view, canvas) {
  const context = canvas.getContext("2d");
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.scale(view.sharpness, view.sharpness);
  context.font = '11px system-ui, "DejaVu Sans", sans-serif';
  context.textBaseline = "middle";
  return context;
}

function drawAxes(view, context, ink) {
  context.fillStyle = context.strokeStyle = ink;
  context.lineWidth = 0.5;
  context.textAlign = "right";
  for (const part of [0, 0.25, 0.5, 0.75, 1]) {
    const [x, y] = pointOf(view, 0, part);
    const [end] = pointOf(view, Math.max(1, view.scores.confusions.length - 1), part);
    context.fillText(`${100 * part}`, x - 8, y);
    context.globalAlpha = 0.3;
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(end, y);
    context.stroke();
    context.globalAlpha = 1;
  }
  context.textAlign = "center";
  view.scores.confusions.forEach((_, step) => {
    const [x, y] = pointOf(view, step, 0);
    context.fillText(`step ${step}`, x, y + 18);
  });
}

// Everything that stays while the hand moves; drawn again for another size or colour scheme.
function drawCurves(view) {
  const { curves } = view.parts;
  const ink = getComputedStyle(view.root).color;
  const wanted = JSON.stringify([ink, curves.map.width, curves.map.height]);
  if (curves.drawn === wanted) return;
  curves.drawn = wanted;
  const context = beginText(view, curves.map);
  drawAxes(view, context, ink);
  context.globalAlpha = 0.7;
  for (const label of view.scores.rows) {
    const { colour, dash } = lookOf(view, label);
    strokeLine(context, pointsOf(view, label), 1.4, colour, dash);
  }
  context.globalAlpha = 1;
}

// The step, and the lines of the class that is looked at and of the one that is pinned, with their names.
function drawCurveMarks(view, label) {
  const { state, parts } = view;
  const ink = getComputedStyle(view.root).color;
  const context = beginText(view, parts.curves.marks);
  context.strokeStyle = ink;
  context.setLineDash([2, 3]);
  context.beginPath();
  context.moveTo(...pointOf(view, state.step, 1));
  context.lineTo(...pointOf(view, state.step, 0));
  context.stroke();
  const taken = [];
  const lines = state.pinned && state.pinned[0] !== label ? [[state.pinned[0], [4, 3]], [label, []]] : [[label, []]];
  for (const [each, dash] of lines) {
    const points = pointsOf(view, each);
    if (!points.length) continue;
    strokeLine(context, points, 2.6, ink, dash);
    const [x, y] = points.at(-1);
    const free = taken.some((other) => Math.abs(other - y) < LINE_HEIGHT) ? taken.at(-1) + LINE_HEIGHT : y;
    taken.push(free);
    context.textAlign = "left";
    context.fillText(numberedName(view.scores, each), x + 8, free, ROOM.right - 10);
  }
}

// The class of the line nearest to a point, in pixels of the box; undefined where none is near.
function lineAt(view, x, y) {
  const away = (label) => {
    const points = pointsOf(view, label);
    const parts = points.map((point, place) => awayFrom([x, y], point, points[place + 1] ?? point));
    return Math.min(Infinity, ...parts);
  };
  const nearest = view.scores.rows.reduce((best, label) => (away(label) < away(best) ? label : best));
  return away(nearest) <= NEAR ? nearest : undefined;
}

// Distance of a point to the line between two others.
function awayFrom([x, y], [left, top], [right, bottom]) {
  const [across, down] = [right - left, bottom - top];
  const length = across ** 2 + down ** 2;
  const part = length ? limited(((x - left) * across + (y - top) * down) / length, 0, 1) : 0;
  return Math.hypot(x - left - part * across, y - top - part * down);
}

function stepAt(view, x) {
  const [[first], [last]] = [0, view.scores.confusions.length - 1].map((step) => pointOf(view, step, 0));
  return last > first ? Math.round(limited((x - first) / (last - first), 0, 1) * (view.scores.confusions.length - 1)) : 0;
}
