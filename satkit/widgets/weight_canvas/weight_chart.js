// The chart of a world: old, new and all by weight, below them the drift of relations, on the scales of all worlds.

const CHART = { width: 340, height: 274, left: 44, right: 6, scores: [24, 154], drift: [184, 236] };
const GROUPS = ["old", "new", "all"];
const SHIFT = 12; // pixels between the marks of two groups
const MARK = 4; // pixels from the middle of a mark to its edge
const DRIFT_TICKS = 2;

function drawn(space, tag, attributes, text = "") {
  const made = document.createElementNS(space, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text) made.textContent = text;
  return made;
}

// The outline of a mark, as matplotlib calls its kinds.
function markPath(kind, x, y) {
  const [m, d] = [MARK, 1.3 * MARK];
  if (kind === "o") return `M${x - m} ${y}a${m} ${m} 0 1 0 ${2 * m} 0a${m} ${m} 0 1 0 ${-2 * m} 0z`;
  if (kind === "^") return `M${x} ${y - d}L${x + d} ${y + m}L${x - d} ${y + m}z`;
  if (kind === "D") return `M${x} ${y - d}L${x + d} ${y}L${x} ${y + d}L${x - d} ${y}z`;
  return `M${x - m} ${y - m}h${2 * m}v${2 * m}h${-2 * m}z`;
}

// The end of a scale that holds a value: 1, 2, 4 or 8 with noughts, so that its half is short too.
function roundTop(value) {
  const unit = 10 ** Math.floor(Math.log10(value || 1));
  return unit * [1, 2, 4, 8, 10].find((each) => each * unit >= value - 1e-9);
}

function largestDrift(worlds) {
  const ends = worlds.flatMap(({ curves: { drift } }) => drift.means.map((mean, at) => mean + (drift.widths[at] ?? 0)));
  return roundTop(Math.max(...ends));
}

function weightX(count, place) {
  return CHART.left + ((place + 0.5) * (CHART.width - CHART.left - CHART.right)) / count;
}

// Lines and numbers of an axis from zero to its end.
function drawScale(svg, space, [top, bottom], ticks, high, title) {
  svg.append(drawn(space, "text", { x: 0, y: top - 10, class: "satkit-axis" }, title));
  for (const value of ticks) {
    const y = bottom - (value / high) * (bottom - top);
    svg.append(drawn(space, "line", { x1: CHART.left, x2: CHART.width, y1: y, y2: y, class: "satkit-rule" }));
    const at = { x: CHART.left - 6, y: y + 4, "text-anchor": "end" };
    svg.append(drawn(space, "text", at, String(Number(value.toPrecision(3)))));
  }
}

function drawPoints(svg, space, count, { means, widths }, [top, bottom], high, shift, look) {
  means.forEach((mean, place) => {
    const [x, up] = [weightX(count, place) + shift, (value) => bottom - (value / high) * (bottom - top)];
    const group = drawn(space, "g", { class: `satkit-mark satkit-mark-${look.name}` });
    const width = widths[place];
    if (width !== null) {
      const [low, tall] = [up(Math.max(0, mean - width)), up(mean + width)];
      const bar = `M${x} ${low}V${tall}M${x - 3} ${low}h6M${x - 3} ${tall}h6`;
      group.append(drawn(space, "path", { d: bar, class: "satkit-interval" }));
    }
    group.append(drawn(space, "path", { d: markPath(look.marker, x, up(mean)), class: "satkit-point" }));
    svg.append(group);
  });
}

// A chart, and the function that marks a weight in it.
function buildChart(space, weights, world, looks, highDrift) {
  const count = weights.weights.length;
  const svg = drawn(space, "svg", { viewBox: `0 0 ${CHART.width} ${CHART.height}`, class: "satkit-chart", role: "img" });
  drawScale(svg, space, CHART.scores, [0, 25, 50, 75, 100], 100, "mIoU (%)");
  const half = Array.from({ length: DRIFT_TICKS + 1 }, (_, at) => (at * highDrift) / DRIFT_TICKS);
  drawScale(svg, space, CHART.drift, half, highDrift, "drift of the old relations");
  const chosen = drawn(space, "line", { y1: CHART.scores[0] - 6, y2: CHART.drift[1], class: "satkit-chosen" });
  svg.append(chosen);
  const percent = ({ means, widths }) => ({
    means: means.map((each) => 100 * each),
    widths: widths.map((each) => each && 100 * each),
  });
  GROUPS.forEach((name, at) =>
    drawPoints(svg, space, count, percent(world.curves[name]), CHART.scores, 100, SHIFT * (at - 1), looks[name]));
  drawPoints(svg, space, count, world.curves.drift, CHART.drift, highDrift, 0, looks.drift);
  const numbers = weights.weights.map((weight, place) => {
    const at = { x: weightX(count, place), y: CHART.drift[1] + 17, "text-anchor": "middle" };
    return drawn(space, "text", at, String(weight));
  });
  svg.append(...numbers);
  const below = { x: weightX(1, 0), y: CHART.height - 3, "text-anchor": "middle", class: "satkit-axis" };
  svg.append(drawn(space, "text", below, "weight of attention transfer"));
  return {
    svg,
    mark(place) {
      for (const end of ["x1", "x2"]) chosen.setAttribute(end, weightX(count, place));
      numbers.forEach((each, at) => each.classList.toggle("satkit-chosen-number", at === place));
    },
  };
}
