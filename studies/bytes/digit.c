/* A row of the image is handed on through all layers at once. Each keeps the rows that its kernel needs again. */
static uint8_t kept[KEPT];
static uint8_t given[2][LONGEST];  /* the row that a layer is given, and the one that it makes of it */
static uint8_t seen[LAYERS];       /* how many rows each layer was given */
static int8_t kernel[KERNEL];      /* the unpacked weights of one channel */
static between_t between[BETWEEN]; /* a row of sums between the two parts of a separable convolution */
static int32_t total[TOTAL];       /* of an average */
static int32_t sums[4];            /* of up to four places side by side, for which a weight is read once */
static int second, third, fourth;  /* how far those places are from the first */
static uint32_t position;          /* of the next weight, in bits */
static int line;                   /* of the image */

int32_t digit_logits[CLASSES];

/* Read the weights that are next: each has a few bits, the lowest first. */
static void unpack(int count, int bits)
{
    const uint8_t *from = weights + position / 8;
    int have = 8 - position % 8, half = 1 << (bits - 1);
    uint32_t next = *from++ >> position % 8;
    position += (uint32_t)count * bits;
    for (int i = 0; i < count; i++) {
        if (have < bits) {
            next |= (uint32_t)*from++ << have;
            have += 8;
        }
        kernel[i] = (int)((next & (2 * half - 1)) ^ half) - half; /* the highest bit counts as negative */
        next >>= bits;
        have -= bits;
    }
}

/* Say how many places are left, at most four, and set how far they are from the first; the others are the first. */
static int places(int left, int apart)
{
    second = left > 1 ? apart : 0;
    third = left > 2 ? 2 * apart : 0;
    fourth = left > 3 ? 3 * apart : 0;
    return left < 4 ? left : 4;
}

/* Add up kernel times bytes in several rows, where bytes that follow each other are a step apart. */
static void window(const uint8_t *const row[], int height, int first, int count, int step)
{
    const int8_t *weight = kernel;
    int32_t a = 0, b = 0, c = 0, d = 0;
    int one = second, two = third, three = fourth;
    for (int y = 0; y < height; y++) {
        const uint8_t *byte = row[y] + first;
        const int8_t *end = weight + count;
        for (; weight != end; weight++, byte += step) {
            a += *weight * byte[0];
            b += *weight * byte[one];
            c += *weight * byte[two];
            d += *weight * byte[three];
        }
    }
    sums[0] = a, sums[1] = b, sums[2] = c, sums[3] = d;
}

/* The same for one place of all channels, in the second part of a separable convolution. */
static void mix(const between_t *value, int count)
{
    int32_t a = 0, b = 0, c = 0, d = 0;
    int one = second, two = third, three = fourth;
    for (int i = 0; i < count; i++, value++) {
        int32_t weight = kernel[i];
        a += weight * value[0];
        b += weight * value[one];
        c += weight * value[two];
        d += weight * value[three];
    }
    sums[0] = a, sums[1] = b, sums[2] = c, sums[3] = d;
}

/* Scale and shift a sum, and clip it: batch normalization, ReLU and rounding in one. */
static uint8_t to_byte(const struct layer *of, int32_t sum, int32_t multiplier, int32_t bias)
{
    int32_t value = sum / ((int32_t)1 << of->before) * multiplier + bias;
    value = value < 0 ? 0 : value >> of->after;
    return value > HIGHEST ? HIGHEST : value;
}

/* Make a row of a convolution, all places of a channel before the next one. */
static void convolve(int l, const uint8_t *multiplier, const int8_t *bias, const uint8_t *const row[], int inputs,
                     int width, uint8_t *out)
{
    const struct layer *of = &layers[l];
    int size = of->kernel, stride = of->stride * inputs, bits = of->bits + 1;
    for (int i = 0; of->kind == SEPARABLE && i < inputs; i++) {
        unpack(size * size, bits);
        for (int x = 0; x < width; x += 4) {
            int many = places(width - x, stride);
            window(row, size, x * stride + i, size, inputs);
            while (many--)
                between[(x + many) * inputs + i] = sums[many];
        }
    }
    for (int o = 0; o < of->channels; o++) {
        int32_t add = bias[o] * ((int32_t)1 << of->bias_shift) + ((int32_t)1 << of->after) / 2;
        unpack(of->kind == CONVOLUTION ? size * size * inputs : of->kind == DEPTHWISE ? size * size : inputs, bits);
        for (int x = 0; x < width; x += 4) {
            int many = places(width - x, of->kind == SEPARABLE ? inputs : stride);
            if (of->kind == CONVOLUTION)
                window(row, size, x * stride, size * inputs, 1);
            else if (of->kind == DEPTHWISE)
                window(row, size, x * stride + o * inputs / of->channels, size, inputs);
            else
                mix(between + x * inputs, inputs);
            while (many--)
                if (l == LAYERS - 1)
                    digit_logits[o] += sums[many] + add;
                else
                    out[(x + many) * of->channels + o] = to_byte(of, sums[many], multiplier[o], add);
        }
    }
}

