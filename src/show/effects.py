"""What a technique does, in a picture: pooling, dropout, the learning-rate schedule."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn

from src import InputError
from src.data import data_of, normalize
from src.experiments import Experiment
from src.runs.records import Record
from src.show.figures import BLUE, GREEN, show_losses, styled


def _maps(layers, image, network):  # after some layers of a network, on the CPU
    images = image[None].to(next(network.parameters()).device)
    with torch.no_grad():
        return layers(normalize(images, data_of(network)))[0].cpu().numpy()


@styled
def pooled(network: nn.Sequential, image: torch.Tensor) -> Figure:
    """Draw the maps of one image (1, 28, 28) uint8 that global average pooling averages, and below each its mean.

    Raises InputError for a network without that layer."""
    names = [type(module).__name__ for module in network.children()]
    if not isinstance(network, nn.Sequential) or "AdaptiveAvgPool2d" not in names:
        raise InputError("this network has no global average pooling of a layer line; end that with 'G t10'.")
    maps = _maps(network.eval()[: names.index("AdaptiveAvgPool2d")], image, network)
    figure, axes = plt.subplots(1, len(maps) + 1, figsize=(10, 1.5), width_ratios=[1.6, *[1] * len(maps)])
    axes[0].imshow(image[0].numpy(), cmap="gray_r")
    for ax, each in zip(axes[1:], maps, strict=True):
        ax.imshow(each, cmap="Blues", vmin=0, vmax=maps.max())
        ax.text(0.5, -0.12, f"{each.mean():.1f}", transform=ax.transAxes, ha="center", va="top", fontsize=9)
    for ax in axes:
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
    figure.suptitle(f"{len(maps)} maps of {maps.shape[1]}x{maps.shape[2]} become {len(maps)} numbers, their means")
    return figure


@styled
def dropped(network: nn.Sequential, image: torch.Tensor, passes: int = 5) -> Figure:
    """Draw the maps behind the first dropout layer for one image (1, 28, 28) uint8, in several passes while training.

    Raises InputError for a network without dropout."""
    parts = enumerate(network if isinstance(network, nn.Sequential) else [])
    blocks = [i for i, block in parts if any(isinstance(part, nn.Dropout2d) for part in block.modules())]
    if not blocks:
        raise InputError("this network has no dropout of a layer line; set channel_dropout=0.05.")
    block = blocks[:2][-1]  # the second, if there are two: its maps are easier to read
    network.eval()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        before = _maps(network[: block + 1], image, network)
        for part in network[block].modules():
            if isinstance(part, nn.Dropout2d):
                part.train()
        shown = [_maps(network[: block + 1], image, network) for _ in range(passes)]
    network.eval()
    figure, axes = plt.subplots(passes, len(before), figsize=(10, 1.05 * passes + 0.6), squeeze=False)
    for row, maps in zip(axes, shown, strict=True):
        for ax, each, whole in zip(row, maps, before, strict=True):
            gone = bool(whole.any() and not each.any())
            ax.imshow(each, cmap="gray_r", vmin=0, vmax=float(before.max()))
            ax.set(xticks=[], yticks=[])
            ax.grid(False)
            ax.set_title("dropped" if gone else "", fontsize=9, color=BLUE, pad=2)
    for number, row in enumerate(axes, start=1):
        row[0].set_ylabel(f"pass {number}", fontsize=9)
    figure.suptitle("The same digit, the same layer: each pass drops other channels")
    return figure


@styled
def rate_and_loss(experiments: Sequence[Experiment], records: Sequence[Record]) -> Figure:
    """Draw the learning rate of two experiments over the training, and beside it the test loss after each epoch."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8))
    for each, record, color, line in zip(experiments, records, (GREEN, BLUE), (":", "-"), strict=True):
        done, epochs = np.linspace(0, 1, 1000, endpoint=False), len(record.history)
        rates = [each.learning_rate(part, int(part * epochs)) for part in done]
        look = dict(color=color, linestyle=line, linewidth=2, label=each.name)
        left.plot(done * epochs, rates, **look)
        right.plot(
            range(1, epochs + 1), [epoch.test_loss for epoch in record.history], marker="o", markersize=4, **look
        )
    left.set(xlabel="epoch", ylabel="learning rate", ylim=(0, None), title="How large are the steps?")
    right.set(xlabel="epoch", title="How wrong are the answers?")
    show_losses(right, "test loss")
    left.legend()
    right.legend()
    return figure
