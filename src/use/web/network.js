// From a drawing to ten percentages, in loops that can be read: what MNIST's makers did to a scanned digit, and what
// PyTorch does in a trained network. Nothing here knows of the page.
//
// Maps are {channels, size, values}: `channels` square maps of `size` x `size` numbers in one Float32Array, map by map
// and row by row. A picture is one map of 28 x 28 numbers, from 0 (paper) to 255 (ink).

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

/** Put a picture through a network and return the maps after each of its layers; the last are the ten logits. */
function forward(network, picture) {
  let maps = emptyMaps(1, 28);
  maps.values = picture.values.map(value => (value / 255 - network.mean) / network.std);
  return network.layers.map(layer => maps = OPERATIONS[layer.kind](maps, layer));
}

const OPERATIONS = {
  // Only the pixels in the middle are kept: the border of a digit's picture is nearly always empty.
  "crop"(input, {size}) {
    const output = emptyMaps(input.channels, size), border = (input.size - size) / 2;
    let position = 0;
    for (let map = 0; map < input.channels; map++) {
      for (let y = border; y < border + size; y++) {
        for (let x = border; x < border + size; x++) {
          output.values[position++] = input.values[(map * input.size + y) * input.size + x];
        }
      }
    }
    return output;
  },

  // Every output pixel is a bias plus a weighted sum of a small square of pixels in all input maps.
  // The same weights are used everywhere, so an output map shows where one pattern occurs.
  "convolution"(input, {kernel, stride, padding, groups, channels, relu, weights, bias}) {
    const padded = pad(input, padding);
    const output = emptyMaps(channels, Math.floor((padded.size - kernel) / stride) + 1);
    const read = input.channels / groups;  // input maps that an output map reads: all of them if there is one group
    let position = 0;
    for (let channel = 0; channel < channels; channel++) {
      const first = Math.floor(channel * groups / channels) * read;
      for (let y = 0; y < output.size; y++) {
        for (let x = 0; x < output.size; x++) {
          let sum = bias[channel];
          let weight = channel * read * kernel * kernel;
          for (let map = first; map < first + read; map++) {
            for (let dy = 0; dy < kernel; dy++) {
              const start = (map * padded.size + y * stride + dy) * padded.size + x * stride;
              for (let dx = 0; dx < kernel; dx++) {
                sum += weights[weight++] * padded.values[start + dx];
              }
            }
          }
          output.values[position++] = relu ? Math.max(0, sum) : sum;  // ReLU: what is negative becomes 0
        }
      }
    }
    return output;
  },

  // Every output pixel is the largest of a small square of pixels: a pattern may move a little.
  "max pooling"(input, {kernel, stride}) {
    const output = emptyMaps(input.channels, Math.floor((input.size - kernel) / stride) + 1);
    let position = 0;
    for (let map = 0; map < input.channels; map++) {
      for (let y = 0; y < output.size; y++) {
        for (let x = 0; x < output.size; x++) {
          let largest = -Infinity;
          for (let dy = 0; dy < kernel; dy++) {
            for (let dx = 0; dx < kernel; dx++) {
              const value = input.values[(map * input.size + y * stride + dy) * input.size + x * stride + dx];
              largest = Math.max(largest, value);
            }
          }
          output.values[position++] = largest;
        }
      }
    }
    return output;
  },

  // Every map becomes one number, its mean: how much of a pattern there is, wherever it is.
  "global average pooling"(input) {
    const output = emptyMaps(input.channels, 1), pixels = input.size * input.size;
    for (let map = 0; map < input.channels; map++) {
      const values = input.values.subarray(map * pixels, (map + 1) * pixels);
      output.values[map] = values.reduce((sum, value) => sum + value, 0) / pixels;
    }
    return output;
  },
};

/** Turn logits into probabilities: all positive, in the same order, and 1 together. */
function softmax(logits) {
  const largest = Math.max(...logits);  // taken off first, so that exp() cannot overflow
  const powers = Array.from(logits, logit => Math.exp(logit - largest));
  const sum = powers.reduce((sum, power) => sum + power, 0);
  return powers.map(power => power / sum);
}

function emptyMaps(channels, size) {
  return {channels, size, values: new Float32Array(channels * size * size)};
}

/** Put a border of zeros around each map. */
function pad(input, width) {
  if (width === 0) return input;
  const output = emptyMaps(input.channels, input.size + 2 * width);
  for (let line = 0; line < input.channels * input.size; line++) {
    const map = Math.floor(line / input.size), y = line % input.size + width;
    const values = input.values.subarray(line * input.size, (line + 1) * input.size);
    output.values.set(values, (map * output.size + y) * output.size + width);
  }
  return output;
}

/**
 * Unpack a network as the page holds it: give its convolutions their weights and biases, which are kept one after
 * another, in the order of the layers, as 32-bit numbers in base64.
 */
function unpack({numbers, mean, std, layers}) {
  const values = new Float32Array(bytes(numbers).buffer);
  let start = 0, channels = 1;
  const take = count => values.subarray(start, start += count);
  const unpacked = layers.map(layer => {
    if (layer.kind !== "convolution") return layer;
    const weights = take(layer.channels * channels / layer.groups * layer.kernel ** 2);
    channels = layer.channels;
    return {...layer, weights, bias: take(channels)};
  });
  return {mean, std, layers: unpacked};
}

/** Return the bytes that a text in base64 stands for. */
function bytes(base64) {
  return Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));
}
