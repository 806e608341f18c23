"""Bytes: what fits into half a kilobyte, one, two and four, on a chip; and what few bits cost other networks.

A name says how many bytes the constant data of its C program may have: weights, and a few numbers a channel."""

from dataclasses import replace

from src.experiments import MODEL4, OneCycle
from studies.frontier import MILD
from studies.frontier import SHORT as FRONTIER_SHORT
from studies.quantization import Quantization
from studies.recipes import Recipe, changed, compared

# fmt: off
BYTES_1024 = Recipe(name="Bytes-1024", target=(), layer_line="D C24 5 7 P s16 s17 s18 s19 G t10",
                    schedule=OneCycle(peak=0.04, warmup_fraction=0.2), epochs=40, batch_normalization="hidden",
                    normalization_scale=False, augmentation=MILD, quantization=Quantization(weights=3))
BYTES_512 = replace(BYTES_1024, name="Bytes-512", layer_line="D C24 3 5 P s9 s9 s10 s11 G t10")
BYTES_2048 = replace(BYTES_1024, name="Bytes-2048", layer_line="C24 6 9 P s25 s28 s30 s33 G t10")
BYTES_4096 = replace(BYTES_1024, name="Bytes-4096", layer_line="C24 7 11 P s30 s36 s42 s49 G t10",
                     augmentation=MODEL4.augmentation, quantization=Quantization(weights=4))
BYTES = {each.name: each for each in [BYTES_512, BYTES_1024, BYTES_2048, BYTES_4096]}

SEEDS = range(10)
GOALS = {  # name -> bytes that there may be, accuracy in percent that it should reach, and at best
    "Bytes-512": (512, 98.80, 99.00),
    "Bytes-1024": (1024, 99.25, 99.40),
    "Bytes-2048": (2048, 99.50, 99.55),
    "Bytes-4096": (4096, 99.60, 99.65),
}

# What they were chosen among on the validation split, in half the epochs: about as many bytes, spent otherwise.
_THREE, _FOUR = (dict(quantization=Quantization(weights=bits)) for bits in (3, 4))
FIRST_512, FIRST_1024, FIRST_2048, FIRST_4096 = (
    replace(each, name=f"{name}-20-epochs", epochs=20) for name, each in BYTES.items()
)
CHOICES = {start: changed(start, changes) for start, changes in {
    FIRST_512: {
        "4-bits": _FOUR | dict(layer_line="D C24 3 4 P s8 s8 s9 s9 G t10"),
        "not-augmented": dict(augmentation=None),
        "whole-image": dict(layer_line="D 3 5 P s9 s9 s10 s11 G t10"),
    },
    FIRST_1024: {
        "4-bits": _FOUR | dict(layer_line="D C24 5 6 P s13 s14 s15 s15 G t10"),
        "not-augmented": dict(augmentation=None),
    },
    FIRST_2048: {
        "4-bits": _FOUR | dict(layer_line="C24 6 9 P s21 s23 s25 s28 G t10"),
        "deskewed": dict(layer_line="D C24 5 8 P s25 s28 s31 s34 G t10"),
        "deskewed-4-bits": _FOUR | dict(layer_line="D C24 5 8 P s20 s23 s25 s29 G t10"),
        "whole-image": _FOUR | dict(layer_line="4 6 P s22 s24 s26 s29 G t10"),
    },
    FIRST_4096: {
        "3-bits": _THREE | dict(layer_line="C24 6 10 P s32 s38 s52 s62 G t10"),
        "26-pixels": dict(layer_line="C26 7 11 P s30 s36 s42 s49 G t10"),
        "whole-image": dict(layer_line="7 11 P s30 s36 s42 s49 G t10"),
    },
}.items()}

# What do few bits cost other networks? Each of these beside itself with all its 32.
BITS = (8, 4, 3, 2)
UNROUNDED = [MODEL4, *(FRONTIER_SHORT[f"Frontier-{size}"] for size in (1000, 2500, 4000, 8000))]
ROUNDED = {
    start: {bits: replace(Recipe(**vars(start)), name=f"{start.name}-{bits}-bits", target=(),
                          quantization=Quantization(weights=bits)) for bits in BITS}
    for start in UNROUNDED
}
# fmt: on

GROUPS = {
    "bytes": list(BYTES.values()),
    "bytes-choices": compared(CHOICES),
    "bits": [rounded for each in ROUNDED.values() for rounded in each.values()],
}
NEEDED = {"test": {}, "validation": {}}
RESPLIT, KEPT = [], []
BENCHES = {"bytes": "studies.bytes.seeds", "chip": "studies.bytes.chip", "beside": "studies.bytes.beside"}
