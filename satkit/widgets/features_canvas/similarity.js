// Feature maps as arrays, and where features are alike. Python's side is satkit/widgets/feature_scene.py.

// A map of one model for one image: a direction for every place, and its colour.
function decodedFeatures(codes, colours, channels, [rows, columns]) {
  const bytes = bytesOf(codes);
  const directions = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lengths = Float32Array.from({ length: rows * columns }, (_, place) => {
    let sum = 0;
    for (let at = place * channels; at < (place + 1) * channels; at += 1) sum += directions[at] ** 2;
    return Math.sqrt(sum) || 1;
  });
  return { channels, directions, lengths, colours: bytesOf(colours) };
}

function decodedMaps(stage) {
  const maps = ({ codes, colours, channels }) =>
    codes.map((each, image) => decodedFeatures(each, colours[image], channels, stage.grids[image]));
  return {
    layer: stage.layer,
    grids: stage.grids,
    labels: stage.labels.map(bytesOf),
    models: stage.models.map((model) => ({ name: model.name, maps: maps(model) })),
  };
}

function decodedImages(scene) {
  const image = ({ number, image: file, labels }) => ({
    number,
    file,
    size: file.size,
    labels: labelsOf(labels, file.size[0] * file.size[1]),
    borders: new Map(),
    photo: null,
    grey: null,
  });
  const tables = { similarity: bytesOf(scene.tables.similarity) };
  return { ...scene, tables, palette: bytesOf(scene.palette), images: scene.images.map(image) };
}

// Cosines of the angles between one place's features and those of every place of a map, in [-1, 1].
function cosinesWith(one, place, other) {
  const { channels } = one;
  const mine = one.directions.subarray(place * channels, (place + 1) * channels);
  const found = new Float32Array(other.lengths.length);
  for (let each = 0; each < found.length; each += 1) {
    let sum = 0;
    const start = each * channels;
    for (let channel = 0; channel < channels; channel += 1) sum += mine[channel] * other.directions[start + channel];
    found[each] = sum / (one.lengths[place] * other.lengths[each]);
  }
  return found;
}
