// The page around the forward pass: what is drawn, what is shown, and what is laid out.
// NETWORKS and EXAMPLES come from page.py; prepare(), forward() and softmax() from network.js.

const INK = [0, 42, 74];  // red, green, blue; how much ink there is, is its opacity
const PEN_WIDTH = 33;  // on paper of 420 x 420: about as thick, for the size of a digit, as in MNIST

const element = id => document.getElementById(id);
const percent = share => `${(100 * share).toFixed(1)} %`;

const drawing = element("drawing");
const pen = drawing.getContext("2d", {willReadFrequently: true});
const networks = NETWORKS.map(unpack);
let network;  // the one that the menu shows


// ---- Show ----

/** Let the network look at the drawing; show its answer and its maps, and return the answer as a sentence. */
function look() {
  const picture = prepare(inkOf(drawing), drawing.width);
  const stack = picture && forward(network, picture);
  element("hint").style.visibility = picture ? "hidden" : "visible";
  paint(element("picture"), picture?.values, 255);
  showLayers(stack);
  return picture ? showAnswer(softmax(stack.at(-1).values)) : showNothing();
}

/** Show ten probabilities and return the answer as a sentence. */
function showAnswer(probabilities) {
  const [first, second] = [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]);
  const confidence = `confidence ${percent(probabilities[first])}; next ${second}, ${percent(probabilities[second])}`;
  element("digit").textContent = first;
  element("answer").textContent = confidence;
  probabilities.forEach((probability, digit) => showBar(digit, probability, percent(probability), digit === first));
  return `${first}, ${confidence}`;
}

/** Show that there is nothing to answer, and return this as a sentence. */
function showNothing() {
  element("digit").textContent = "?";
  element("answer").textContent = "Draw a digit to see an answer.";
  for (let digit = 0; digit < 10; digit++) showBar(digit, 0, "", false);
  return "The paper is empty.";
}

function showBar(digit, share, text, isFirst) {
  const row = element("bars").children[digit];
  row.classList.toggle("first", isFirst);
  row.querySelector(".bar").style.transform = `scaleX(${share})`;
  row.querySelector(".percent").textContent = text;
}

/** Show the maps of every layer, and the logits of the last; empty ones if there is no stack of maps. */
function showLayers(stack) {
  [...element("layers").children].forEach((row, i) => {
    const values = stack?.[i].values, largest = values?.reduce((a, b) => Math.max(a, b), 1e-9);
    row.querySelectorAll("canvas").forEach((canvas, map) => {
      const pixels = canvas.width * canvas.height;
      paint(canvas, values?.subarray(map * pixels, (map + 1) * pixels), largest);
    });
    row.querySelectorAll(".logit").forEach((logit, digit) => {
      logit.classList.toggle("first", values?.[digit] === largest);
      logit.lastChild.textContent = values ? values[digit].toFixed(1).replace("-", "−") : "–";
    });
  });
}

/** Paint numbers from 0 (paper) to largest (ink) on a canvas with a pixel for each; no numbers leave it empty. */
function paint(canvas, values, largest) {
  const image = new ImageData(canvas.width, canvas.height);
  values?.forEach((value, i) => image.data.set([...INK, 255 * value / largest], 4 * i));
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** Return how much ink, 0 to 255, is on each pixel of a canvas. */
function inkOf(canvas) {
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const ink = new Uint8Array(data.length / 4);
  for (let i = 0; i < ink.length; i++) ink[i] = data[4 * i + 3];  // red, green, blue, opacity
  return ink;
}

/** Say an answer to those who listen to the page instead of looking at it. */
function say(sentence) {
  element("spoken").textContent = sentence;
}


// ---- Draw ----

let last = null;  // the point that the pen came from, while it is down
let isLookDue = false;  // before the screen is shown again

/** Draw a line from the last point to that of a pointer event. */
function draw(event) {
  const box = drawing.getBoundingClientRect(), scale = drawing.width / box.width;
  const point = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  pen.strokeStyle = `rgb(${INK})`;
  pen.lineWidth = PEN_WIDTH;
  pen.lineCap = pen.lineJoin = "round";
  pen.beginPath();
  pen.moveTo(...last ?? point);
  pen.lineTo(point[0] + 0.1, point[1]);  // no line has no length: a tap is a dot
  pen.stroke();
  last = point;

  if (isLookDue) return;
  isLookDue = true;
  requestAnimationFrame(() => {
    isLookDue = false;
    look();
  });
}

drawing.addEventListener("pointerdown", event => {
  if (!event.isPrimary || event.button !== 0) return;
  drawing.setPointerCapture(event.pointerId);  // the line goes on when the pen leaves the paper
  draw(event);
});
drawing.addEventListener("pointermove", event => last && event.isPrimary && draw(event));
drawing.addEventListener("lostpointercapture", () => {
  last = null;
  say(look());
});

function clear() {
  pen.clearRect(0, 0, drawing.width, drawing.height);
  say(look());
}

/** Put the example of a digit on the paper, with a square of ink for each of its 28 x 28 pixels. */
function example(digit) {
  pen.clearRect(0, 0, drawing.width, drawing.height);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(element("examples").children[digit].firstChild, 0, 0, drawing.width, drawing.height);
  say(look());
}

element("clear").addEventListener("click", clear);
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "Escape" || event.key === "Delete") clear();
  if (/^[0-9]$/.test(event.key)) example(Number(event.key));
});


