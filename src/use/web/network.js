// From a picture to a percentage for each class, in loops that can be read: what PyTorch does in a trained network.
// Nothing here knows of the page.
//
// Maps are {channels, size, values}: `channels` square maps of `size` x `size` numbers in one Float32Array, map by map
// and row by row. A picture is one map of 28 x 28 numbers, from 0 (paper) to 255 (ink).

/** Put a picture through a network and return the maps after each of its layers; the last are the logits, one for each class. */
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

  // The picture is sheared and shifted until its ink stands upright, in the middle: no parameter is needed for that.
  "deskew"(input) {
    const {size, values} = input, paper = values.reduce((a, b) => Math.min(a, b)), middle = (size - 1) / 2;
    let mass = 1e-6, sumX = 0, sumY = 0, sumXY = 0, sumYY = 0;  // of the ink; x and y count from the middle
    values.forEach((value, i) => {
      const ink = value - paper, x = i % size - middle, y = Math.floor(i / size) - middle;
      mass += ink;
      sumX += ink * x;
      sumY += ink * y;
      sumXY += ink * x * y;
      sumYY += ink * y * y;
    });
    const [middleX, middleY] = [sumX / mass, sumY / mass];
    const slant = (sumXY / mass - middleX * middleY) / Math.max(1e-6, sumYY / mass - middleY * middleY);

    // Each pixel is read where it comes from, in the midst of four pixels that share in it by their nearness.
    const inkAt = (x, y) => x < 0 || y < 0 || x >= size || y >= size ? 0 : values[y * size + x] - paper;
    const output = emptyMaps(1, size);
    output.values.forEach((_, i) => {
      const y = middleY + Math.floor(i / size), x = middleX + slant * (Math.floor(i / size) - middle) + i % size;
      const left = Math.floor(x), top = Math.floor(y), right = x - left, down = y - top;
      const upper = (1 - right) * inkAt(left, top) + right * inkAt(left + 1, top);
      const lower = (1 - right) * inkAt(left, top + 1) + right * inkAt(left + 1, top + 1);
      output.values[i] = (1 - down) * upper + down * lower + paper;
    });
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

/**
 * Return, for each pixel of a picture, how far the logit of a class falls on average when a square of 4 x 4 pixels over
 * it is hidden (occlusion: Zeiler, Fergus 2014); 0 where it does not fall.
 */
function matters(network, picture, label) {
  const logit = values => forward(network, {...picture, values}).at(-1).values[label];
  const whole = logit(picture.values), falls = new Float32Array(28 * 28), squares = new Float32Array(28 * 28);
  for (let top = 0; top <= 24; top += 2) {
    for (let left = 0; left <= 24; left += 2) {
      const hidden = picture.values.slice(), pixels = [];
      for (let y = top; y < top + 4; y++) {
        for (let x = left; x < left + 4; x++) pixels.push(y * 28 + x);
      }
      for (const pixel of pixels) hidden[pixel] = 0;
      const isEmpty = pixels.every(pixel => picture.values[pixel] === 0);  // then nothing changes
      const fall = isEmpty ? 0 : whole - logit(hidden);
      for (const pixel of pixels) {
        falls[pixel] += fall;
        squares[pixel]++;
      }
    }
  }
  return falls.map((fall, pixel) => Math.max(0, fall / squares[pixel]));
}

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
function unpack({numbers, mean, std, classes, layers}) {
  const values = new Float32Array(bytes(numbers).buffer);
  let start = 0, channels = 1;
  const take = count => values.subarray(start, start += count);
  const unpacked = layers.map(layer => {
    if (layer.kind !== "convolution") return layer;
    const weights = take(layer.channels * channels / layer.groups * layer.kernel ** 2);
    channels = layer.channels;
    return {...layer, weights, bias: take(channels)};
  });
  return {mean, std, classes, layers: unpacked};
}

/** Return the bytes that a text in base64 stands for. */
function bytes(base64) {
  return Uint8Array.from(atob(base64), letter => letter.charCodeAt(0));
}
