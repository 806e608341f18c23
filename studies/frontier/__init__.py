"""The frontier: how few parameters for 99.0 and for 99.4 %, and how far 4,000 and 8,000 go.

All networks of FRONTIER, AIMS and ENDS are separable: two full 3x3 convolutions before the pooling, then depthwise and
1x1 ones."""

from dataclasses import replace

from src.augment import Augmentation
from src.checks import Condition
from src.experiments import MODEL4, AdamW, OneCycle
from studies.recipes import Recipe, changed, compared

MILD = Augmentation(rotation=5, translation=1, scale=0.05, until=0.85)
STRONG = Augmentation(rotation=10, translation=2, scale=0.1, until=0.85)


def _target(parameters, accuracy):
    return (
        Condition("parameters", "<=", parameters),
        Condition("epochs", "<=", 40),
        Condition("test accuracy", ">=", accuracy),
    )


def _deskewed(start):
    return dict(layer_line=f"D {start.layer_line}")


# fmt: off
FRONTIER_1000 = Recipe(name="Frontier-1000", target=_target(1000, 99.0), layer_line="D 4 4 P s8 s9 s10 s11 G t10",
                       schedule=OneCycle(peak=0.04, warmup_fraction=0.2), epochs=40, batch_normalization="hidden",
                       normalization_scale=False, augmentation=MILD)
FRONTIER_2500 = replace(FRONTIER_1000, name="Frontier-2500", target=_target(2500, 99.4),
                        layer_line="6 8 P s16 s16 s18 s20 G t10")
FRONTIER_4000 = replace(FRONTIER_2500, name="Frontier-4000", target=_target(4000, 99.5),
                        layer_line="8 11 P s20 s22 s25 s28 G t10", epochs=30, augmentation=MODEL4.augmentation)
FRONTIER_8000 = replace(FRONTIER_4000, name="Frontier-8000", target=_target(7999, 99.6),
                        layer_line="12 16 P s30 s34 s38 s42 G t10")
FRONTIER = {each.name: each for each in [FRONTIER_1000, FRONTIER_2500, FRONTIER_4000, FRONTIER_8000]}

# The same accuracies with fewer parameters.
AIMS = {each.name: each for each in [
    replace(FRONTIER_1000, name="Frontier-750", target=_target(750, 99.0), layer_line="D 3 4 P s8 s8 s8 s8 G t10"),
    replace(FRONTIER_2500, name="Frontier-2000", target=_target(2000, 99.4), layer_line="5 7 P s15 s15 s16 s18 G t10"),
]}
SHORT = {name: replace(each, name=f"{name}-15-epochs", target=(), epochs=15)
         for name, each in (FRONTIER | AIMS).items()}
# fmt: on

# What was trained before ten seeds on the validation split were against the deskewing.
DESKEWED_2500 = replace(FRONTIER_2500, name="Frontier-2500-deskewed", target=(), **_deskewed(FRONTIER_2500))

# The ends of the curve, without a goal of their own.
ENDS = [
    replace(FRONTIER_1000, name="Frontier-500", target=(), layer_line="D 3 3 P s6 s6 s6 s6 G t10"),
    replace(FRONTIER_8000, name="Frontier-15000", target=(), layer_line="16 20 P s40 s48 s56 s64 G t10", epochs=15),
]


def _at_peak(peak):
    return dict(schedule=OneCycle(peak=peak, warmup_fraction=0.2))


def _not_deskewed(start):
    return dict(layer_line=start.layer_line.removeprefix("D "))


# Trials on the validation split. The first round: one change at a time, 40 epochs, one seed.
START_1000 = replace(FRONTIER_1000, name="Start-1000", target=(), **_at_peak(0.02), normalization_scale=True)
START_2500 = replace(START_1000, name="Start-2500", layer_line=DESKEWED_2500.layer_line)
# fmt: off
_RECIPES = {
    "no-scale": dict(normalization_scale=False), "peak-0.01": _at_peak(0.01), "peak-0.04": _at_peak(0.04),
    "batch-64": dict(batch_size=64), "more-augmentation": dict(augmentation=MODEL4.augmentation),
    "strong-augmentation": dict(augmentation=STRONG),
}
_FIRST = {
    START_1000: {
        "not-deskewed": _not_deskewed(START_1000), **_RECIPES, "peak-0.06": _at_peak(0.06),
        "hardest-0.5": dict(hardest=0.5), "smoothed": dict(label_smoothing=0.05),
        "no-augmentation": dict(augmentation=None),
        "deeper": dict(layer_line="D 4 5 P s8 s8 s8 s8 s8 G t10", normalization_scale=False),
        "750": dict(layer_line="D 3 4 P s8 s8 s8 s8 G t10", normalization_scale=False),
    },
    START_2500: {
        "not-deskewed": _not_deskewed(START_2500), **_RECIPES,
        "deeper": dict(layer_line="D 6 8 P s14 s14 s14 s16 s16 G t10"),
        "2000": dict(layer_line="D 5 7 P s13 s13 s14 s14 s15 G t10", normalization_scale=False),
    },
}

