// Regions of a label map, and their names over a picture.

const NAMED_FROM = 0.012; // part of a picture from which a region is named

// Connected regions of a label map without background and the labels left out, largest first: label, and a pixel near the
// middle of each.
function regionsIn(labels, [height, width], leftOut = []) {
  const seen = new Uint8Array(labels.length);
  const found = [];
  labels.forEach((label, place) => {
    if (!label || seen[place] || leftOut.includes(label)) return;
    const places = connectedTo(place, labels, [height, width], seen);
    if (places.length >= NAMED_FROM * labels.length) found.push({ label, places });
  });
  found.sort((one, other) => other.places.length - one.places.length);
  return found.map(({ label, places }) => ({ label, pixel: middlePixel(places, width) }));
}

function connectedTo(start, labels, [height, width], seen) {
  const places = [start];
  seen[start] = 1;
  for (let at = 0; at < places.length; at += 1) {
    const place = places[at];
    const column = place % width;
    const beside = [place - width, place + width, column ? place - 1 : -1, column < width - 1 ? place + 1 : -1];
    for (const next of beside)
      if (next >= 0 && next < height * width && labels[next] === labels[start] && !seen[next]) {
        seen[next] = 1;
        places.push(next);
      }
  }
  return places;
}

// The pixel of a region that is nearest to the mean of its pixels.
function middlePixel(places, width) {
  const pixels = places.map((place) => [Math.floor(place / width), place % width]);
  const mean = [0, 1].map((axis) => pixels.reduce((sum, pixel) => sum + pixel[axis], 0) / pixels.length);
  const away = (pixel) => Math.hypot(pixel[0] - mean[0], pixel[1] - mean[1]);
  return pixels.reduce((best, pixel) => (away(pixel) < away(best) ? pixel : best));
}

// The names of regions over their pixels, each moved down where another name stands already.
// Names are pairs of a text and a pixel.
function writeNames(canvas, names, [tall, wide], sharpness) {
  const context = canvas.getContext("2d");
  const height = 13 * sharpness;
  context.font = `600 ${11 * sharpness}px system-ui, "DejaVu Sans", sans-serif`;
  [context.textAlign, context.textBaseline, context.lineJoin] = ["center", "middle", "round"];
  const taken = [];
  for (const [text, [row, column]] of names) {
    const half = context.measureText(text).width / 2 + 3 * sharpness;
    const x = limited(((column + 0.5) * canvas.width) / wide, half, canvas.width - half);
    let y = limited(((row + 0.5) * canvas.height) / tall, height / 2, canvas.height - height / 2);
    while (taken.some((each) => Math.abs(each.y - y) < height && Math.abs(each.x - x) < each.half + half)) y += height;
    if (y > canvas.height - height / 2) continue; // the words beside the picture name it
    taken.push({ x, y, half });
    outlinedText(context, text, x, y, 3.5 * sharpness);
  }
}

function outlinedText(context, text, x, y, width) {
  context.setLineDash([]);
  context.lineWidth = width;
  context.strokeStyle = "rgb(0 0 0 / 80%)";
  context.strokeText(text, x, y);
  context.fillStyle = "#ffffff";
  context.fillText(text, x, y);
}