// ---- Lay out ----

/** Make an element: make("b", "first", "7") is <b class="first">7</b>. */
function make(name, className, ...children) {
  const made = document.createElement(name);
  made.className = className;
  made.append(...children);
  return made;
}

function makeMap(size) {
  const canvas = make("canvas", "map");
  canvas.width = canvas.height = size;
  return canvas;
}

/** Make a row for each layer: what it is, what it does, and an empty tile for each of its maps. */
function makeLayers() {
  const explained = new Set();
  let seen = 1, step = 1;  // pixels of the picture: those that a pixel of a map depends on; from one to the next
  let before = {size: 28};
  return forward(network, emptyMaps(1, 28)).map(({channels, size}, i, stack) => {
    const layer = network.layers[i], isLast = i === stack.length - 1;
    const kernel = layer.kind === "crop" ? 1 : layer.kernel ?? before.size;
    seen += (kernel - 1) * step;
    step *= layer.stride ?? 1;
    before = stack[i];

    const side = layer.size ?? kernel, maps = channels === 1 ? "map" : "maps";
    const amount = size > 1 ? `${channels} ${maps} of ${size}×${size}` : `${channels} numbers`;
    const text = make("div", "", make("h3", "", `${side}×${side} ${layer.kind}, `, make("span", "", amount)));
    const meaning = explain(layer, isLast);
    if (!explained.has(meaning)) text.append(make("p", "note", meaning));
    if (size > 1 && seen > 1) text.append(make("p", "note", `A pixel depends on ${seen}×${seen} pixels of the picture.`));
    explained.add(meaning);

    const makeTile = map => isLast ? make("div", "logit", make("b", "", map), make("span", "")) : makeMap(size);
    const tiles = make("div", "maps", ...Array.from({length: channels}, (_, map) => makeTile(map)));
    tiles.style.setProperty("--columns", Math.ceil(channels / Math.ceil(channels / 12)));  // at most 12, in even rows
    return make("li", "", text, tiles);
  });
}

/** Say in plain words what a layer does. */
function explain({kind, kernel, relu}, isLast) {
  if (isLast) return "One number for each digit, the logits. Softmax turns them into the percentages above.";
  if (kind === "crop") return "Keeps the middle of the picture; its border is nearly always empty.";
  if (kind === "max pooling") return `Keeps the largest of every ${kernel}×${kernel} pixels.`;
  if (kind === "global average pooling") return "Each map becomes its mean: where a pattern was no longer counts.";
  const looks = kernel === 1 ? "Each map is a mixture of all maps before it."
    : `Each map looks for one pattern in squares of ${kernel}×${kernel} pixels of the maps before it.`;
  return relu ? `${looks} ReLU sets what is negative to 0.` : looks;
}

/** Take the network that the menu shows, and let it look at the drawing. */
function choose() {
  const index = element("network").selectedIndex, {name, parameters, accuracy, trainings} = NETWORKS[index];
  network = networks[index];
  const right = accuracy === null ? "" : ` and gets ${accuracy.toFixed(2)}\u00a0% of MNIST's test digits right`;
  const first = trainings === 1 ? "" : ` (mean of ${trainings} trainings; the first answers here)`;
  element("meaning").textContent = `${name} has ${parameters.toLocaleString("en")} parameters${right}${first}.`;
  element("layers").replaceChildren(...makeLayers());
  say(look());
}

NETWORKS.forEach(({name, parameters, accuracy}) => {
  const right = accuracy === null ? "" : `, ${accuracy.toFixed(2)} %`;
  element("network").append(make("option", "", `${name}: ${parameters.toLocaleString("en")} parameters${right}`));
});
const accuracies = NETWORKS.map(({accuracy}) => accuracy);
element("network").selectedIndex = Math.max(0, accuracies.indexOf(Math.max(...accuracies)));
element("network").addEventListener("change", choose);
document.body.classList.toggle("alone", NETWORKS.length === 1);  // in a notebook, which has said what this is

EXAMPLES.forEach((base64, digit) => {
  const canvas = makeMap(28), button = make("button", "", canvas);
  paint(canvas, bytes(base64), 255);
  button.setAttribute("aria-label", `Test digit ${digit}`);
  button.addEventListener("click", () => example(digit));
  element("examples").append(button);

  const track = make("span", "track", make("span", "bar"));
  element("bars").append(make("li", "", make("span", "", digit), track, make("span", "percent")));
});

choose();
