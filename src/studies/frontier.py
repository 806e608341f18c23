"""The frontier: what so many parameters can reach. Trials on the validation split."""

from dataclasses import replace

from src.augment import Augmentation
from src.experiments import MODEL4, Experiment, OneCycle
from src.studies.changed import changed

MILD = Augmentation(rotation=5, translation=1, scale=0.05, until=0.85)
START_1000 = Experiment(
    name="Start-1000",
    target=(),
    layer_line="D 4 4 P s8 s9 s10 s11 G t10",
    schedule=OneCycle(peak=0.02, warmup_fraction=0.2),
    epochs=40,
    batch_normalization="hidden",
    augmentation=MILD,
)
START_2500 = replace(START_1000, name="Start-2500", layer_line="D 6 8 P s16 s16 s18 s20 G t10")
START_8000 = replace(
    START_1000, name="Start-8000", layer_line="D 10 14 P s28 s32 s36 s40 G t10", augmentation=MODEL4.augmentation
)


def _at_peak(peak):
    return dict(schedule=OneCycle(peak=peak, warmup_fraction=0.2))


STRONG = Augmentation(rotation=10, translation=2, scale=0.1, until=0.85)
_RECIPES = {
    "no-scale": dict(normalization_scale=False),
    "peak-0.01": _at_peak(0.01),
    "peak-0.04": _at_peak(0.04),
    "batch-64": dict(batch_size=64),
}
_CHANGES = {
    START_1000: {
        "not-deskewed": dict(layer_line=START_1000.layer_line.removeprefix("D ")),
        **_RECIPES,
        "peak-0.06": _at_peak(0.06),
        "hardest-0.5": dict(hardest=0.5),
        "smoothed": dict(label_smoothing=0.05),
        "no-augmentation": dict(augmentation=None),
        "more-augmentation": dict(augmentation=MODEL4.augmentation),
        "strong-augmentation": dict(augmentation=STRONG),
        "deeper": dict(layer_line="D 4 5 P s8 s8 s8 s8 s8 G t10", normalization_scale=False),
        "750": dict(layer_line="D 3 4 P s8 s8 s8 s8 G t10", normalization_scale=False),
    },
    START_2500: {
        "not-deskewed": dict(layer_line=START_2500.layer_line.removeprefix("D ")),
        **_RECIPES,
        "more-augmentation": dict(augmentation=MODEL4.augmentation),
        "strong-augmentation": dict(augmentation=STRONG),
        "deeper": dict(layer_line="D 6 8 P s14 s14 s14 s16 s16 G t10"),
        "2000": dict(layer_line="D 5 7 P s13 s13 s14 s14 s15 G t10", normalization_scale=False),
    },
    START_8000: {
        "not-deskewed": dict(layer_line=START_8000.layer_line.removeprefix("D ")),
        **_RECIPES,
        "strong-augmentation": dict(augmentation=STRONG),
        "deeper": dict(layer_line="D 12 14 P s28 s28 s32 s32 s34 G t10"),
        "full": dict(layer_line="D 8 10 P 12 14 16 15 G t10"),
    },
}
LINES = {
    750: "D 3 4 P s8 s8 s8 s8 G t10",
    1000: "D 4 4 P s8 s9 s10 s11 G t10",
    2000: "D 5 7 P s13 s13 s14 s14 s15 G t10",
    2500: "D 6 8 P s16 s16 s18 s20 G t10",
    4000: "D 8 10 P s20 s22 s24 s26 G t10",
    8000: "D 10 14 P s28 s32 s36 s40 G t10",
}
_SECOND = replace(START_1000, epochs=30, schedule=OneCycle(peak=0.04, warmup_fraction=0.2))
_SECOND = {
    size: replace(
        _SECOND,
        name=f"Second-{size}",
        layer_line=line,
        augmentation=MILD if size <= 1000 else MODEL4.augmentation,
        normalization_scale=size not in (750, 2000),
    )
    for size, line in LINES.items()
}
_SECOND_CHANGES = {
    size: {"not-deskewed": dict(layer_line=LINES[size].removeprefix("D "))} for size in (2500, 4000, 8000)
}
_SECOND_CHANGES[8000]["peak-0.02"] = _at_peak(0.02)
_SECOND_CHANGES[8000]["strong-augmentation"] = dict(augmentation=STRONG)
FRONTIER_CHOICES = {start: changed(start, changes) for start, changes in _CHANGES.items()}
SECOND_CHOICES = {e: changed(e, _SECOND_CHANGES.get(size, {})) for size, e in _SECOND.items()}
