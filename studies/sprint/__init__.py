"""The sprint: from the usual loop's recipe to 99.4 % in seconds, one rung after the other; timed.py times them.

Its recipes were chosen on the validation split, among SPRINT_CHOICES."""

from dataclasses import replace

from src.augment import Augmentation
from src.experiments import MODEL4, AdamW, OneCycle
from studies import published
from studies.recipes import SGD, Recipe, changed, compared

B4 = published.B4  # the usual loop has its recipe
MILD = Augmentation(rotation=7, translation=1.5, scale=0.07, until=0.75)
MILDER = Augmentation(rotation=5, translation=1, scale=0.05, until=0.75)
SMALLER_BATCHES = dict(batch_size=64, schedule=OneCycle(peak=0.015, warmup_fraction=0.2))

# fmt: off
SHORT = Recipe(name="Sprint-one-cycle", target=(), layer_line=B4.layer_line, epochs=3, augmentation=B4.augmentation,
               schedule=OneCycle(peak=0.02, warmup_fraction=0.2), batch_normalization="hidden")
# A first layer that strides: most work is done on maps of 12x12 pixels and fewer.
STRIDED = replace(SHORT, name="Sprint-strided", layer_line="5x16s2 32 P 64 3x10", epochs=2)
START = replace(STRIDED, name="Sprint-base", augmentation=MILD)
SMOOTHED = replace(START, name="Sprint-smoothed", label_smoothing=0.1)
CROPPED = replace(SMOOTHED, name="Sprint-cropped", layer_line="C24 5x16s2 32 P 64 2x10")
SPRINT = replace(CROPPED, name="Sprint", hardest=0.25, epochs=4)
SPRINT_99 = replace(CROPPED, name="Sprint-99", layer_line="C24 5x16s2 16 P 64 2x10", augmentation=MILDER, epochs=1)
SMALL_SPRINT = replace(SMOOTHED, name="Sprint-Model4", layer_line=MODEL4.layer_line, hardest=0.25, epochs=5,
                       ghost_batches=2)

# Each rung and the one that it changes.
LADDER = {SHORT: B4, STRIDED: SHORT, START: STRIDED, SMOOTHED: START, CROPPED: SMOOTHED, SPRINT: CROPPED,
          SPRINT_99: CROPPED, SMALL_SPRINT: SMOOTHED}
SPRINTS = list(LADDER)

# Each list holds changes to the experiment before it.
SPRINT_CHOICES = {
    START: [*changed(START, {
        "batch-64": SMALLER_BATCHES,
        "peak-0.01": dict(schedule=replace(START.schedule, peak=0.01)),
        "peak-0.03": dict(schedule=replace(START.schedule, peak=0.03)),
        "warmup-0.1": dict(schedule=replace(START.schedule, warmup_fraction=0.1)),
        "SGD-0.2": dict(schedule=replace(START.schedule, peak=0.2), optimizer=SGD(weight_decay=0.0005)),
        "decay-0.1": dict(optimizer=AdamW(weight_decay=0.1)),
        "mild": dict(augmentation=MILDER),
        "clean-half": dict(augmentation=replace(MILD, until=0.5)),
        "line-16-64": dict(layer_line="5x16s2 16 P 64 3x10"),
        "line-32s2": dict(layer_line="5x16s2 32s2 64 3x10"),
        "line-32s2-48": dict(layer_line="5x24s2 48s2 96 3x10"),
        "line-7s2": dict(layer_line="7x16s2 32 P 64 2x10"),
        "line-P2": dict(layer_line="5x16s2 P 32 64 G t10"),
    }), SMOOTHED],
    SMOOTHED: [CROPPED, *changed(SMOOTHED, {"crop-22": dict(layer_line="C22 3x16s2 32 P 64 2x10")})],
    CROPPED: [*changed(CROPPED, {
        "96": dict(layer_line="C24 5x16s2 32 P 96 2x10"),
        "hardest-0.5": dict(hardest=0.5),
        "hardest-0.5-3-epochs": dict(hardest=0.5, epochs=3),
        "hardest-0.25-3-epochs": dict(hardest=0.25, epochs=3),
        "hardest-0.1-6-epochs": dict(hardest=0.1, epochs=6),
    }), SPRINT],
    SPRINT: changed(SPRINT, {
        "batch-64": SMALLER_BATCHES,
        "peak-0.03": dict(schedule=replace(SPRINT.schedule, peak=0.03)),
        "narrow": dict(layer_line=SPRINT_99.layer_line),
        "clean-0.6": dict(augmentation=replace(MILD, until=0.6)),
        "clean-0.9": dict(augmentation=replace(MILD, until=0.9)),
    }),
    SPRINT_99: changed(SPRINT_99, {"plain": dict(augmentation=None), "batch-256": dict(batch_size=256)}),
    SMALL_SPRINT: changed(SMALL_SPRINT, {"3-epochs": dict(hardest=1.0, epochs=3), "4-epochs": dict(epochs=4)}),
}
# fmt: on

GROUPS = {"sprint": SPRINTS, "sprint-choices": compared(SPRINT_CHOICES)}
NEEDED = {"test": {"sprint": 20}, "validation": {"sprint-choices": 6}}
RESPLIT = []
BENCHES = {
    "throughput": "studies.sprint.throughput",
    "usual": "studies.sprint.usual",
    "sprint": "studies.sprint.timed",
    "use": "studies.sprint.inference",
    "gpu": "studies.sprint.gpu",
}
