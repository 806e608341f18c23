// What all parts of the page use: elements, colours and small images.

const element = id => document.getElementById(id);
const percent = share => `${(100 * share).toFixed(1)} %`;

/** Make an element: make("b", "first", "7") is <b class="first">7</b>. */
function make(name, className, ...children) {
  const made = document.createElement(name);
  made.className = className;
  made.append(...children);
  return made;
}

/** Return whether the classes of a network are the ten digits; and whether names of them are longer than a letter. */
const isOfDigits = ({classes}) => classes.join() === "0,1,2,3,4,5,6,7,8,9";
const hasWords = ({classes}) => classes.some(name => [...name].length > 1);

/** Return the names of classes as one text: "42", "AB" or "Shirt, Bag". */
const joined = (network, names) => names.join(hasWords(network) ? ", " : "");

function makeMap(size) {
  const canvas = make("canvas", "map");
  canvas.width = canvas.height = size;
  return canvas;
}

const colours = new Map();  // those that were asked for; light and dark have their own

/** Return a colour of the style sheet, "--ink" for example, as red, green and blue. */
function colour(name) {
  if (!colours.has(name)) {
    const text = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    colours.set(name, [1, 3, 5].map(start => parseInt(text.slice(start, start + 2), 16)));
  }
  return colours.get(name);
}

/** Paint numbers from 0 (nothing) to largest on a canvas with a pixel for each; no numbers leave it empty. */
function paint(canvas, values, largest, name = "--ink") {
  const image = new ImageData(canvas.width, canvas.height), full = colour(name);
  values?.forEach((value, i) => image.data.set([...full, 255 * value / largest], 4 * i));
  canvas.getContext("2d").putImageData(image, 0, 0);
}
