// From a drawing to pictures: which digits there are, and each as MNIST's makers would have scanned it, in loops that
// can be read. Nothing here knows of the page.
//
// Ink is side x side numbers from 0 (paper) to 255, row by row.

/**
 * Return the digits of a drawing from left to right, each as ink of its own, for prepare().
 *
 * Parts are of one digit if they stand above each other, or if one is small and near. What is tiny and alone is a speck.
 * near: gap to the nearest large part, as a share of the tallest part's height, below which a small part belongs to it.
 */
function separate(ink, side, near = 1 / 4) {
  const parts = partsOf(ink, side);
  const tallest = Math.max(...parts.map(part => part.height));
  const isSmall = part => part.height < tallest / 2;
  const join = (part, other) => {
    const old = part.digit;
    for (const each of parts) if (each.digit === old) each.digit = other.digit;
  };
  parts.forEach((part, i) => part.digit = i);  // each a digit of its own, at first

  for (const part of parts) {
    for (const other of parts) {
      const overlap = Math.min(part.right, other.right) - Math.max(part.left, other.left) + 1;
      if (overlap > Math.min(part.width, other.width) / 2) join(part, other);
    }
  }
  for (const part of parts.filter(isSmall)) {
    const large = parts.filter(other => !isSmall(other)).sort((a, b) => gap(part, a) - gap(part, b));
    if (gap(part, large[0]) < near * tallest) join(part, large[0]);
  }

  const digits = new Map();
  for (const part of parts) digits.set(part.digit, [...digits.get(part.digit) ?? [], part]);
  const area = parts => parts.reduce((sum, part) => sum + part.pixels.length, 0);
  const speck = 0.02 * Math.max(...parts.map(part => part.pixels.length));
  return [...digits.values()]
    .filter(parts => area(parts) >= speck)
    .sort((a, b) => Math.min(...a.map(part => part.left)) - Math.min(...b.map(part => part.left)))
    .map(parts => {
      const own = new Uint8Array(side * side);
      for (const {pixels} of parts) for (const pixel of pixels) own[pixel] = ink[pixel];
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
    parts.push({pixels, left, right, top, bottom, width: right - left + 1, height: bottom - top + 1});
  }
  return parts;
}

/** Return how many pixels of paper are between the boxes of two parts. */
function gap(part, other) {
  const across = Math.max(part.left - other.right, other.left - part.right) - 1;
  const down = Math.max(part.top - other.bottom, other.top - part.bottom) - 1;
  return Math.max(0, across, down);
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
