// From a drawing to pictures: which digits there are, and each as MNIST's makers would have scanned it, in loops that
// can be read. Nothing here knows of the page.
//
// Ink is side x side numbers from 0 (paper) to 255, row by row.

/**
 * Return the digits of a drawing, from left to right and line by line, each as ink of its own, for prepare().
 *
 * Parts are of one digit if one stands above the other, or if one is small and near. What is tiny and alone is a speck.
 * near: how near, as a share of the tallest part's height.
 */
function separate(ink, side, near = 0.15) {
  const parts = partsOf(ink, side);
  const tallest = Math.max(...parts.map(heightOf)), largest = Math.max(...parts.map(part => part.pixels.length));
  const belong = (one, other) => {
    const across = Math.max(one.left, other.left) - Math.min(one.right, other.right);  // a gap; negative: an overlap
    const down = Math.max(one.top, other.top) - Math.min(one.bottom, other.bottom);
    if (-across > Math.min(widthOf(one), widthOf(other)) / 2) return down < 0.3 * tallest;
    return Math.max(across, down) < near * tallest && Math.min(heightOf(one), heightOf(other)) < tallest / 2;
  };

  const digits = [];
  for (let part of parts) {
    for (let i = 0; i < digits.length; i++) {
      if (!belong(digits[i], part)) continue;
      part = together(digits[i], part);
      digits.splice(i, 1);
      i = -1;  // together they may belong to one that was looked at before
    }
    digits.push(part);
  }
  return inOrder(digits.filter(({pixels}) => pixels.length >= 0.02 * largest)).map(({pixels}) => {
    const own = new Uint8Array(side * side);
    for (const pixel of pixels) own[pixel] = ink[pixel];
    return own;
  });
}

/** Return the parts of a drawing, pixels of ink that touch each other, by a side or a corner. */
function partsOf(ink, side) {
  const seen = new Uint8Array(side * side), parts = [];
  for (let start = 0; start < side * side; start++) {
    if (!ink[start] || seen[start]) continue;
    const pixels = [start];  // more are found while these are looked at
    let [left, right, top, bottom] = [side, -1, side, -1];
    seen[start] = 1;
    for (let i = 0; i < pixels.length; i++) {
      const x = pixels[i] % side, y = Math.floor(pixels[i] / side);
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
      for (let nextY = Math.max(0, y - 1); nextY <= Math.min(side - 1, y + 1); nextY++) {
        for (let nextX = Math.max(0, x - 1); nextX <= Math.min(side - 1, x + 1); nextX++) {
          const next = nextY * side + nextX;
          if (!ink[next] || seen[next]) continue;
          seen[next] = 1;
          pixels.push(next);
        }
      }
    }
    parts.push({pixels, left, right: right + 1, top, bottom: bottom + 1});  // the right and lower edge are outside
  }
  return parts;
}

const widthOf = ({left, right}) => right - left;
const heightOf = ({top, bottom}) => bottom - top;

/** Return two parts as one. */
function together(one, other) {
  return {
    pixels: [...one.pixels, ...other.pixels],
    left: Math.min(one.left, other.left), right: Math.max(one.right, other.right),
    top: Math.min(one.top, other.top), bottom: Math.max(one.bottom, other.bottom),
  };
}

/** Return digits from left to right, line of text by line of text. */
function inOrder(digits) {
  const lines = [];
  for (const digit of [...digits].sort((a, b) => a.top + a.bottom - b.top - b.bottom)) {
    const line = lines.at(-1) ?? [], top = Math.min(...line.map(({top}) => top));
    const bottom = Math.max(...line.map(({bottom}) => bottom));
    const overlap = Math.min(bottom, digit.bottom) - Math.max(top, digit.top);
    if (line.length && overlap > 0.3 * Math.min(bottom - top, heightOf(digit))) line.push(digit);
    else lines.push([digit]);
  }
  return lines.flatMap(line => line.sort((a, b) => a.left + a.right - b.left - b.right));
}

/**
 * Turn a drawing into a picture as MNIST has them, or null if it is empty: crop the ink, fit it into 20 x 20 pixels,
 * and place it in 28 x 28 so that its centre of mass is in the middle (LeCun et al. 1998).
 * ink: side x side numbers from 0 to 255, row by row.
 */
function prepare(ink, side) {
  let [top, bottom, left, right] = [side, -1, side, -1];
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      if (ink[y * side + x] > 0) {
        [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
        [left, right] = [Math.min(left, x), Math.max(right, x)];
      }
    }
  }
  if (bottom < 0) return null;

  // A square around the ink becomes 20 x 20 cells; each gets the mean of the ink in it, and so soft edges.
  const square = Math.max(20, bottom - top + 1, right - left + 1);
  const edge = cell => Math.round(cell * square / 20);
  const cells = new Float32Array(20 * 20);
  for (let row = 0; row < 20; row++) {
    for (let column = 0; column < 20; column++) {
      let sum = 0, count = 0;
      for (let y = top + edge(row); y < top + edge(row + 1); y++) {
        for (let x = left + edge(column); x < left + edge(column + 1); x++) {
          sum += y < side && x < side ? ink[y * side + x] : 0;
          count++;
        }
      }
      cells[row * 20 + column] = Math.round(sum / count);
    }
  }

  // The centre of mass goes to pixel 14 (counted from 0) in both directions, as it does in MNIST.
  let mass = 0, massX = 0, massY = 0;
  cells.forEach((value, i) => {
    mass += value;
    massX += value * (i % 20);
    massY += value * Math.floor(i / 20);
  });
  const shiftX = Math.round(14 - massX / mass), shiftY = Math.round(14 - massY / mass);
  const picture = emptyMaps(1, 28);
  cells.forEach((value, i) => {
    const x = i % 20 + shiftX, y = Math.floor(i / 20) + shiftY;
    if (x >= 0 && x < 28 && y >= 0 && y < 28) picture.values[y * 28 + x] = value;
  });
  return picture;
}
