/* digit() on an emulated board with a Cortex-M3: QEMU's mps2-an385, whose clock of 25 MHz is told to tick once every
   40 instructions. The images lie at 0x21000000, their number first. Prints COUNT logits for each, the ticks that digit()
   took for all, and the deepest that the stack was. */
#include <stdint.h>

enum { CONTROL = 0, RELOAD = 1, NOW = 2, CLOCK = 0xffffff, DEEPEST = 4096, UNUSED = 0x5a };

int digit(const uint8_t pixels[28 * 28]);
extern int32_t digit_logits[];

static volatile uint32_t *const timer = (volatile uint32_t *)0xe000e010; /* SysTick counts down from RELOAD */
static uint8_t *const top = (uint8_t *)0x20400000;
static const uint32_t *const given = (const uint32_t *)0x21000000;

static void ask(uint32_t operation, const void *argument) /* the computer that emulates: semihosting */
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

static void print(int32_t number)
{
    char text[16], *first = text + 15;
    uint32_t left = number < 0 ? -(uint32_t)number : (uint32_t)number;
    *first = 0;
    *--first = '\n';
    do
        *--first = '0' + left % 10;
    while (left /= 10);
    if (number < 0)
        *--first = '-';
    ask(4, first);
}

static void start(void)
{
    volatile uint8_t *stack = (uint8_t *)__builtin_frame_address(0) - 64, *bottom = top - DEEPEST;
    uint32_t ticks = 0;
    for (volatile uint8_t *at = bottom; at < stack; at++)
        *at = UNUSED;
    timer[RELOAD] = CLOCK;
    timer[NOW] = 0;
    timer[CONTROL] = 5;
    while (!timer[NOW])
        ;
    for (uint32_t i = 0; i < given[0]; i++) {
        uint32_t before = timer[NOW];
        digit((const uint8_t *)(given + 1) + i * 28 * 28);
        ticks += (before - timer[NOW]) & CLOCK;
        for (int k = 0; k < COUNT; k++)
            print(digit_logits[k]);
    }
    print((int32_t)ticks);
    while (*bottom == UNUSED)
        bottom++;
    print(stack - bottom);
    ask(0x18, (void *)0x20026); /* exit */
}

__attribute__((section(".vectors"), used)) static void *const vectors[] = {(void *)0x20400000, (void *)start};
