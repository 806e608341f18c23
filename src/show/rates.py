"""Which learning rate? The loss while the rate rises from very small to far too large, within one epoch."""

import contextlib
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from src import InputError, data
from src.experiments import Experiment
from src.runs.machine import choose_device, learned_digits, make_network, reproducible
from src.runs.names import check_name
from src.show import figures
from src.show.compare import say
from src.training import fit, plan_epoch

LOW, HIGH = 1e-5, 1.0
STEPS = 15  # whose mean is drawn: the loss of one batch jumps
TOO_HIGH = 4  # times the lowest loss: there the rate is far too large, and the training ends


class _Enough(Exception):
    """The loss has left its valley."""


def rising(done: float) -> float:
    """Return the rate when a fraction of the epoch is over: each step multiplies it by the same factor."""
    return LOW * (HIGH / LOW) ** done


def rates(experiment: Experiment, seed: int = 0) -> Figure:
    """Train for one epoch with a rate that rises at each step; draw the loss over it, and name a rate to begin with.

    That is a third of the rate with the lowest loss (after arXiv:1506.01186): the peak of a schedule, or a constant
    rate. Nothing is kept but the figure, in images/. Raises InputError for a Recipe and for too few steps."""
    check_name(experiment)
    if experiment.fit:
        raise InputError(f"{experiment.name} is a Recipe, with a loop of its own; rates() wants a plain Experiment.")
    one_epoch = replace(experiment, name=f"{experiment.name}-rising", target=(), epochs=1, schedule=rising)
    losses = []

    def loss_of(logits, labels):
        loss = F.cross_entropy(logits, labels)
        losses.append(loss.item())
        if len(losses) > 4 * STEPS and not np.mean(losses[-STEPS:]) < TOO_HIGH * means(losses).min():  # nan, too
            raise _Enough
        return loss

    device = choose_device("auto")
    with reproducible():
        torch.manual_seed(seed)
        network = make_network(one_epoch, device)
        digits = data.mislabel(learned_digits(one_epoch), one_epoch.wrong_labels).to(device)
        with contextlib.suppress(_Enough):
            list(fit(network, one_epoch, digits, loss_of=loss_of))
        plan = plan_epoch(one_epoch, 0, torch.arange(len(digits)))
    if len(losses) <= STEPS:
        remedy = "take a smaller batch_size or more train_images"
        raise InputError(f"{experiment.name} has only {len(losses)} steps in an epoch; {remedy}.")
    tried = np.array([batch.learning_rate for batch, _ in zip(plan, losses, strict=False)])[STEPS - 1 :]
    smooth = np.nan_to_num(means(losses), nan=np.inf)
    lowest = tried[smooth.argmin()]
    say(
        f"The loss of {experiment.name} is lowest at a rate of {lowest:.2g}. Beyond it the steps are too long. Begin "
        f"with a third of it, {lowest / 3:.1g}, as the peak of a schedule or as a constant rate."
    )
    return figures.save(_drawn(experiment.name, tried, smooth, lowest), f"rates-{experiment.name}.png")


def means(losses: list[float]) -> np.ndarray:
    """Return the mean of each STEPS losses in a row."""
    return np.convolve(losses, np.ones(STEPS) / STEPS, mode="valid")


@figures.styled
def _drawn(name, tried, smooth, lowest):
    figure, ax = plt.subplots(figsize=(9, 4))
    ax.plot(tried, smooth, color=figures.BLUE, label=f"mean loss of {STEPS} steps")
    ax.axvline(lowest, color=figures.ORANGE, linestyle="--", label=f"lowest loss: {lowest:.2g}")
    ax.axvline(lowest / 3, color=figures.GREEN, linestyle=":", label=f"begin with {lowest / 3:.1g}")
    ax.set(xscale="log", xlabel="learning rate (log scale)", ylabel="cross-entropy (nats)")
    ax.set_ylim(0, min(smooth.max(), 3) * 1.05)  # beyond lies what is not finite, too
    ax.set_title(f"{name}: up to which learning rate does the loss fall?")
    ax.legend(loc="lower left")
    return figure
