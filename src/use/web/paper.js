// The paper: strokes of one pointer at a time, undo, and the digits that are on it. A pen's width follows the size of
// its digit, so that a small one is no blob. prepare() and separate() come from picture.js; look() and say() from page.js.
//
// Marks are what is on the paper: strokes, each a list of points [x, y], and test digits, {example: 7}.

const SIDE = 420;  // the paper is so many units wide and high, however large it is shown
const PEN = 0.1;  // its width for a digit that is 1 high: about as thick as in MNIST
const [THINNEST, THINNEST_SHOWN] = [1, 6];  // units
const PEN_ON_EXAMPLE = 30;  // units; a test digit fills the paper
const THIN = 2;  // units, of the lines by which digits are told apart
const FINE = 280;  // pixels of the canvas on which a digit is drawn large, to be read

const drawing = element("drawing");
const ink = drawing.getContext("2d", {willReadFrequently: true});
const [sketch, large] = [makeContext(SIDE), makeContext(FINE)];  // never shown

let marks = [];
const earlier = [];  // the marks before each change
let pointer = null;  // {id, type, stroke} of the mouse, finger or pen that is drawing; all others are ignored


// ---- Draw ----

drawing.addEventListener("pointerdown", event => {
  if (event.button !== 0) return;
  if (pointer) {  // a palm beside a pen changes nothing; where the palm was first, the pen takes over
    if (event.pointerType !== "pen" || pointer.type !== "touch") return;
    undo();
  }
  pointer = {id: event.pointerId, type: event.pointerType, stroke: [pointOf(event)]};
  change([...marks, pointer.stroke]);
  lookSoon();
});
document.addEventListener("pointermove", event => {
  if (event.pointerId !== pointer?.id) return;
  const all = event.getCoalescedEvents?.() ?? [];  // a screen shows fewer than a pen sends
  pointer.stroke.push(...(all.length ? all : [event]).map(pointOf));
  lookSoon();
});
for (const end of ["pointerup", "pointercancel"]) {
  document.addEventListener(end, event => event.pointerId === pointer?.id && endStroke());
}
window.addEventListener("blur", () => pointer && endStroke());
// Or else a quick stroke of a finger ends as a fling, and the browser takes a tap that follows for the end of it.
drawing.addEventListener("touchstart", event => event.preventDefault(), {passive: false});

function pointOf(event) {
  const box = drawing.getBoundingClientRect();
  return [(event.clientX - box.left) * SIDE / box.width, (event.clientY - box.top) * SIDE / box.height];
}

function endStroke() {
  pointer = null;
  say(look());
}

/** Put other marks on the paper; the ones before come back with undo(). */
function change(others) {
  earlier.push(marks);
  marks = others;
  picked = null;
  unshare();
}

/** Take back the last change: the stroke that is being drawn, for example. */
function undo() {
  pointer = null;
  if (earlier.length) marks = earlier.pop();
  picked = null;
  unshare();
  say(look());
}

function clear() {
  pointer = null;
  if (marks.length) change([]);
  say(look());
}

/** Put the test digit of a class on the paper. */
function example(digit) {
  pointer = null;
  change([{example: digit}]);
  say(look());
}


// ---- Read ----

/** Return the digits on the paper from left to right: {picture, box, strokes, pen}, the width of the pen among them. */
function readPaper() {
  if (!marks.length) return [];
  const hasExample = marks.some(mark => !Array.isArray(mark));
  sketch.clearRect(0, 0, SIDE, SIDE);
  for (const mark of marks) paintMark(sketch, mark, hasExample ? PEN_ON_EXAMPLE : THIN);
  // A stroke that has just begun is small: only when it is finished can it be said to belong to what is near.
  const inks = separate(inkOf(sketch.canvas), SIDE, pointer ? 0 : undefined);
  if (hasExample) {  // pixels cannot be drawn again with another pen
    return inks.map(ink => ({picture: prepare(ink, SIDE), strokes: [], pen: PEN_ON_EXAMPLE, box: boxOfInk(ink)}));
  }
  return inks.map(ink => {
    const strokes = marks.filter(stroke => ink[pixelOf(stroke[0])] > 0);
    return strokes.length && {strokes, ...readStrokes(strokes)};
  }).filter(Boolean);
}

/** Draw the strokes of a digit as large as fits, with a pen that suits its size, and return {picture, box, pen}. */
function readStrokes(strokes) {
  const box = boxOf(strokes.flat());
  const size = Math.max(box.right - box.left, box.bottom - box.top), pen = Math.max(THINNEST, PEN * size);
  const scale = FINE / (size + pen);
  large.resetTransform();
  large.clearRect(0, 0, FINE, FINE);
  large.setTransform(scale, 0, 0, scale, (pen / 2 - box.left) * scale, (pen / 2 - box.top) * scale);
  for (const stroke of strokes) paintMark(large, stroke, pen);
  return {picture: prepare(inkOf(large.canvas), FINE), box, pen};
}

function pixelOf([x, y]) {
  const inside = position => Math.max(0, Math.min(SIDE - 1, Math.floor(position)));
  return inside(y) * SIDE + inside(x);
}

function boxOf(points) {
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const [x, y] of points) {
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
  }
  return {left, right, top, bottom};
}

function boxOfInk(ink) {
  const points = [];
  ink.forEach((value, i) => value && points.push([i % SIDE, Math.floor(i / SIDE)]));
  return boxOf(points);
}


// ---- Paint ----

/** Show what is on the paper; where there are several digits, a line stands below the one that is looked at. */
function showPaper(digits, shown) {
  const pens = new Map(digits.flatMap(({strokes, pen}) => strokes.map(stroke => [stroke, pen])));
  const thickest = Math.max(0, ...pens.values());
  const hasExample = marks.some(mark => !Array.isArray(mark));
  ink.resetTransform();
  ink.clearRect(0, 0, drawing.width, drawing.height);
  ink.scale(drawing.width / SIDE, drawing.height / SIDE);
  for (const mark of marks) {
    paintMark(ink, mark, hasExample ? PEN_ON_EXAMPLE : Math.max(THINNEST_SHOWN, pens.get(mark) ?? 0));
  }
  if (digits.length < 2) return;
  const {left, right, bottom} = digits[shown].box, y = Math.min(SIDE - 4, bottom + thickest / 2 + 10);
  ink.strokeStyle = `rgb(${colour("--accent")})`;
  ink.lineWidth = 4;
  ink.beginPath();
  ink.moveTo(left, y);
  ink.lineTo(right + 0.1, y);
  ink.stroke();
}

/** Paint a stroke with a pen so many units wide, or a test digit over the whole paper, a square for each pixel. */
function paintMark(context, mark, width) {
  if (!Array.isArray(mark)) {
    context.imageSmoothingEnabled = false;
    context.drawImage(element("examples").children[mark.example].firstChild, 0, 0, SIDE, SIDE);
    return;
  }
  context.strokeStyle = `rgb(${colour("--ink")})`;
  context.lineWidth = width;
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  context.moveTo(...mark[0]);
  for (const [x, y] of mark) context.lineTo(x + 0.01, y);  // no line has no length: a tap is a dot
  context.stroke();
}

/** Return how much ink, 0 to 255, is on each pixel of a canvas. */
function inkOf(canvas) {
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const ink = new Uint8Array(data.length / 4);
  for (let i = 0; i < ink.length; i++) ink[i] = data[4 * i + 3];  // red, green, blue, opacity
  return ink;
}

function makeContext(size) {
  return makeMap(size).getContext("2d", {willReadFrequently: true});
}
