"""Which learning rate is best for each rung of a series with one layer line, and which augmentation for its last one?

To be compared on the validation split: the same rates for all, with a constant rate and with the one-cycle schedule.
"""

from dataclasses import replace

from src.augment import Augmentation
from src.experiments import MODEL1, Constant, OneCycle

RATES = [0.001, 0.003, 0.01, 0.02, 0.03]
MILD = Augmentation(7, 1.5, 0.07, until=0.85)

BASE = replace(MODEL1, target=(), layer_line="8 10 P 12 14 16 15 4x10")
POOLED = replace(BASE, layer_line="8 10 P 12 14 16 15 G t10")
RUNGS = {
    "Plain": replace(BASE, batch_normalization="none"),
    "Model1": BASE,
    "Pooled": POOLED,
    "Model2": replace(POOLED, channel_dropout=0.05),
    "Model3-dropout": replace(POOLED, channel_dropout=0.05, augmentation=MILD),
    "Model3": replace(POOLED, augmentation=MILD),
}
SCHEDULED = replace(RUNGS["Model3"], schedule=OneCycle(peak=0.02, warmup_fraction=0.2))

BY_RATE = [
    replace(rung, name=f"Rung-{name}-rate-{rate:g}", schedule=Constant(rate))
    for name, rung in RUNGS.items()
    for rate in RATES
] + [
    replace(SCHEDULED, name=f"Rung-Model4-rate-{rate:g}", schedule=replace(SCHEDULED.schedule, peak=rate))
    for rate in RATES
]

AUGMENTATIONS = {
    "mild-to-the-end": replace(MILD, until=1.0),
    "strong-clean-end": Augmentation(10, 2, 0.1, until=0.85),
    "strong-to-the-end": Augmentation(10, 2, 0.1),
    "none": None,
    "milder-clean-end": Augmentation(5, 1, 0.05, until=0.85),
}
BY_AUGMENTATION = [
    replace(SCHEDULED, name=f"Rung-Model4-{name}", augmentation=augmentation)
    for name, augmentation in AUGMENTATIONS.items()
]
