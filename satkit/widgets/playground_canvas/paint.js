// Objects painted as satkit/data/datasets/drawing.py paints them, so that an edit is seen before the kernel answers.
// The kernel's own pixels take their place as soon as they arrive; they differ by rounding only.

const DISTANCE_UNIT = 10000; // of a radius: shapes come as whole numbers

// Distance to a shape's outline in radii, negative inside, between the points of its grid.
function distanceTo(shape, x, y, kit) {
  const last = kit.grid - 1;
  const place = (value) => Math.min(Math.max(((value + kit.reach) / (2 * kit.reach)) * last, 0), last - 1e-6);
  const [column, row] = [place(x), place(y)];
  const [left, top] = [Math.floor(column), Math.floor(row)];
  const [right, below] = [column - left, row - top];
  const at = (down, along) => shape[(top + down) * kit.grid + left + along];
  const upper = at(0, 0) * (1 - right) + at(0, 1) * right;
  const lower = at(1, 0) * (1 - right) + at(1, 1) * right;
  return (upper * (1 - below) + lower * below) / DISTANCE_UNIT;
}

// A point of the picture in the system of an object: turned, and in radii.
function inObject(object, size, row, column) {
  const [along, down] = [column - object.column * size, row - object.row * size];
  const angle = 2 * Math.PI * object.turn;
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  const radius = object.radius * size;
  return [(cosine * along + sine * down) / radius, (cosine * down - sine * along) / radius];
}

// Share of the second colour of a striped object.
function stripeAt(object, size, row, column, kit) {
  const [along, down] = [column - object.column * size, row - object.row * size];
  const angle = Math.PI * object.fill_turn;
  const period = Math.max(kit.shortest, kit.period * object.radius * size);
  const phase = (Math.cos(angle) * along + Math.sin(angle) * down) / period + object.fill_shift;
  return limited(0.5 + period * (Math.abs(phase - Math.floor(phase) - 0.5) - 0.25), 0, 1);
}

// Paint an object over pixels: red, green and blue from 0 to 1, row after row.
function paintOne(pixels, size, object, kit) {
  const shape = kit.shapes[object.shape];
  const reach = kit.reach * object.radius * size + 2;
  const span = (centre) => [Math.max(0, Math.floor(centre - reach)), Math.min(size, Math.floor(centre + reach) + 1)];
  const [[top, bottom], [left, right]] = [span(object.row * size), span(object.column * size)];
  for (let row = top; row < bottom; row += 1)
    for (let column = left; column < right; column += 1) {
      const [x, y] = inObject(object, size, row + 0.5, column + 0.5);
      const cover = limited(0.5 - object.radius * size * distanceTo(shape, x, y, kit), 0, 1);
      if (!cover) continue;
      const share = object.fill === "striped" ? stripeAt(object, size, row + 0.5, column + 0.5, kit) : 0;
      const place = 3 * (row * size + column);
      object.colour.forEach((part, channel) => {
        const paint = part + share * (1 - 2 * part);
        pixels[place + channel] += cover * (paint - pixels[place + channel]);
      });
    }
}

// A canvas of one pixel per pixel of the picture, from red, green and blue of 0 to 255.
function pictureOf(bytes, size) {
  const image = new ImageData(size, size);
  for (let place = 0; place < size * size; place += 1)
    image.data.set([bytes[3 * place], bytes[3 * place + 1], bytes[3 * place + 2], 255], 4 * place);
  const canvas = canvasOf(size, size);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// The picture of a scene on its background, as bytes.
function paintedScene(scene, empty, kit) {
  const pixels = Float32Array.from(empty, (value) => value / 255);
  for (const object of scene.objects) paintOne(pixels, scene.size, object, kit);
  return Uint8Array.from(pixels, (value) => Math.round(255 * limited(value, 0, 1)));
}

// The object in front at a point of the picture, in pixels: on its shape, else within its circle; or null.
function objectAt(scene, row, column, kit) {
  const found = (inside) => {
    for (let number = scene.objects.length - 1; number >= 0; number -= 1) {
      const object = scene.objects[number];
      const [x, y] = inObject(object, scene.size, row, column);
      if (inside(object, x, y)) return number;
    }
    return null;
  };
  const onShape = (object, x, y) => Math.hypot(x, y) < kit.reach && distanceTo(kit.shapes[object.shape], x, y, kit) <= 0.05;
  return found(onShape) ?? found((_, x, y) => Math.hypot(x, y) < 0.7);
}
