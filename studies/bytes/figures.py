"""The figures of the Bytes notebook: accuracy against bytes, and how a kernel becomes whole numbers."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from src.show.figures import BLUE, HALO, ORANGE, styled
from studies.figures import LOG_ERROR
from studies.quantization import RoundedConv2d


@styled
def curve(ours: dict[str, tuple[int, float]], public: dict[int, float]) -> Figure:
    """Draw accuracy, in percent, against bytes of constant data: of our C programs, and what others report, hollow.

    ours: name -> bytes, accuracy of seed 0."""
    figure, ax = plt.subplots(figsize=(9, 5.2))
    label = "C programs of this series: seed 0, last epoch"
    ax.plot(*zip(*ours.values(), strict=True), color=BLUE, marker="o", markersize=8, linestyle="", label=label)
    hollow = dict(color=ORANGE, marker="D", linestyle="--", markerfacecolor="none", markeredgewidth=1.8)
    ax.plot(list(public), list(public.values()), label="BitNetMCU, as reported: best of single runs", **hollow)
    for name, (size, accuracy) in ours.items():
        place = dict(textcoords="offset points", xytext=(9, -4), path_effects=HALO, zorder=6, fontsize=10)
        ax.annotate(f"{name}: {accuracy:.2f} %", (size, accuracy), **place)
    ticks = [500, 1_000, 2_000, 4_000, 8_000, 16_000]
    ax.set(xscale="log", xlim=(400, 24_000), xlabel="bytes of constant data (log scale)")
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.set_xticks([], minor=True)
    ax.set_yscale(**LOG_ERROR)
    ax.set_yticks([98.5, 98.8, 99, 99.2, 99.4, 99.5, 99.6, 99.7])
    ax.set(ylim=(98.7, 99.72), ylabel="test accuracy (%), errors on a log scale")
    smallest, size = min((of[0], name) for name, of in ours.items()), min(public)
    accuracy = ours[smallest[1]][1]
    ax.set_title(f"{smallest[0]:,} bytes read {accuracy:.2f} % of the digits; elsewhere {size:,} read {public[size]} %")
    ax.legend(loc="lower right", fontsize=9)
    return figure


@styled
def rounding(convolution: RoundedConv2d, channel: int) -> Figure:
    """Draw how a kernel becomes whole numbers: its weights, these divided by their step and rounded, and times it."""
    whole, step = (each.detach() for each in convolution.whole())
    step = step.flatten()[0 if convolution.one_step else channel].item()
    weights, whole = convolution.weight.detach()[channel, 0].numpy(), whole[channel, 0].numpy()
    half = 2 ** (convolution.bits - 1)
    panels = [
        ("the learned weights", weights, ".2f"),
        (f"÷ {step:.3f}, rounded: from −{half} to {half - 1}", whole, ".0f"),
        (f"× {step:.3f}: what the network uses", whole * step, ".2f"),
    ]
    figure, axes = plt.subplots(1, 3, figsize=(9, 3.3))
    for ax, (title, numbers, form) in zip(axes, panels, strict=True):
        most = half * (1 if form == ".0f" else step)
        ax.imshow(numbers, cmap="RdBu_r", vmin=-most, vmax=most)
        for (row, column), number in np.ndenumerate(numbers):
            dark = abs(number) > 0.6 * most
            words = f"{number:{form}}".replace("-", "−")
            ax.text(column, row, words, ha="center", va="center", color="white" if dark else "black", fontsize=12)
        ax.set(xticks=[], yticks=[], title=title)
        ax.title.set_fontsize(11)
        ax.grid(False)
        ax.spines[:].set_visible(False)
    figure.suptitle(f"Nine weights of {convolution.bits} bits are nine small whole numbers and one step")
    return figure
