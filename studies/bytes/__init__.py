"""Bytes: networks of few bits as C programs of whole numbers, for a chip with a kilobyte to spare.

A name says how many bytes the constant data of its C program may have: weights, and a few numbers a channel."""

from dataclasses import replace

from src.experiments import MODEL4, OneCycle
from studies.frontier import MILD
from studies.frontier import SHORT as FRONTIER_SHORT
from studies.quantization import Quantization
from studies.recipes import Recipe, changed, compared

# fmt: off
FIRST_1024 = Recipe(name="Bytes-1024-20-epochs", target=(), layer_line="D C24 5 7 P s16 s17 s18 s19 G t10",
                    schedule=OneCycle(peak=0.04, warmup_fraction=0.2), epochs=20, batch_normalization="hidden",
                    normalization_scale=False, augmentation=MILD, quantization=Quantization(weights=3))
FIRST_512 = replace(FIRST_1024, name="Bytes-512-20-epochs", layer_line="D C24 3 5 P s9 s9 s10 s11 G t10")
FIRST_2048 = replace(FIRST_1024, name="Bytes-2048-20-epochs", layer_line="C24 6 9 P s25 s28 s30 s33 G t10")
FIRST_4096 = replace(FIRST_1024, name="Bytes-4096-20-epochs", layer_line="C24 7 11 P s30 s36 s42 s49 G t10",
                     augmentation=MODEL4.augmentation, quantization=Quantization(weights=4))

# What was compared on the validation split: about as many bytes, spent otherwise.
_THREE, _FOUR = (dict(quantization=Quantization(weights=bits)) for bits in (3, 4))
CHOICES = {start: changed(start, changes) for start, changes in {
    FIRST_512: {
        "4-bits": _FOUR | dict(layer_line="D C24 3 4 P s8 s8 s9 s9 G t10"),
        "not-augmented": dict(augmentation=None),
        "whole-image": dict(layer_line="D 3 5 P s9 s9 s10 s11 G t10"),
        "deeper": dict(layer_line="D 3 4 P s8 s8 s9 s9 s9 G t10"),
        "60-epochs": dict(epochs=60),
    },
    FIRST_1024: {
        "4-bits": _FOUR | dict(layer_line="D C24 5 6 P s13 s14 s15 s15 G t10"),
        "not-augmented": dict(augmentation=None),
    },
    FIRST_2048: {
        "4-bits": _FOUR | dict(layer_line="C24 6 9 P s21 s23 s25 s28 G t10"),
        "4-bits-more-augmentation": _FOUR | dict(layer_line="C24 6 9 P s21 s23 s25 s28 G t10",
                                                 augmentation=MODEL4.augmentation),
        "deskewed": dict(layer_line="D C24 5 8 P s25 s28 s31 s34 G t10"),
        "deskewed-4-bits-more-augmentation": _FOUR | dict(layer_line="D C24 5 8 P s20 s23 s25 s29 G t10",
                                                          augmentation=MODEL4.augmentation),
        "whole-image": _FOUR | dict(layer_line="4 6 P s22 s24 s26 s29 G t10"),
    },
    FIRST_4096: {
        "3-bits": _THREE | dict(layer_line="C24 6 10 P s32 s38 s52 s62 G t10"),
        "26-pixels": dict(layer_line="C26 7 11 P s30 s36 s42 s49 G t10"),
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
    "bytes-choices": compared(CHOICES),
    "bits": [rounded for each in ROUNDED.values() for rounded in each.values()],
}
NEEDED = {"test": {}, "validation": {"bytes-choices": 1}}
RESPLIT, KEPT = [], []
EXPORTS = {"c": "studies.bytes.export"}
BENCHES = {"chip": "studies.bytes.chip", "beside": "studies.bytes.beside"}
