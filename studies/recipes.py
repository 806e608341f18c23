"""What an experiment of a study may have beyond those of the series: schedules, optimizers, techniques, their loop."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import nn

from src import InputError, model, training
from src.checks import Checked, one_of, that_is, within
from src.contract import is_optimizer, is_schedule
from src.data import Digits
from src.experiments import AdamW, Constant, Experiment, OneCycle
from src.model import Layer, convolutions
from src.training import Batch, Epoch, evaluate, plan_epoch, predict
from studies.deskew import Deskew
from studies.dropout import FastDropout
from studies.ghost import GhostBatches
from studies.quantization import Quantization, RoundedReLU, rounded, set_rounding

HELD_OUT = 1 / 12  # of the training images, on which the epoch to keep is chosen, if a recipe keeps the best


@dataclass(frozen=True)
class StepDecay(Checked):
    """The rate is multiplied by gamma every step_size epochs."""

    rate: float = within(1e-8, 10)
    step_size: int = within(1, 1000)
    gamma: float = within(0.001, 0.999)

    def __str__(self):
        return f"{self.rate:g}, times {self.gamma:g} every {self.step_size} epochs"

    def learning_rate(self, done: float, epoch: int) -> float:
        """Return the rate after so many whole epochs, however many images each shows."""
        return self.rate * self.gamma ** (epoch // self.step_size)


@dataclass(frozen=True)
class Plateau(Checked):
    """The rate is multiplied by gamma whenever patience epochs have passed without a better accuracy."""

    rate: float = within(1e-8, 10)
    patience: int = within(1, 1000)
    gamma: float = within(0.001, 0.999)

    def __str__(self):
        return f"{self.rate:g}, times {self.gamma:g} after {self.patience} epochs without a better accuracy"

    def after(self, accuracies: Sequence[float]) -> Constant:
        """Return the rate of the next epoch, at least 1e-8, after epochs with these accuracies."""
        best, waited, lowered = 0.0, 0, 0  # counted as Keras does; PyTorch's scheduler waits an epoch longer
        for accuracy in accuracies:
            waited = 0 if accuracy > best else waited + 1
            best = max(best, accuracy)
            if waited == self.patience:
                waited, lowered = 0, lowered + 1
        return Constant(max(self.rate * self.gamma**lowered, 1e-8))


@dataclass(frozen=True)
class Adam(Checked):
    """Adam (arXiv:1412.6980), where weight decay is added to the gradient."""

    weight_decay: float = within(0, 1, default=0.0)


@dataclass(frozen=True)
class SGD(Checked):
    """Stochastic gradient descent with momentum."""

    momentum: float = within(0, 0.999, default=0.9)
    weight_decay: float = within(0, 1, default=0.0)


def block(layer: Layer, recipe: Experiment, hidden: bool) -> nn.Module:
    """Build the modules of one word of the layer line, as the recipe's fields say."""
    if layer.kind == "deskew":
        return Deskew()
    few_bits = recipe.quantization
    if few_bits and hidden and layer.kind == "global average pooling":
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), RoundedReLU(few_bits.activations))
    if "convolution" not in layer.kind:
        return model.block(layer, recipe, hidden)
    concerned = {"none": False, "3x3": hidden and layer.kernel == 3, "hidden": hidden, "all": True}
    normalized = concerned[recipe.batch_normalization]
    modules = convolutions(layer, {"all": True, "none": False, "unless normalized": not normalized}[recipe.bias])
    if few_bits:
        modules = rounded(modules, few_bits.bits_of(layer, recipe.layer_line), hidden)
    if normalized:
        modules.append(nn.BatchNorm2d(layer.channels))
        modules[-1].weight.requires_grad_(recipe.normalization_scale)
    if hidden:
        activation = RoundedReLU(few_bits.activations) if few_bits else getattr(nn, recipe.activation)()
        modules.insert(-1 if normalized and recipe.relu_before_bn else len(modules), activation)
    if hidden and concerned[recipe.dropout_after]:
        modules += [nn.Dropout2d(recipe.channel_dropout)] * (recipe.channel_dropout > 0)
        modules += [FastDropout(recipe.dropout)] * (recipe.dropout > 0)
    return nn.Sequential(*modules)


