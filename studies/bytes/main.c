/* Reads images from standard input, 28 rows of 28 bytes each, and writes COUNT logits of 32 bits for each. */
#include <stdint.h>
#include <stdio.h>

int digit(const uint8_t pixels[28 * 28]);
extern int32_t digit_logits[COUNT];

int main(void)
{
    static uint8_t pixels[28 * 28];
    while (fread(pixels, 1, sizeof pixels, stdin) == sizeof pixels) {
        digit(pixels);
        fwrite(digit_logits, sizeof digit_logits[0], COUNT, stdout);
    }
    return 0;
}
