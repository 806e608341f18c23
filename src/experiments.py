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
    learning_rate: float  # what the schedule starts from; its peak, if it climbs
    schedule: str  # "constant", "one-cycle", "step" or "plateau": training.py explains them
    weight_decay: float
    batch_size: int  # images
    epochs: int
    # From here on a default is what an experiment has that says nothing else; records rely on it staying so.
    optimizer: str = "AdamW"  # or "Adam" or "SGD"
    momentum: float = 0.0  # of SGD
    warm_up: float = 0.0  # fraction of the training in which "one-cycle" climbs
    gamma: float = 1.0  # factor by which "step" and "plateau" lower the learning rate
    step_size: int = 0  # epochs from one "step" to the next
    patience: int = 0  # epochs without a better accuracy after which "plateau" lowers
    shards: int = 1  # parts of a batch that go through the network side by side, each normalized by itself
    keep_best: bool = False  # hold out a twelfth of the training images; end with the network of the epoch best on them
    bias: str = "unless normalized"  # which convolutions carry one: also "all" or "none"
    batch_normalization: str = "none"  # after which convolutions: also "all", "hidden" or "3x3"
    activation_first: bool = False  # ReLU before the normalization, not after it
    dropout: float = 0.0  # spatial: probability that a channel of an image is zeroed
    activation_dropout: float = 0.0  # probability that a single activation is zeroed
    dropout_after: str = "hidden"  # convolutions that either dropout follows: also "3x3"
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
    batch_normalization="hidden",
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
        Condition("parameters", "<=", 7872),  # as few as the smallest last step of the published logs
        Condition("epochs", "<=", 15),
        Condition("test accuracy", ">=", 99.5),
        Condition("lowest of the last three epochs", ">=", 99.4),
    ),
    layer_line="8 10 P 12 14 16 15 G t10",
    schedule="one-cycle",
    learning_rate=0.02,
    warm_up=0.2,
    dropout=0.0,
)

SERIES = {experiment.name: experiment for experiment in [MODEL1, MODEL2, MODEL3, MODEL4]}

# What is each technique worth? The ladder takes one step at a time, from Plain to Model4 ...
ONE_CYCLE = dict(schedule=MODEL4.schedule, learning_rate=MODEL4.learning_rate, warm_up=MODEL4.warm_up)
CONSTANT = dict(schedule=MODEL3.schedule, learning_rate=MODEL3.learning_rate, warm_up=MODEL3.warm_up)
PLAIN = replace(MODEL1, name="Plain", target=(), batch_normalization="none")
POOLED = replace(MODEL1, name="Pooled", target=(), layer_line=MODEL2.layer_line)
SCHEDULED = replace(MODEL3, name="Scheduled", target=(), **ONE_CYCLE)
UNDROPPED = replace(SCHEDULED, name="Undropped", dropout=MODEL4.dropout)
LADDER = [PLAIN, MODEL1, POOLED, MODEL2, MODEL3, SCHEDULED, UNDROPPED, MODEL4]

# ... and these pairs are Model4 without and with one technique, everything else as it is;
# last, the other network that might have become Model4.
MAX_POOLED = replace(MODEL4, name="Model4-max-pooling", target=(), layer_line="8 10 P 12 13 15 15 P 2x10")
LEAVE_ONE_OUT = [
    (replace(MODEL4, name="Model4-no-normalization", target=(), batch_normalization="none"), MODEL4),
    (replace(MODEL4, name="Model4-no-augmentation", target=(), augmentation=None), MODEL4),
    (replace(MODEL4, name="Model4-no-schedule", target=(), **CONSTANT), MODEL4),
    (replace(MODEL4, name="Model4-no-pooling", target=(), layer_line="8 10 P 12 14 16 15 4x10"), MODEL4),
    (MODEL4, replace(MODEL4, name="Model4-dropout", target=(), dropout=MODEL3.dropout)),
    (MAX_POOLED, MODEL4),
]

# For one run in a hurry, on two cores: the fewest epochs after which the mean of three seeds reached 99.4 % on the
# validation split.
MODEL4_SHORT = replace(MODEL4, name="Model4-short", target=(), epochs=8, shards=2)
FIVE_EPOCHS = replace(MODEL4_SHORT, name="Model4-short-5-epochs", epochs=5)

# What the recipe was chosen among, on the validation split: each is a change to the one it starts with.
CHOICES = {
    UNDROPPED: [
        replace(UNDROPPED, name="Undropped-rate-0.01", learning_rate=0.01),
        replace(UNDROPPED, name="Undropped-rate-0.03", learning_rate=0.03),
        replace(UNDROPPED, name="Undropped-less-augmentation", augmentation=Augmentation(7, 1.5, 0.07)),
        replace(UNDROPPED, name="Undropped-more-augmentation", augmentation=Augmentation(15, 3, 0.15)),
        SCHEDULED,
        replace(UNDROPPED, name="Undropped-padded", layer_line="8 12 P 16p 16p P 18p G t10"),
        MODEL4,
        MAX_POOLED,
    ],
    MODEL4_SHORT: [
        replace(MODEL4_SHORT, name="Model4-short-7-epochs", epochs=7),
        replace(MODEL4_SHORT, name="Model4-short-6-epochs", epochs=6),
        FIVE_EPOCHS,
    ],
    FIVE_EPOCHS: [
        replace(FIVE_EPOCHS, name="Model4-short-rate-0.01", learning_rate=0.01),
        replace(FIVE_EPOCHS, name="Model4-short-rate-0.03", learning_rate=0.03),
        replace(FIVE_EPOCHS, name="Model4-short-batch-64", batch_size=64),
        replace(FIVE_EPOCHS, name="Model4-short-less-augmentation", augmentation=Augmentation(7, 1.5, 0.07)),
    ],
    MODEL3: [replace(MODEL3, name="Model3-rate-0.003", target=(), learning_rate=0.003)],
}


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


def recipe(experiment):
    """How an experiment is trained, as text: optimizer, schedule and what else is neither a technique nor a default."""
    elsewhere = ["name", "target", "layer_line", "keep_best", "augmentation"]
    elsewhere += ["batch_normalization", "dropout", "activation_dropout"]
    return [
        f"{field.name.replace('_', ' ')} {getattr(experiment, field.name)}"
        for field in dataclasses.fields(Experiment)
        if field.name not in elsewhere
        and (field.name == "optimizer" or getattr(experiment, field.name) != field.default)
    ]


def techniques(experiment):
    """The techniques that an experiment uses, in words."""
    used = {
        f"batch normalization ({experiment.batch_normalization})": experiment.batch_normalization != "none",
        "global average pooling": "G" in experiment.layer_line.split(),
        f"dropout {experiment.dropout:g} of channels": experiment.dropout,
        f"dropout {experiment.activation_dropout:g} of activations": experiment.activation_dropout,
        f"augmentation ({experiment.augmentation})": experiment.augmentation,
        f"{experiment.schedule} learning rate": experiment.schedule != "constant",
        "best epoch on held-out images": experiment.keep_best,
    }
    return ", ".join(words for words, there in used.items() if there) or "none"
