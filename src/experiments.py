"""What an experiment is, and the four models of the series, each written as a change to the one before it.

All other experiments are data in studies/. A value out of its range is refused with InputError when it is made.
"""

import re
from dataclasses import dataclass, replace

from src import InputError
from src.augment import Augmentation
from src.checks import Checked, one_of, within
from src.model import check_layer_line

# Schedules: the learning rate during a training; training.learning_rate() computes it.


@dataclass(frozen=True)
class Constant(Checked):
    """The same learning rate throughout."""

    rate: float = within(1e-8, 10)

    def __str__(self):
        return f"constant {self.rate:g}"


@dataclass(frozen=True)
class OneCycle(Checked):
    """Linear warm-up to a peak, then cosine decay to zero, without a momentum cycle (arXiv:1708.07120)."""

    peak: float = within(1e-8, 10)
    warmup_fraction: float = within(0, 0.9)  # of the training

    def __str__(self):
        return f"one-cycle, peak {self.peak:g}, warm-up {100 * self.warmup_fraction:g} %"


@dataclass(frozen=True)
class StepDecay(Checked):
    """The rate is multiplied by gamma every step_size epochs."""

    rate: float = within(1e-8, 10)
    step_size: int = within(1, 1000)
    gamma: float = within(0.001, 0.999)

    def __str__(self):
        return f"{self.rate:g}, times {self.gamma:g} every {self.step_size} epochs"


@dataclass(frozen=True)
class Plateau(Checked):
    """The rate is multiplied by gamma whenever patience epochs have passed without a better accuracy."""

    rate: float = within(1e-8, 10)
    patience: int = within(1, 1000)
    gamma: float = within(0.001, 0.999)

    def __str__(self):
        return f"{self.rate:g}, times {self.gamma:g} after {self.patience} epochs without a better accuracy"


# Optimizers: those of torch.optim with the same names.


@dataclass(frozen=True)
class AdamW(Checked):
    """Adam with decoupled weight decay (arXiv:1711.05101)."""

    weight_decay: float = within(0, 1, default=0.01)


@dataclass(frozen=True)
class Adam(Checked):
    """Adam (arXiv:1412.6980), where weight decay is added to the gradient."""

    weight_decay: float = within(0, 1, default=0.0)


@dataclass(frozen=True)
class SGD(Checked):
    """Stochastic gradient descent with momentum."""

    momentum: float = within(0, 0.999, default=0.9)
    weight_decay: float = within(0, 1, default=0.0)


# Of the final network: accuracies in percent, on training images as they are; the gap (train minus test) in points.
ACCURACIES = ("train accuracy", "test accuracy", "lowest of the last three epochs")
QUANTITIES = (*ACCURACIES, "generalization gap", "parameters", "epochs")


@dataclass(frozen=True)
class Condition(Checked):
    """A part of a target, for example test accuracy >= 99.5."""

    quantity: str = one_of(*QUANTITIES)
    relation: str = one_of("<", "<=", ">", ">=")
    bound: float = within(-1e9, 1e9)

    def __str__(self):
        unit = " %" if self.quantity in ACCURACIES else " points" if "gap" in self.quantity else ""
        return f"{self.quantity} {self.relation} {self.bound:,}{unit}"


@dataclass(frozen=True)
class Experiment(Checked):
    """Everything that decides a run, except its seed, and the target that the run should reach."""

    name: str  # a plain file name
    target: tuple  # of Conditions on the last epoch
    layer_line: str  # the architecture; model.py explains the words
    schedule: Constant | OneCycle | StepDecay | Plateau
    epochs: int = within(1, 1000)
    batch_size: int = within(1, 60_000, default=128)  # images
    # Records leave out what is at its default, so these defaults never change.
    optimizer: AdamW | Adam | SGD = AdamW()
    bias: str = one_of("unless normalized", "all", "none", default="unless normalized")  # which convolutions carry one
    batch_normalization: str = one_of("none", "hidden", "3x3", "all", default="none")  # after which convolutions
    normalization_scale: bool = True  # whether batch normalization learns a scale beside its shift
    relu_before_bn: bool = False
    channel_dropout: float = within(0, 0.9, default=0.0)  # probability that a channel of an image is zeroed
    dropout: float = within(0, 0.9, default=0.0)  # probability that a single activation is zeroed
    dropout_after: str = one_of("hidden", "3x3", default="hidden")  # convolutions that either dropout follows
    augmentation: Augmentation | None = None
    keep_best: bool = False  # hold out a twelfth of the training images; end with the epoch best on them
    label_smoothing: float = within(0, 0.9, default=0.0)  # share of the target spread over all digits
    hardest: float = within(0.001, 1, default=1.0)  # share of the first epoch's images that later epochs show
    bfloat16: bool = False  # compute in 16 bits, parameters in 32: speed/bfloat16.py
    ghost_batches: int = within(1, 16, default=1)  # parts of a batch, each normalized by itself: speed/ghost.py

    def __post_init__(self):
        super().__post_init__()
        if not re.fullmatch(r"\w[\w.-]{0,99}", self.name, re.ASCII):
            raise InputError(f"Experiment.name must be a plain file name such as 'Model4-wider', not {self.name!r}.")
        if not all(isinstance(condition, Condition) for condition in self.target):
            raise InputError(f"Experiment.target must be a tuple of Conditions, not {self.target!r}.")
        check_layer_line(self.layer_line)
        if self.ghost_batches > 1 and (self.channel_dropout or self.dropout):
            raise InputError("Experiment.ghost_batches above 1 cannot be repeated with dropout; leave one of them out.")


# One technique a step; the rate of each is the best of six on the validation split (studies/rates.py).
MODEL1 = Experiment(
    name="Model1",
    target=(Condition("train accuracy", ">=", 99.5), Condition("generalization gap", ">", 0.2)),
    layer_line="8 10 P 12 14 16 15 4x10",
    schedule=Constant(0.001),
    epochs=15,
    batch_normalization="hidden",
)
MODEL2 = replace(
    MODEL1,
    name="Model2",
    target=(Condition("parameters", "<", 8000), Condition("generalization gap", "<", 0.2)),
    layer_line="8 10 P 12 14 16 15 G t10",
    schedule=Constant(0.003),
    channel_dropout=0.05,
)
MODEL3 = replace(
    MODEL2,
    name="Model3",
    channel_dropout=0.0,
    augmentation=Augmentation(rotation=7, translation=1.5, scale=0.07, until=0.85),
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
    schedule=OneCycle(peak=0.02, warmup_fraction=0.2),
)

SERIES = {experiment.name: experiment for experiment in [MODEL1, MODEL2, MODEL3, MODEL4]}