/* The first layer is given a row: make every row that this completes. */
static void advance(void)
{
    const uint8_t *multiplier = multipliers;
    const int8_t *bias = biases;
    uint8_t *before = kept; /* rows that this layer keeps */
    int width = SIDE, inputs = 1;
    position = 0;
    for (int l = 0; l < LAYERS; l++) {
        const struct layer *of = &layers[l];
        const uint8_t *in = given[l % 2];
        uint8_t *out = given[(l + 1) % 2];
        int size = of->kind == AVERAGE ? width : of->kernel, wide = (width - size) / of->stride + 1;
        int length = width * inputs, count = ++seen[l], complete = count >= size && (count - size) % of->stride == 0;
        if (of->kind == MAXIMUM) {
            for (int i = 0; i < wide * inputs; i++) {
                const uint8_t *byte = in + i / inputs * size * inputs + i % inputs;
                uint8_t largest = (count - 1) % size ? before[i] : 0;
                for (int x = 0; x < size; x++, byte += inputs)
                    largest = *byte > largest ? *byte : largest;
                before[i] = out[i] = largest;
            }
            before += wide * inputs;
        } else if (of->kind == AVERAGE) {
            for (int i = 0; i < length; i++)
                total[i % inputs] += in[i];
            for (int i = 0; complete && i < inputs; i++)
                out[i] = to_byte(of, total[i], *multiplier, ((int32_t)1 << of->after) / 2), total[i] = 0;
            multiplier++;
        } else {
            const uint8_t *row[TALLEST];
            uint8_t *oldest = before + (count - 1) % (size > 1 ? size - 1 : 1) * length;
            for (int y = 0; y < size - 1; y++)
                row[y] = before + (count - 1 + y) % (size - 1) * length;
            row[size - 1] = in;
            if (complete)
                convolve(l, multiplier, bias, row, inputs, wide, out);
            for (int i = 0; size > 1 && i < length; i++)
                oldest[i] = in[i];
            before += (size - 1) * length;
            multiplier += l < LAYERS - 1 ? of->channels : 0; /* logits have none */
            bias += of->channels;
        }
        if (!complete)
            return;
        width = wide;
        inputs = of->channels;
    }
}

void digit_begin(void)
{
    for (int l = 0; l < LAYERS; l++)
        seen[l] = 0;
    for (int i = 0; i < TOTAL; i++)
        total[i] = 0;
    for (int i = 0; i < CLASSES; i++)
        digit_logits[i] = 0;
    line = 0;
}

/* Give the first layer a row of the image. */
static void feed(int y, const uint8_t pixels[28])
{
    if (y < CROP || y >= 28 - CROP)
        return;
    for (int x = 0; x < SIDE; x++)
        given[0][x] = pixels[CROP + x];
    advance();
}

#if DESKEW
#define STEEPEST ((int32_t)1 << 24) /* in 65536ths */
static uint8_t image[28][28];

static int32_t ink(int y, int x, int background)
{
    return x < 0 || x > 27 || y < 0 || y > 27 ? 0 : image[y][x] - background;
}

/* Feed the image upright and in the middle: each row moved sideways, in 256ths of a pixel, and all of them up or down. */
static void deskew(void)
{
    int64_t sum = 0, sum_x = 0, sum_y = 0, sum_xy = 0, sum_yy = 0, slant;
    int background = 255, top;
    int32_t turn, middle;
    for (int i = 0; i < 28 * 28; i++)
        background = image[i / 28][i % 28] < background ? image[i / 28][i % 28] : background;
    for (int i = 0; i < 28 * 28; i++) {
        int32_t y = 2 * (i / 28) - 27, x = 2 * (i % 28) - 27, of = image[i / 28][i % 28] - background;
        sum += of;
        sum_x += of * x;
        sum_y += of * y;
        sum_xy += of * (x * y);
        sum_yy += of * (y * y);
    }
    if (!sum)
        sum = 1;
    slant = sum * sum_yy - sum_y * sum_y;
    slant = (sum * sum_xy - sum_x * sum_y) * 65536 / (slant > 1 ? slant : 1);
    turn = (int32_t)(slant > STEEPEST ? STEEPEST : slant < -STEEPEST ? -STEEPEST : slant);
    top = (int)(sum_y * 128 / sum) + 28 * 256; /* 28 pixels more, so that no division is of a negative number */
    middle = (int32_t)(sum_x * 128 / sum);
    for (int y = 0; y < 28; y++) {
        int32_t left = middle + turn * (2 * y - 27) / 512;
        int below = top % 256;
        uint8_t upright[28];
        left = (left < -28 * 256 ? -28 * 256 : left > 28 * 256 ? 28 * 256 : left) + 28 * 256;
        for (int x = 0; x < 28; x++) {
            int from_y = y + top / 256 - 28, from_x = x + left / 256 - 28, right = left % 256;
            int32_t upper = ink(from_y, from_x, background) * (256 - right) + ink(from_y, from_x + 1, background) * right;
            int32_t lower = ink(from_y + 1, from_x, background) * (256 - right) + ink(from_y + 1, from_x + 1, background) * right;
            upright[x] = (upper * (256 - below) + lower * below + 32768) / 65536 + background;
        }
        feed(y, upright);
    }
}

void digit_row(const uint8_t pixels[28])
{
    if (line == 28)
        return;
    for (int x = 0; x < 28; x++)
        image[line][x] = pixels[x];
    if (++line == 28)
        deskew();
}
#else
void digit_row(const uint8_t pixels[28])
{
    if (line < 28)
        feed(line++, pixels);
}
#endif

int digit_end(void)
{
    int answer = line == 28 ? 0 : -1;
    for (int i = 1; answer >= 0 && i < CLASSES; i++)
        if (digit_logits[i] > digit_logits[answer])
            answer = i;
    return answer;
}

int digit(const uint8_t pixels[28 * 28])
{
    digit_begin();
    for (int y = 0; y < 28; y++)
        digit_row(pixels + 28 * y);
    return digit_end();
}
