"""The sprint: from the usual loop's recipe to 99.4 % in seconds, one rung after the other; speed/sprint.py times them.

Its recipe was chosen on the validation split, among SPRINT_CHOICES.
"""

from dataclasses import replace

from src.augment import Augmentation
from src.experiments import MODEL4, SGD, AdamW, Experiment, OneCycle
from src.studies.published import STEPS

B4 = STEPS["B4"].experiment
MILD = Augmentation(rotation=7, translation=1.5, scale=0.07, until=0.75)
MILDER = Augmentation(rotation=5, translation=1, scale=0.05, until=0.75)
SMALLER_BATCHES = dict(batch_size=64, schedule=OneCycle(peak=0.015, warmup_fraction=0.2))

# Where the choice began: a first layer that strides, so that most work is done on maps of 12x12 pixels and fewer.
START = Experiment(
    name="Sprint-base",
    target=(),
    layer_line="5x16s2 32 P 64 3x10",
    schedule=OneCycle(peak=0.02, warmup_fraction=0.2),
    epochs=2,
    batch_normalization="hidden",
    augmentation=MILD,
)
SPRINT = replace(START, name="Sprint", label_smoothing=0.1)
NARROW = replace(SPRINT, name="Sprint-narrow", layer_line="5x16s2 16 P 64 3x10")
SPRINT_99 = replace(NARROW, name="Sprint-99", epochs=1, augmentation=MILDER)
SMALL_SPRINT = replace(SPRINT, name="Sprint-Model4", layer_line=MODEL4.layer_line, epochs=3, ghost_batches=2)

LADDER = [B4, SMALL_SPRINT, SPRINT, NARROW, SPRINT_99]
SPRINTS = LADDER[1:]


def _changed(start: Experiment, changes: dict[str, dict]) -> list[Experiment]:
    """Return an experiment with each of some changes; the words are in the names of their records."""
    return [replace(start, name=f"Sprint-{word}", **change) for word, change in changes.items()]


# Each list holds changes to the experiment before it.
SPRINT_CHOICES = {
    START: [
        *_changed(
            START,
            {
                "batch-64": SMALLER_BATCHES,
                "peak-0.01": dict(schedule=replace(START.schedule, peak=0.01)),
                "peak-0.03": dict(schedule=replace(START.schedule, peak=0.03)),
                "warmup-0.1": dict(schedule=replace(START.schedule, warmup_fraction=0.1)),
                "SGD-0.2": dict(schedule=replace(START.schedule, peak=0.2), optimizer=SGD(weight_decay=0.0005)),
                "decay-0.1": dict(optimizer=AdamW(weight_decay=0.1)),
                "mild": dict(augmentation=MILDER),
                "clean-half": dict(augmentation=replace(MILD, until=0.5)),
                "line-16-64": dict(layer_line=NARROW.layer_line),
                "line-32s2": dict(layer_line="5x16s2 32s2 64 3x10"),
                "line-32s2-48": dict(layer_line="5x24s2 48s2 96 3x10"),
                "line-7s2": dict(layer_line="7x16s2 32 P 64 2x10"),
                "line-P2": dict(layer_line="5x16s2 P 32 64 G t10"),
            },
        ),
        SPRINT,
    ],
    SPRINT: [NARROW],
    NARROW: _changed(NARROW, {"narrow-batch-64": SMALLER_BATCHES, "narrow-3-epochs": dict(epochs=3)}),
    SPRINT_99: _changed(SPRINT_99, {"99-plain": dict(augmentation=None)}),
}
