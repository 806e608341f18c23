// What a network makes of a picture, layer by layer: a row for each layer, a tile for each of its maps.

/** Make a row for each layer of a network: what it is, what it does in a sentence, and a tile for each of its maps. */
function makeLayers(network) {
  let seen = 1, step = 1;  // pixels of the picture: those that a pixel of a map depends on; from one to the next
  let before = {size: 28, channels: 1};
  const rows = forward(network, emptyMaps(1, 28)).map((maps, i, stack) => {
    const layer = network.layers[i], {channels, size} = maps;
    const kernel = layer.kernel ?? (layer.kind === "global average pooling" ? before.size : 1);
    seen += (kernel - 1) * step;
    step *= layer.stride ?? 1;

    const isLast = i === stack.length - 1, inputs = before.channels;
    const amount = size > 1 ? `${channels} ${channels === 1 ? "map" : "maps"} of ${size}×${size}` : `${channels} numbers`;
    const title = make("h3", "", `${nameOf(layer, kernel, inputs)}, `, make("span", "", amount));
    const does = isLast ? explainLogits(network) : explain(layer, inputs);
    const text = make("div", "", title, make("p", "note", does));
    const field = `A pixel of it depends on ${seen}×${seen} pixels of the picture.`;
    const makeTile = map => isLast ? makeLogit(network.classes[map]) : makeTileOf(layer, i, map, maps, inputs, field);
    const tiles = make("div", isLast ? "logits" : "maps", ...Array.from({length: channels}, (_, map) => makeTile(map)));
    const most = layer.weights ? 8 : 12;  // in a row: a map alone needs less room than one beside its filter
    tiles.style.setProperty("--columns", Math.ceil(channels / Math.ceil(channels / most)));  // in even rows
    tiles.classList.toggle("words", isLast && hasWords(network));
    tiles.style.setProperty("--tile", layer.weights ? "3.75rem" : "2.75rem");
    before = maps;
    return make("li", "", text, tiles);
  });
  element("layers").replaceChildren(...rows);
}

function nameOf({kind, groups, size}, kernel, inputs) {
  if (kind === "deskew") return "Deskew";
  const name = groups > 1 && groups === inputs ? "depthwise convolution" : kind;
  return `${size ?? kernel}×${size ?? kernel} ${name}`;
}

const explainLogits = network =>
  `One number for each ${isOfDigits(network) ? "digit" : "class"}, the logits: the largest is the answer.`;

/** Say in one sentence what a layer does. */
function explain({kind, kernel, relu, groups}, inputs) {
  if (kind === "deskew") return "The digit is set upright and in the middle.";
  if (kind === "crop") return "Only the middle of the picture is kept.";
  if (kind === "max pooling") return `Of every ${kernel}×${kernel} pixels, the largest is kept.`;
  if (kind === "global average pooling") return "Each map becomes its mean: where a pattern was no longer counts.";
  const what = kernel === 1 ? "Each map is a mixture of all maps before it"
    : groups > 1 && groups === inputs ? `Each map looks for a pattern of ${kernel}×${kernel} pixels in one map before it`
      : `Each map looks for a pattern of ${kernel}×${kernel} pixels in ${inputs === 1 ? "the map" : "all maps"} before it`;
  return relu ? `${what}; what is negative becomes 0.` : `${what}.`;
}

function makeLogit(name) {
  return make("div", "logit", make("b", "", name), make("span", ""));
}

/** Make the tile of a map: its filter, if it has one, and an empty canvas for it. A click enlarges it. */
function makeTileOf(layer, i, map, {channels, size}, inputs, field) {
  const which = `Map ${map + 1} of ${channels}, layer ${i + 1}`, canvas = makeMap(size);
  if (size === 1) {
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", which);
    return canvas;
  }
  const tile = make("button", "tile", canvas);
  let caption = `${which}, ${size}×${size} pixels. ${field}`;
  if (layer.weights) {
    const read = inputs / layer.groups;
    tile.prepend(makeFilter(layer, map, read));
    if (read > 1) caption += ` Its filter has a square for each of the ${read} maps before it.`;
  }
  tile.append(make("span", "caption", caption));
  tile.setAttribute("aria-label", which);
  tile.setAttribute("aria-expanded", "false");
  tile.addEventListener("click", () => {
    tile.setAttribute("aria-expanded", tile.classList.toggle("large"));
  });
  return tile;
}

/** Paint the filter of a map: a square of weights for each map that it reads, blue above zero, orange below. */
function makeFilter({weights, kernel, channels}, map, read) {
  const count = read * kernel * kernel, own = weights.subarray(map * count, (map + 1) * count);
  const largest = weights.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-9);
  const across = Math.ceil(Math.sqrt(read)), space = kernel > 1 ? 1 : 0;  // squares in a row; pixels between them
  const canvas = make("canvas", "filter");
  canvas.width = across * (kernel + space) - space;
  canvas.height = Math.ceil(read / across) * (kernel + space) - space;
  const image = new ImageData(canvas.width, canvas.height);
  own.forEach((weight, i) => {
    const square = Math.floor(i / kernel ** 2), inSquare = i % kernel ** 2;
    const x = (square % across) * (kernel + space) + inSquare % kernel;
    const y = Math.floor(square / across) * (kernel + space) + Math.floor(inSquare / kernel);
    const sign = colour(weight > 0 ? "--plus" : "--minus");
    image.data.set([...sign, 255 * Math.abs(weight) / largest], 4 * (y * canvas.width + x));
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

/** Show the maps of every layer, and the logits of the last; empty ones if there is no stack of maps. */
function showLayers(stack) {
  [...element("layers").children].forEach((row, i) => {
    const values = stack?.[i].values, most = values?.reduce((a, b) => Math.max(a, b)), largest = Math.max(most, 1e-9);
    row.querySelectorAll(".map").forEach((canvas, map) => {
      const pixels = canvas.width * canvas.height;
      paint(canvas, values?.subarray(map * pixels, (map + 1) * pixels), largest);
    });
    row.querySelectorAll(".logit").forEach((logit, digit) => {
      logit.classList.toggle("first", values !== undefined && values[digit] === most);
      logit.lastChild.textContent = values ? values[digit].toFixed(1).replace("-", "−") : "–";
    });
  });
}
