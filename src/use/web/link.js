// A drawing as a link: its marks stand behind the # of the address, which a browser does not send.
//
// A mark of one letter is a test digit; a stroke has four letters for each point, two for x and two for y.

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const NEAREST = 2;  // units of the paper; of points nearer to each other, one is enough
const canLink = /^(https?|file):$/.test(location.protocol);  // not in the frame of a notebook

/** Return marks as a text. */
function textOf(marks) {
  const letters = position => {
    const number = Math.max(0, Math.min(4095, Math.round(position / SIDE * 4095)));
    return LETTERS[number >> 6] + LETTERS[number & 63];
  };
  const texts = marks.map(mark => {
    if (!Array.isArray(mark)) return String(mark.example);
    return thinned(mark).map(([x, y]) => letters(x) + letters(y)).join("");
  });
  return texts.join(".");
}

/** Return the marks that a text stands for, or none if it is not one of textOf(). */
function marksOf(text) {
  const isText = /^([0-9]|([\w-]{4})+)(\.([0-9]|([\w-]{4})+))*$/.test(text);
  return !isText ? [] : text.split(".").map(mark => {
    if (mark.length === 1) return {example: Number(mark)};
    const number = start => 64 * LETTERS.indexOf(mark[start]) + LETTERS.indexOf(mark[start + 1]);
    const position = start => number(start) / 4095 * SIDE;
    return Array.from({length: mark.length / 4}, (_, i) => [position(4 * i), position(4 * i + 2)]);
  });
}

/** Return the points of a stroke without those that are very near to the one before; its end stays. */
function thinned(stroke) {
  const kept = [];
  stroke.forEach((point, i) => {
    const far = ([x, y]) => Math.hypot(point[0] - x, point[1] - y) >= NEAREST;
    if (!i || i === stroke.length - 1 || far(kept.at(-1))) kept.push(point);
  });
  return kept;
}

/** Show a link to the drawing and copy it, where the browser lets a page do so; no permission is asked for. */
function share() {
  const field = element("link");
  history.replaceState(null, "", `#${textOf(marks)}`);
  field.value = location.href;
  element("shared").hidden = false;
  field.focus();
  field.select();
  element("copied").textContent = document.execCommand("copy") ? "Copied." : "Copy this link.";
}

/** Take the link away: it is not to what is drawn now. */
function unshare() {
  element("shared").hidden = true;
  if (canLink && location.hash) history.replaceState(null, "", location.pathname + location.search);
}

/** Put the marks of the address on the paper, if it has any. */
function restore() {
  const linked = canLink ? marksOf(location.hash.slice(1)) : [];
  if (!linked.length) return;
  const address = location.href;
  change(linked);
  history.replaceState(null, "", address);
}

/** Let the link to the lesson lead to it: beside the page, or where GitHub shows the repository of its Pages. */
function linkLesson() {
  const {hostname, pathname} = location, [owner, pages] = hostname.split(/\.(.*)/s);
  element("lesson").hidden = !canLink;
  if (pages === "github.io") element("lesson").href = `https://github.com/${owner}/${pathname.split("/")[1]}#readme`;
}
