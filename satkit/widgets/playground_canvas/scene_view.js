// The scene as it is now, and what shows which object is chosen: its circle and two handles.

const HANDLE = 7; // pixels: half of a handle
const TURNING = 1.35; // radii between centre and handle
const SIZING = 1.25;
const MARGIN = 10; // pixels within which handles stay inside

// The kernel's pixels if they are those of the scene as it is now, else what is painted here.
function currentPicture(view) {
  const scene = view.history.now;
  if (view.answer?.number === view.number) return view.answer.picture;
  if (view.painted?.scene !== scene)
    view.painted = { scene, picture: pictureOf(paintedScene(scene, view.empty, view.kit), scene.size) };
  return view.painted.picture;
}

// Where the two handles of the chosen object are, in pixels of the screen from the upper left corner.
function handlesOf(view, box) {
  const object = view.history.now.objects[view.selected];
  const angle = 2 * Math.PI * object.turn;
  const away = (along, down, radii) =>
    [object.column + along * radii * object.radius, object.row + down * radii * object.radius].map((part, axis) => {
      const side = [box.width, box.height][axis];
      return limited(part * side, MARGIN, side - MARGIN);
    });
  return { turn: away(Math.sin(angle), -Math.cos(angle), TURNING), size: away(Math.SQRT1_2, Math.SQRT1_2, SIZING) };
}

function drawHandles(view, context) {
  const object = view.history.now.objects[view.selected];
  const sharpness = view.sharpness;
  const side = view.parts.box.clientWidth;
  const { turn, size } = handlesOf(view, { width: side, height: side });
  const circle = new Path2D();
  circle.arc(object.column * side, object.row * side, object.radius * side, 0, 2 * Math.PI);
  const [round, square] = [new Path2D(), new Path2D()];
  round.arc(...turn, HANDLE, 0, 2 * Math.PI);
  square.rect(size[0] - HANDLE, size[1] - HANDLE, 2 * HANDLE, 2 * HANDLE);
  context.save();
  context.scale(sharpness, sharpness);
  twoLines(context, circle, 1.5, [5, 4], STRONG);
  for (const [path, sign, [x, y]] of [[round, "\u21bb", turn], [square, "\u2922", size]]) {
    context.fillStyle = "#ffffff";
    context.fill(path);
    twoLines(context, path, 1, [], ["#000000", "#ffffff"]);
    context.fillStyle = "#000000";
    context.font = "11px system-ui, 'DejaVu Sans', sans-serif";
    [context.textAlign, context.textBaseline] = ["center", "middle"];
    context.fillText(sign, x, y + 0.5);
  }
  context.restore();
}

function drawScene(view) {
  const { parts } = view;
  layer(parts.picture, [[currentPicture(view), 1]]);
  const context = parts.marks.getContext("2d");
  context.clearRect(0, 0, parts.marks.width, parts.marks.height);
  if (view.answer) drawQuery(view, parts.marks);
  if (view.selected !== null) drawHandles(view, context);
}

// The patch whose attention is shown.
function drawQuery(view, canvas, width = 1.6) {
  const { stage } = view.answer;
  const patch = patchAt(queryPixel(view), [view.size, view.size], stage.queries);
  twoLines(canvas.getContext("2d"), frameOf(canvas, patch, stage.queries), width * view.sharpness, [], STRONG);
}

// The pixel under the pointer, else the middle of what can be seen of the chosen object, else that of the picture.
function queryPixel(view) {
  if (view.pointer) return view.pointer.pixel;
  const object = view.selected === null ? null : view.history.now.objects[view.selected];
  const seen = view.selected === null ? null : view.answer?.objects[view.selected]?.pixel;
  if (seen && view.answer.number === view.number) return seen;
  return [object?.row ?? 0.5, object?.column ?? 0.5].map((part) => Math.floor(part * view.size));
}
