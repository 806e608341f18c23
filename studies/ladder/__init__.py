"""What is each technique worth? The cumulative ablation, "the ladder" for short: one step at a time up to Model4.

And the ablation, Model4 without one of its techniques; the learning rates that each step was given; the trials."""

from dataclasses import replace

from src.augment import Augmentation
from src.experiments import MODEL1, MODEL2, MODEL3, MODEL4, QUICK, SERIES, Constant, Experiment, OneCycle
from src.runs.names import with_epochs
from src.show.questions import ASKED
from studies.recipes import changed, compared

PLAIN = replace(MODEL1, name="Plain", target=(), batch_normalization="none", schedule=Constant(0.003))
POOLED = replace(MODEL1, name="Pooled", target=(), layer_line=MODEL2.layer_line)
LADDER = [PLAIN, MODEL1, POOLED, MODEL2, MODEL3, MODEL4]
ADDED = [  # by each step of the ladder, in words
    "batch normalization",
    "global average pooling",
    "dropout",
    "augmentation in dropout's place",
    "learning-rate schedule",
]

# fmt: off
NO_NORMALIZATION, NO_AUGMENTATION, NO_POOLING, DROPOUT = changed(MODEL4, {
    "no-normalization": dict(batch_normalization="none"),
    "no-augmentation": dict(augmentation=None),
    "no-pooling": dict(layer_line=MODEL1.layer_line),
    "dropout": dict(channel_dropout=MODEL2.channel_dropout),
})
# Model4 without and with one technique, in words. All have its peak rate, but for Model3, whose rate is constant.
ABLATION = {"batch normalization": (NO_NORMALIZATION, MODEL4), "augmentation": (NO_AUGMENTATION, MODEL4),
            "learning-rate schedule": (MODEL3, MODEL4), "global average pooling": (NO_POOLING, MODEL4),
            "dropout": (MODEL4, DROPOUT)}
# fmt: on

# Which learning rate is best for each rung of the ladder? Compared on the validation split, the same rates for all.
RATES = (0.0003, 0.001, 0.003, 0.01, 0.02, 0.03)


def at_rate(experiment: Experiment, rate: float) -> Experiment:
    """Return an experiment with a learning rate, the peak if it has a one-cycle schedule, named after its rate."""
    one_cycle = isinstance(experiment.schedule, OneCycle)
    schedule = replace(experiment.schedule, peak=rate) if one_cycle else Constant(rate)
    return replace(experiment, name=f"{experiment.name}-rate-{rate:g}", target=(), schedule=schedule)


BY_RATE = {rung: {rate: at_rate(rung, rate) for rate in RATES} for rung in LADDER}

# What else the recipe was chosen among, on the validation split: each list holds changes to the experiment before it.
STRONG = Augmentation(10, 2, 0.1)
# fmt: off
CHOICES = {
    BY_RATE[MODEL3][MODEL3.schedule.rate]: changed(MODEL3, {"dropout": dict(channel_dropout=MODEL2.channel_dropout)}),
    BY_RATE[MODEL4][MODEL4.schedule.peak]: [DROPOUT, NO_AUGMENTATION, *changed(MODEL4, {
        "augmented-to-the-end": dict(augmentation=replace(MODEL4.augmentation, until=1.0)),
        "more-augmentation": dict(augmentation=replace(STRONG, until=0.85)),
        "more-augmentation-to-the-end": dict(augmentation=STRONG),
        "max-pooling": dict(layer_line="8 10 P 12 13 15 15 P 2x10"),
    })],
}
# fmt: on

# What a short training of one's own is compared with, so that the answer costs a minute.
SHORT = [with_epochs(model, epochs) for model in SERIES.values() for epochs in (1, 3)]

GROUPS = {
    "series": list(SERIES.values()),
    "short": SHORT,
    "quick": [QUICK],
    "questions": ASKED,
    "ladder": LADDER,
    "ablation": [other for pair in ABLATION.values() for other in pair if other not in SERIES.values()],
    "choices": compared(CHOICES),
    "rates": [experiment for at_rates in BY_RATE.values() for experiment in at_rates.values()],
}
NEEDED = {
    "test": {"ladder": 10, "ablation": 10, "short": 10, "quick": 20, "questions": 5},
    "validation": {"choices": 2, "rates": 3},
}
RESPLIT = KEPT = list(SERIES.values())