def fit(
    network: nn.Module,
    recipe: Experiment,
    train_digits: Digits,
    test_digits: Digits | None = None,
    optimizer: torch.optim.Optimizer | None = None,
    start: int = 0,
    memory: dict[str, Any] | None = None,
) -> Iterator[Epoch]:
    """Train a network as training.fit() does, with what the recipe has beyond an Experiment.

    In the end the network is that of the best epoch, if the recipe keeps it. memory: what is kept from one epoch for
    the next ones; a training that is resumed needs it. Raises InputError as training.fit() does."""
    memory = {} if memory is None else memory
    accuracies, hardest = memory.setdefault("accuracies", []), []
    learned = round(len(train_digits) * (1 - recipe.held_out))
    train_digits, held_out = train_digits[:learned], train_digits[learned:]
    batch = None

    def plan(epoch):
        nonlocal batch
        if recipe.quantization:
            set_rounding(network, epoch >= int(recipe.quantization.start * recipe.epochs))
        shown = memory.get("hardest", torch.arange(learned)).to(train_digits.labels.device)
        for batch in plan_recipe(recipe, epoch, shown, accuracies):  # noqa: UP028  loss_of() needs to know the batch
            yield batch

    def loss_of(logits, labels):
        if recipe.hardest < 1 and "hardest" not in memory:
            losses = F.cross_entropy(logits.detach(), labels, reduction="none")
            hardest.append(hardest_of(batch.indices, losses, recipe.hardest))
        return F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)

    network.learned_from = train_digits.of  # training.fit() sees only what ghost batches wrap it in
    parts = GhostBatches(network, recipe.ghost_batches) if recipe.ghost_batches > 1 else network
    for epoch in training.fit(parts, recipe, train_digits, test_digits, optimizer, start, plan, loss_of):
        if hardest:
            memory["hardest"] = torch.cat(hardest)
        if held_out:
            _, accuracy = evaluate(predict(network, held_out.images), held_out.labels)
            epoch = replace(epoch, held_out_accuracy=accuracy)
            if accuracy > max(accuracies, default=-1):
                memory["best"] = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        accuracies.append(accuracy if held_out else epoch.train_accuracy)
        yield epoch
    if held_out:
        network.load_state_dict(memory["best"])


def plan_recipe(recipe: Experiment, epoch: int, shown: torch.Tensor, accuracies: Sequence = ()) -> Iterable[Batch]:
    """Plan an epoch as plan_epoch() does, where later epochs may show fewer images and the rate may wait for them."""
    if isinstance(recipe.schedule, Plateau):
        recipe = replace(recipe, schedule=recipe.schedule.after(accuracies))
    shares = (min(epochs, 1) + max(epochs - 1, 0) * recipe.hardest for epochs in (epoch, epoch + 1, recipe.epochs))
    return plan_epoch(recipe, epoch, shown, tuple(shares))


def hardest_of(indices: torch.Tensor, losses: torch.Tensor, share: float) -> torch.Tensor:
    """Return a share of a batch's indices (B,), those of the largest losses (B,): what later epochs show."""
    return indices[losses.topk(math.ceil(share * len(indices))).indices.sort().values]


@dataclass(frozen=True)
class Recipe(Experiment):
    """An Experiment with techniques that only studies compare."""

    schedule: Constant | OneCycle | StepDecay | Plateau | Callable = that_is("a schedule or a function", is_schedule)
    optimizer: AdamW | Adam | SGD | Callable = that_is("one of torch.optim without lr", is_optimizer, default=AdamW())
    batch_normalization: str = one_of("none", "hidden", "3x3", "all", default="none")  # after which convolutions
    bias: str = one_of("unless normalized", "all", "none", default="unless normalized")  # which convolutions carry one
    normalization_scale: bool = True  # whether batch normalization learns a scale beside its shift
    relu_before_bn: bool = False
    dropout: float = within(0, 0.9, default=0.0)  # probability that a single activation is zeroed
    dropout_after: str = one_of("hidden", "3x3", default="hidden")  # convolutions that either dropout follows
    keep_best: bool = False  # hold out HELD_OUT of the training images; end with the epoch best on them
    label_smoothing: float = within(0, 0.9, default=0.0)  # share of the target spread over all digits
    hardest: float = within(0.001, 1, default=1.0)  # hard-example mining: share of the images that later epochs show
    ghost_batches: int = within(1, 16, default=1)  # parts of a batch, each normalized by itself: ghost.py
    quantization: Quantization | None = None  # weights and activations of few bits: quantization.py

    block: ClassVar = staticmethod(block)
    fit: ClassVar = staticmethod(fit)

    def __post_init__(self):
        super().__post_init__()
        if self.ghost_batches > 1 and (self.channel_dropout or self.dropout):
            raise InputError("Recipe.ghost_batches above 1 cannot be repeated with dropout; leave one of them out.")

        if self.quantization:
            self._check_quantization()

    def _check_quantization(self):
        names = ("activation", "relu_before_bn", "ghost_batches", "network")
        others = [name for name in names if getattr(self, name) != Recipe.__dataclass_fields__[name].default]
        words = [layer for layer in model.layers(self.layer_line) if "convolution" in layer.kind]
        bits = self.quantization.weights
        others += ["keep_best"] * (self.keep_best and self.quantization.start > 0)  # the best may be from before
        if others:
            raise InputError(f"Recipe.quantization needs {others[0]} at its default; leave it out.")
        if isinstance(bits, tuple) and len(bits) != len(words):
            of = f"bits of {len(bits)} convolutions, but its layer line has {len(words)}"
            raise InputError(f"Recipe.quantization has {of}: '{self.layer_line}'.")

    @property
    def held_out(self) -> float:
        """Share of the training images, the last of them, that are held out."""
        return HELD_OUT if self.keep_best else 0.0


def changed(start: Experiment, changes: dict[str, dict]) -> list[Experiment]:
    """Return an experiment with each of some changes: a word, which is added to its name -> the fields that change."""
    return [replace(start, name=f"{start.name}-{word}", target=(), **change) for word, change in changes.items()]


def compared(choices: dict[Experiment, list[Experiment]]) -> list[Experiment]:
    """List the experiments of a dict from an experiment to its changes."""
    return [experiment for start, others in choices.items() for experiment in [start, *others]]
