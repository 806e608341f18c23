"""What an experiment is, and the four models of the series, each written as a change to the one before it.

A value out of its range is refused with InputError when it is made. What only studies need is in studies/recipes.py."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

from torch.nn import Module

from src.augment import Augmentation
from src.checks import ByName, Checked, Condition, one_of, that_is, within
from src.contract import is_optimizer, is_schedule
from src.data import CLASSES, MNIST
from src.model import check_layer_line

ACTIVATIONS = ("ReLU", "LeakyReLU", "ELU", "GELU", "SiLU", "Tanh", "Sigmoid")


@dataclass(frozen=True)
class Constant(Checked):
    """The same learning rate throughout."""

    rate: float = within(1e-8, 10)

    def __str__(self):
        return f"constant {self.rate:g}"

    def learning_rate(self, done: float, epoch: int) -> float:
        """Return the rate."""
        return self.rate


@dataclass(frozen=True)
class OneCycle(Checked):
    """Linear warm-up to a peak, then cosine decay to zero (arXiv:1708.07120)."""

    peak: float = within(1e-8, 10)
    warmup_fraction: float = within(0, 0.9)  # of the training

    def __str__(self):
        return f"one-cycle, peak {self.peak:g}, warm-up {100 * self.warmup_fraction:g} %"

    def learning_rate(self, done: float, epoch: int) -> float:
        """Return the rate when a fraction of the training, from 0 to 1, is over."""
        if done < self.warmup_fraction:
            return self.peak * (0.04 + 0.96 * done / self.warmup_fraction)
        angle = math.pi * (done - self.warmup_fraction) / (1 - self.warmup_fraction)
        return self.peak * (1 + math.cos(angle)) / 2


@dataclass(frozen=True)
class AdamW(Checked):
    """The optimizer of torch.optim with this name: Adam with decoupled weight decay (arXiv:1711.05101)."""

    weight_decay: float = within(0, 1, default=0.01)


@dataclass(frozen=True)
class Experiment(Checked):
    """Everything that decides a run, except its seed, and the target that the run should reach."""

    name: str = that_is("a plain file name such as 'Model4-wider'", re.compile(r"\w[\w.-]{0,99}", re.A).fullmatch)
    target: tuple = that_is("a tuple of Conditions", lambda of: all(isinstance(each, Condition) for each in of))
    layer_line: str  # the architecture; model.py explains the words
    # The learning rate; or a function of your own: the fraction of the training that is over in, a rate out.
    schedule: Constant | OneCycle | Callable = that_is(
        "a schedule such as OneCycle(0.02, 0.2), or a function of the fraction done", is_schedule
    )
    epochs: int = within(1, 1000)
    batch_size: int = within(1, 60_000, default=128)  # images
    # Records leave out what is at its default, so these defaults never change.
    # AdamW(...), or any of torch.optim: torch.optim.RMSprop, partial(torch.optim.SGD, momentum=0.9).
    optimizer: AdamW | Callable = that_is(
        "AdamW() or one of torch.optim without lr, such as torch.optim.SGD", is_optimizer, default=AdamW()
    )
    activation: str = one_of(*ACTIVATIONS, default="ReLU")  # of torch.nn, after each hidden convolution
    batch_normalization: str = one_of("none", "hidden", default="none")  # after which convolutions
    channel_dropout: float = within(0, 0.9, default=0.0)  # probability that a channel of an image is zeroed
    augmentation: Augmentation | None = None
    train_images: int = within(1, 60_000, default=60_000)  # the first of them; of 60,000, all that the data has
    wrong_labels: float = within(0, 0.9, default=0.0)  # fraction of these that get another label than their own
    # Makes a network of your own in the place of the layer line's: a class or a function without arguments.
    network: Callable | None = that_is("a network's class", lambda make: not isinstance(make, Module), default=None)
    data: str = that_is(  # what it learns from: datasets/
        f"{', '.join(CLASSES)}, or 'folder:PATH' or 'digits:PATH' with a folder of pictures for each class there",
        lambda name: name in CLASSES or re.match(r"(folder|digits|given):.|given$", name),
        default=MNIST.name,
    )

    # What studies/recipes.py has in the place of model.block() and training.fit(), and what its experiments may vary.
    block: ClassVar[Callable | None] = None
    fit: ClassVar[Callable | None] = None
    held_out, ghost_batches = 0.0, 1

    def __post_init__(self):
        super().__post_init__()
        check_layer_line(self.layer_line, CLASSES.get(self.data), self.data)

    def learning_rate(self, done: float, epoch: int) -> float:
        """Return the rate when a fraction of the training, from 0 to 1, and so many whole epochs are over."""
        own = not isinstance(self.schedule, Checked)
        return float(self.schedule(done)) if own else self.schedule.learning_rate(done, epoch)


# Model2 adds two techniques, Model3 swaps two; each rate is the best of six on the validation split (studies/ladder).
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

# For questions of your own, seconds a run: Model4 with a network that strides over the middle of the image, so that
# most work is done on maps of 10x10 pixels and fewer. Chosen on the validation split.
QUICK = replace(MODEL4, name="Quick", target=(), layer_line="C24 5x16s2 32 P 64 2x10", epochs=2)

SERIES = ByName({experiment.name: experiment for experiment in [MODEL1, MODEL2, MODEL3, MODEL4]})
BASES = ByName({**SERIES, QUICK.name: QUICK})  # what a change of your own is compared with
