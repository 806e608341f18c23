"""The four models of the series as data, each written as a change to the one before it."""

import dataclasses
import os
from dataclasses import dataclass, replace

from src import InputError
from src.augment import Augmentation


@dataclass(frozen=True)
class Condition:
    """A part of a target, for example test accuracy >= 99.5; accuracies in percent, gaps in points."""

    quantity: str  # "train accuracy", "test accuracy", "gap" (train minus test), ...: report.py
    relation: str  # "<", "<=", ">" or ">="
    bound: float

    def __str__(self):
        unit = {"gap": " points", "parameters": "", "epochs": ""}.get(self.quantity, " %")
        return f"{self.quantity} {self.relation} {self.bound:,}{unit}"


@dataclass(frozen=True)
class Experiment:
    """Everything that decides a run, except its seed, and what the run is hoped to show."""

    name: str
    target: tuple  # of Conditions on the last epoch
    layer_line: str  # the architecture; src/model.py explains the words
    learning_rate: float  # of AdamW; the peak, if there is a schedule
    schedule: str  # "constant", or "one-cycle": climb to the learning rate, then fall to zero
    weight_decay: float
    batch_size: int  # images
    epochs: int
    # Techniques. One that is off is False, 0 or None.
    warm_up: float = 0.0  # fraction of the training in which the one-cycle schedule climbs
    batch_normalization: bool = False  # after every convolution but the last
    dropout: float = 0.0  # probability that a channel of an image is zeroed, after every hidden convolution
    augmentation: Augmentation | None = None


MODEL1 = Experiment(
    name="Model1",
    target=(Condition("train accuracy", ">=", 99.5), Condition("gap", ">", 0.2)),
    layer_line="8 12 P 16 16 18 6x10",
    learning_rate=0.001,
    schedule="constant",
    weight_decay=0.01,
    batch_size=128,
    epochs=15,
    batch_normalization=True,
)
MODEL2 = replace(
    MODEL1,
    name="Model2",
    target=(Condition("parameters", "<", 8000), Condition("gap", "<", 0.2)),
    layer_line="8 12 P 16 16 18 G t10",
    dropout=0.05,
)
MODEL3 = replace(
    MODEL2,
    name="Model3",
    target=(Condition("parameters", "<", 8000), Condition("gap", "<", 0)),
    augmentation=Augmentation(rotation=10, translation=2, scale=0.1),
)
MODEL4 = replace(
    MODEL3,
    name="Model4",
    target=(
        Condition("parameters", "<", 8000),
        Condition("epochs", "<=", 15),
        Condition("test accuracy", ">=", 99.5),
        Condition("lowest of the last three epochs", ">=", 99.4),
    ),
    schedule="one-cycle",
    learning_rate=0.02,
    warm_up=0.2,
    dropout=0.0,
)

SERIES = {experiment.name: experiment for experiment in [MODEL1, MODEL2, MODEL3, MODEL4]}

# What is each technique worth? The ladder takes one step at a time, from Plain to Model4 ...
ONE_CYCLE = dict(schedule=MODEL4.schedule, learning_rate=MODEL4.learning_rate, warm_up=MODEL4.warm_up)
CONSTANT = dict(schedule=MODEL3.schedule, learning_rate=MODEL3.learning_rate, warm_up=MODEL3.warm_up)
PLAIN = replace(MODEL1, name="Plain", target=(), batch_normalization=False)
POOLED = replace(MODEL1, name="Pooled", target=(), layer_line=MODEL2.layer_line)
SCHEDULED = replace(MODEL3, name="Scheduled", target=(), **ONE_CYCLE)
LADDER = [PLAIN, MODEL1, POOLED, MODEL2, MODEL3, SCHEDULED, MODEL4]

# ... and these leave Model4 as it is but for one.
LEAVE_ONE_OUT = [
    replace(MODEL4, name="Model4-no-normalization", target=(), batch_normalization=False),
    replace(MODEL4, name="Model4-no-pooling", target=(), layer_line=MODEL1.layer_line),
    replace(MODEL4, name="Model4-no-augmentation", target=(), augmentation=None),
    replace(MODEL4, name="Model4-no-schedule", target=(), **CONSTANT),
]

# What the recipe was chosen among, on the validation split: each is a change to the model it starts with.
CHOICES = {
    MODEL4: [
        replace(MODEL4, name="Model4-rate-0.01", target=(), learning_rate=0.01),
        replace(MODEL4, name="Model4-rate-0.03", target=(), learning_rate=0.03),
        replace(MODEL4, name="Model4-less-augmentation", target=(), augmentation=Augmentation(7, 1.5, 0.07)),
        replace(MODEL4, name="Model4-more-augmentation", target=(), augmentation=Augmentation(15, 3, 0.15)),
        SCHEDULED,
        replace(MODEL4, name="Model4-padded", target=(), layer_line="8 12 P 16p 16p P 18p G t10"),
        replace(MODEL4, name="Model4-deeper", target=(), layer_line="8 10 P 12 14 16 15 G t10"),
    ],
    MODEL3: [replace(MODEL3, name="Model3-rate-0.003", target=(), learning_rate=0.003)],
}

GROUPS = {
    "series": list(SERIES.values()),
    "ladder": LADDER,
    "leave-one-out": LEAVE_ONE_OUT,
    "choices": [experiment for start, others in CHOICES.items() for experiment in [start, *others]],
}
EVIDENCE = {experiment.name: experiment for experiment in [*SERIES.values(), *LADDER, *LEAVE_ONE_OUT]}
EXPERIMENTS = EVIDENCE | {experiment.name: experiment for experiment in GROUPS["choices"]}


def find(names):
    """The Experiments of names of experiments and groups, each once.

    Raises InputError, naming those there are, for a name that is neither.
    """
    found = {}
    for name in names:
        if name not in EXPERIMENTS and name not in GROUPS:
            raise InputError(f"no experiment '{name}'; choose from {', '.join([*EXPERIMENTS, *GROUPS])}.")
        for experiment in GROUPS.get(name) or [EXPERIMENTS[name]]:
            found[experiment.name] = experiment
    return list(found.values())


def with_epochs_from_environment(experiment):
    """The experiment with as many epochs as the environment variable EPOCHS says, if it says so.

    This is how `make run EPOCHS=2` reaches the notebooks. Raises InputError if EPOCHS is no integer.
    """
    epochs = os.environ.get("EPOCHS") or experiment.epochs
    try:
        return replace(experiment, epochs=int(epochs))
    except ValueError:
        raise InputError(f"EPOCHS={epochs}: not a whole number; write for example EPOCHS=2.") from None


def changes(before, after):
    """What differs between two experiments, as lines "field: old → new"; names and targets aside."""
    return [
        f"{field.name.replace('_', ' ')}: {getattr(before, field.name)} → {getattr(after, field.name)}"
        for field in dataclasses.fields(Experiment)
        if field.name not in ("name", "target") and getattr(before, field.name) != getattr(after, field.name)
    ]


def techniques(experiment):
    """The techniques that an experiment uses, in words."""
    augmentation = experiment.augmentation
    used = {
        "batch normalization": experiment.batch_normalization,
        "global average pooling": "G" in experiment.layer_line.split(),
        f"dropout {experiment.dropout:g}": experiment.dropout,
        f"augmentation ({augmentation})": augmentation,
        f"{experiment.schedule} learning rate": experiment.schedule != "constant",
    }
    return ", ".join(words for words, there in used.items() if there) or "none"