# The second round: 30 epochs, with and without the deskewing.
SECOND_2500, SECOND_4000, SECOND_8000 = (
    replace(FRONTIER_4000, name=f"Second-{size}", target=(), layer_line=line, normalization_scale=True)
    for size, line in [(2500, START_2500.layer_line), (4000, "D 8 10 P s20 s22 s24 s26 G t10"),
                       (8000, "D 10 14 P s28 s32 s36 s40 G t10")]
)
_SECOND = {
    SECOND_2500: {"not-deskewed": _not_deskewed(SECOND_2500)},
    SECOND_4000: {"not-deskewed": _not_deskewed(SECOND_4000)},
    SECOND_8000: {"not-deskewed": _not_deskewed(SECOND_8000),
                  "not-deskewed-strong": _not_deskewed(SECOND_8000) | dict(augmentation=STRONG)},
}

# The third round: the networks as they are, with several seeds; that of 8,000 parameters has 15 epochs.
THIRD_1000 = replace(FRONTIER_1000, name="Third-1000", target=())
THIRD_2500 = replace(FRONTIER_2500, name="Third-2500", target=())
THIRD_8000 = replace(FRONTIER_8000, name="Third-8000", target=(), epochs=15)
_DEEPER_8000 = dict(layer_line="12 14 P s26 s28 s30 s32 s38 G t10")
_THIRD = {
    THIRD_1000: {"not-deskewed": _not_deskewed(THIRD_1000), "15-epochs": dict(epochs=15)},
    THIRD_2500: {
        "deskewed": _deskewed(THIRD_2500), "more-augmentation": dict(augmentation=MODEL4.augmentation),
        "deeper": dict(layer_line="6 8 P s14 s14 s14 s16 s16 G t10"), "15-epochs": dict(epochs=15),
        "peak-0.02": _at_peak(0.02), "full-convolutions": dict(layer_line="4 6 P 7 8 8 8 G t10"),
    },
    THIRD_8000: {
        "30-epochs": dict(epochs=30), "30-epochs-strong-augmentation": dict(epochs=30, augmentation=STRONG),
        "strong-augmentation": dict(augmentation=STRONG),
        "augmented-to-the-end": dict(augmentation=replace(MODEL4.augmentation, until=1)),
        "peak-0.02": _at_peak(0.02), "deskewed": _deskewed(THIRD_8000), "smoothed": dict(label_smoothing=0.05),
        "weight-decay-0.05": dict(optimizer=AdamW(weight_decay=0.05)),
        "wider-first": dict(layer_line="16 18 P s28 s30 s34 s38 G t10"),
        "three-full": dict(layer_line="8 12 14 P s28 s32 s36 s40 G t10"),
        "deeper": _DEEPER_8000, "deeper-30-epochs": _DEEPER_8000 | dict(epochs=30),
        "deeper-and-wider-30-epochs": dict(layer_line="12 16 P s26 s28 s30 s34 s38 G t10", epochs=30),
        "full-convolutions": dict(layer_line=MODEL4.layer_line),
    },
}
# fmt: on

FRONTIER_DIRECTIONS = {start: changed(start, changes) for start, changes in (_FIRST | _SECOND).items()}
FRONTIER_CHOICES = {start: changed(start, changes) for start, changes in _THIRD.items()}

GROUPS = {
    "frontier": [*FRONTIER.values(), *AIMS.values(), DESKEWED_2500],
    "frontier-short": list(SHORT.values()),
    "frontier-ends": ENDS,
    "frontier-choices": compared(FRONTIER_DIRECTIONS | FRONTIER_CHOICES),
}
NEEDED = {
    "test": {"frontier": 10, "frontier-short": 10, "frontier-ends": 3},
    "validation": {"frontier-choices": 1},
}
RESPLIT, KEPT = list(FRONTIER.values()), [FRONTIER_1000, FRONTIER_2500]
BENCHES = {"depthwise": "studies.frontier.depthwise"}


def budget_and_goal(experiment: Recipe) -> tuple[int, float]:
    """Return the most parameters that the target of a network allows, and the percent that it asks for."""
    parameters, _epochs, accuracy = (condition.bound for condition in experiment.target)
    return parameters, accuracy
