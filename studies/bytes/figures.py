"""The figures of the Bytes notebook: accuracy against bytes, and how a kernel becomes whole numbers."""

from statistics import fmean

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from src.show.figures import BLUE, HALO, ORANGE, styled
from src.show.significance import mean_interval
from studies.figures import LOG_ERROR
from studies.quantization import RoundedConv2d


@styled
def curve(ours: dict, model4: tuple[int, float], public: dict[int, float]) -> Figure:
    """Draw accuracy against bytes of constant data: means of ours with their intervals, what others report hollow.

    ours: name -> bytes, accuracies in percent, a seed each. model4: bytes and accuracy of its seed 0 in 8 bits."""
    figure, ax = plt.subplots(figsize=(9, 5.2))
    points = [(size, *np.round(mean_interval(reached), 6)) for size, reached in ours.values()]
    x, means, half_widths = zip(*points, strict=True)
    look = dict(color=BLUE, marker="o", markersize=8, capsize=4, linewidth=2, zorder=4)
    ax.errorbar(x, means, yerr=half_widths, label="this study, the C program: mean over seeds, 95 % interval", **look)
    ax.plot(*model4, color=BLUE, marker="*", markersize=14, linestyle="", label="Model4 rounded to 8 bits, seed 0")
    hollow = dict(color=ORANGE, marker="D", linestyle="--", markerfacecolor="none", markeredgewidth=1.8)
    ax.plot(list(public), list(public.values()), label="BitNetMCU, as reported: best of single runs", **hollow)
    for (size, mean, _), name in zip(points, ours, strict=True):
        text = f"{name}: {mean:.2f} %"
        place = dict(textcoords="offset points", xytext=(9, -14), path_effects=HALO, zorder=6, fontsize=10)
        ax.annotate(text, (size, mean), **place)
    ticks = [500, 1_000, 2_000, 4_000, 8_000, 16_000]
    ax.set(
        xscale="log", xlim=(400, 20_000), xlabel="bytes of constant data (log scale); of BitNetMCU, bytes of weights"
    )
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.set_xticks([], minor=True)
    ax.set_yscale(**LOG_ERROR)
    ax.set_yticks([98.5, 98.8, 99, 99.2, 99.4, 99.5, 99.6, 99.7])
    ax.set(ylim=(np.floor(10 * (means[0] - half_widths[0])) / 10, 99.72))
    ax.set_ylabel("test accuracy (%), errors on a log scale")
    small = next(iter(ours.values()))
    kilobyte = [size for size, reached in ours.values() if fmean(reached) >= min(public.values())]
    fewer = f"{min(public):,} bytes elsewhere for {min(public.values())} %"
    ax.set_title(
        f"{small[0]:,} bytes read {fmean(small[1]):.2f} % of the digits; {min(kilobyte):,} do what took {fewer}"
    )
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
    figure.suptitle(f"Nine weights of {convolution.bits} bits are nine small whole numbers and one step")
    return figure
