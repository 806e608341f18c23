"""A look inside a trained network, any nn.Module that reads digits: what it finds, what matters to it, what it invents.

An image is one that contract.as_images() takes. All raise InputError for what is no network and no single image."""

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor, nn

from src import InputError
from src.augment import Augmentation, augment
from src.contract import as_images
from src.data import MNIST, Digits, data_of, normalize
from src.model import IMAGE_SIZE
from src.show.figures import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, digits_grid, read_as, shades_of, short, styled
from src.training import predict

SIGNED = LinearSegmentedColormap.from_list("signed", [BLUE, "white", "#D55E00"])  # below zero, zero, above it
STEPS = {nn.Conv2d: "convolution", nn.MaxPool2d: "max pooling", nn.AvgPool2d: "average pooling"}
STEPS |= {nn.AdaptiveMaxPool2d: "max pooling", nn.AdaptiveAvgPool2d: "average pooling"}
SHOWN = 16  # maps in a row at most
SQUARE = 5  # pixels that occlusion covers, along one side
JITTER = Augmentation(rotation=15, translation=3, scale=0.2)  # what an invented image must stand
INK_PRICE = 0.12  # logits that a pixel of full ink costs an invented image
BLUR = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]])[None, None] / 16


def maps_of(network: nn.Module, ink: Tensor) -> list[tuple[str, nn.Module, Tensor]]:
    """Return name, module and maps (N, C, H, W) of each convolution and pooling module, in order of use.

    ink: (N, 1, 28, 28) float, 0 to 1. The maps are those after the modules that follow and keep the shape: ReLU, for
    example. What forward() does without a module is not seen. Raises InputError for a network without nn.Conv2d."""
    steps = []

    def keep(module, _, maps):
        if kind := next((word for step, word in STEPS.items() if isinstance(module, step)), None):
            steps.append((f"{len(steps) + 1} {kind}", module, maps))
        elif steps and getattr(maps, "shape", None) == steps[-1][-1].shape:
            steps[-1] = (*steps[-1][:-1], maps)

    parts = [part for part in network.modules() if isinstance(part, tuple(STEPS)) or not list(part.children())]
    hooks = [part.register_forward_hook(keep) for part in parts]
    try:
        network(normalize(255 * ink, data_of(network)))
    finally:
        for hook in hooks:
            hook.remove()
    if not any(isinstance(module, nn.Conv2d) for _, module, _ in steps):
        raise InputError(f"the network {type(network).__name__} uses no nn.Conv2d, so it has no maps to look at.")
    return steps


@torch.no_grad()
def filters(network: nn.Module, image: Tensor) -> Figure:
    """Draw the filters of the first convolution, and below each its response to an image at every position."""
    ink = _one(network, image)
    first = next(module for _, module, _ in maps_of(network, ink) if isinstance(module, nn.Conv2d))
    weights = first.weight.sum(dim=1)  # all input channels are this one image
    response = F.conv2d(ink, weights[:, None], padding="same")[0]
    title = "What does the first convolution look for? Orange where the image is like the filter, blue where opposite"
    return _maps([("filter", weights), ("response", response)], title)


@torch.no_grad()
def feature_maps(network: nn.Module, image: Tensor) -> Figure:
    """Draw the maps of one image, a row for each convolution and pooling module, and its logits."""
    ink = _one(network, image)
    rows = [("image", ink[0]), *((name, maps[0]) for name, _, maps in maps_of(network, ink))]
    logits, names = predict(network, ink)[0], data_of(network).classes
    rows = rows[:-1] if rows[-1][1].shape == (len(names), 1, 1) else rows  # they are the logits
    label = f"logits, {names[0]} to {names[-1]}" if max(map(len, names)) == 1 else "logits"
    title = f"Layer by layer to the answer: {names[logits.argmax()]}"
    return _maps([*rows, (label, logits.view(-1, 1, 1))], title)


@styled
def _maps(rows, title):
    """Draw a row of maps (C, H, W) for each label, in the colours of SIGNED, of which each row has its own scale."""
    columns = min(SHOWN, max(len(maps) for _, maps in rows))
    figure, ax = plt.subplots(figsize=(10, 8.4 * len(rows) / columns + 0.4))
    for row, (label, maps) in enumerate(rows):
        size = f"{len(maps)} of {maps.shape[1]}×{maps.shape[2]}" + f", {SHOWN} shown" * (len(maps) > SHOWN)
        ax.text(-0.1, -row - 0.45, f"{label}\n{size}", ha="right", va="center", fontsize=10)
        for column, values in enumerate(maps[:columns]):
            _signed(ax, values, maps, extent=(column, column + 0.9, -row - 0.9, -row))
            ax.add_patch(Rectangle((column, -row - 0.9), 0.9, 0.9, fill=False, color="silver", linewidth=0.5))
    ax.set(xlim=(-1.5 * columns / 8.4, columns), ylim=(-len(rows), 0.05))
    ax.set_axis_off()
    figure.suptitle(title)
    return figure


def _signed(ax, values, scale, **options):
    """Draw values (H, W): orange above zero, blue below; the largest value of scale has the full colour."""
    limit = max(scale.abs().max().item(), 1e-12)
    ax.imshow(values.cpu().numpy(), cmap=SIGNED, vmin=-limit, vmax=limit, **options)


def gradient_times_input(network: nn.Module, image: Tensor) -> Tensor:
    """Return (28, 28): the ink of each pixel times the gradient of the answer's logit (Shrikumar et al. 2016)."""
    ink = _one(network, image).requires_grad_()
    [gradient] = torch.autograd.grad(network(normalize(255 * ink, data_of(network))).max(), ink)
    return (gradient * ink)[0, 0].detach()


def occlusion(network: nn.Module, image: Tensor) -> Tensor:
    """Return (28, 28): how far the answer's logit falls when a blank square is centred there (Zeiler, Fergus 2014)."""
    ink, pixel = _one(network, image), torch.arange(IMAGE_SIZE)
    near = (pixel[:, None] - pixel).abs() <= SQUARE // 2  # (centre, pixel)
    squares = near[:, None, None, :, None] & near[None, :, None, None, :]  # (row, column, 1, 28, 28)
    covered = ink.masked_fill(squares.flatten(0, 1).to(ink.device), data_of(network).background / 255)
    logits = predict(network, torch.cat([ink, covered]))
    return (logits[0].max() - logits[1:, logits[0].argmax()]).view(IMAGE_SIZE, IMAGE_SIZE)


@styled
def pixels_that_matter(network: nn.Module, image: Tensor) -> Figure:
    """Draw which pixels of an image speak for the answer, by gradient times input and by occlusion."""
    ink, logits = _one(network, image)[0, 0].cpu().numpy(), predict(network, image)[0]
    answer, falls = data_of(network).classes[logits.argmax()], occlusion(network, image)
    figure, (first, *others) = plt.subplots(1, 3, figsize=(10, 4.1))
    first.imshow(ink, cmap=shades_of(255 * torch.from_numpy(ink)), vmin=0, vmax=1)
    for ax, values in zip(others, [gradient_times_input(network, image), falls], strict=True):
        _signed(ax, values, values)
        ax.contour(ink, levels=[0.5], colors=BLACK, linewidths=0.8)
    titles = [f"read as {answer},\nlogit {logits.max():.1f}", "gradient times input,\npixel by pixel"]
    titles += [f"occlusion: covered there, the\nlogit falls by up to {falls.max():.1f}"]
    for ax, title in zip((first, *others), titles, strict=True):
        ax.set_title(title)
        ax.set_axis_off()
    figure.get_layout_engine().set(h_pad=0.1)
    figure.suptitle(f"Which pixels speak for {answer} (orange), and which against it (blue)?")
    return figure


def fields_of(network: nn.Module) -> list[tuple[str, tuple[int, int, int, int]]]:
    """Return the name and the receptive field (left, top, width, height) of the middle unit of each step of maps_of().

    It is where the gradient is not zero for one of many images of noise: max pooling and ReLU let a part through."""
    noise = torch.rand(64, 1, IMAGE_SIZE, IMAGE_SIZE, generator=torch.Generator().manual_seed(0))
    ink, fields = _ink(network, noise).requires_grad_(), []
    for name, _, maps in maps_of(network, ink):
        units = maps[:, :, maps.shape[2] // 2, maps.shape[3] // 2]
        [gradient] = torch.autograd.grad(units.sum(), ink, retain_graph=True)
        places = gradient.abs().amax(dim=(0, 1)).nonzero()  # (row, column) each
        if not len(places):
            raise InputError(f"no gradient comes through the layer '{name}', so its receptive field is not known.")
        (top, left), (bottom, right) = places.amin(dim=0).tolist(), (places.amax(dim=0) + 1).tolist()
        fields.append((name, (left, top, right - left, bottom - top)))
    return fields


@styled
def receptive_field(network: nn.Module, image: Tensor) -> Figure:
    """Draw on an image the receptive field of the unit in the middle of each layer's maps."""
    squares = {}
    for name, field in fields_of(network):
        squares.setdefault(field, []).append(name)
    figure, ax = plt.subplots(figsize=(9, 5))
    ax.imshow(_one(network, image)[0, 0].cpu().numpy(), cmap="gray_r", vmin=0, vmax=2)  # pale, below the squares
    for i, ((left, top, width, height), names) in enumerate(squares.items()):
        look = dict(color=[BLUE, ORANGE, GREEN, PURPLE, SKY, BLACK][i % 6], linewidth=2)
        ax.add_patch(Rectangle((left - 0.5, top - 0.5), width, height, fill=False, **look))
        corner, place = (left + width - 0.5, top + height - 0.5), (30, IMAGE_SIZE * (i + 0.5) / len(squares))
        line = dict(arrowstyle="-", relpos=(0, 0.5), **look | dict(linewidth=1))
        ax.annotate(f"{', '.join(names)}: {width}×{height}", corner, place, va="center", arrowprops=line)
    ax.set(xlim=(-1, 52), ylim=(28, -1))
    ax.set_axis_off()
    figure.suptitle("How many pixels does one unit see? With each layer more")
    return figure


def confused(network: nn.Module, digits: Digits) -> Figure:
    """Draw the most confused pair of digits: up to ten mistakes of most confidence (the largest softmax) each way.

    Raises InputError if there is no mistake."""
    confidence, answers = predict(network, digits.images).cpu().softmax(dim=1).max(dim=1)
    wrong = (answers != digits.labels).sum().item()
    if not wrong:
        raise InputError(f"the network reads all of these {len(digits)} digits right; give more: data.load('test').")
    names = digits.of.classes
    counts = torch.zeros(len(names), len(names))
    counts.index_put_((digits.labels, answers), torch.tensor(1.0), accumulate=True)
    one, other = divmod((counts + counts.T).triu(diagonal=1).argmax().item(), len(names))  # mistakes both ways
    ways = [((digits.labels == a) & (answers == b)).nonzero().flatten() for a, b in [(one, other), (other, one)]]
    shown = torch.cat([way[confidence[way].argsort(descending=True)][:10] for way in ways])
    captions = read_as(digits, answers, confidence, shown)
    title = f"{names[one]} and {names[other]} are confused most: {sum(map(len, ways))} of {wrong} mistakes"
    return digits_grid(digits.images[shown], captions, title)


def invented(network: nn.Module, steps: int = 200) -> Tensor:
    """Return an image for each class (C, 1, 28, 28), ink from 0 to 1: noise, changed until it is read as that.

    Gradient ascent on the logit and the log-probability. Blur, random maps of the image and a price of ink leave little
    but strokes (Olah et al., Feature Visualization, Distill 2017). The same network gives the same images."""
    draw, classes = torch.Generator().manual_seed(0), len(data_of(network).classes)
    paint = _ink(network, torch.rand(classes, 1, IMAGE_SIZE, IMAGE_SIZE, generator=draw)).requires_grad_()
    blur, digits = BLUR.to(paint.device), torch.arange(classes, device=paint.device)
    optimizer = torch.optim.Adam([paint], lr=0.1)
    for _ in range(steps):
        ink, draws = F.conv2d(paint, blur, padding=1), torch.rand(4, classes, generator=draw).to(paint.device)
        logits = network(normalize(augment(255 * ink, JITTER, draws), data_of(network)))
        loss = F.cross_entropy(logits, digits, reduction="sum") - logits.diagonal().sum() + INK_PRICE * ink.sum()
        [paint.grad] = torch.autograd.grad(loss, paint)  # of the image alone: the network stays as it is
        optimizer.step()
        paint.data.clamp_(0, 1)
    return F.conv2d(paint.detach(), blur, padding=1)


def invent(network: nn.Module) -> Figure:
    """Draw the images that invented() gives, with the logit of their digit before and after."""
    noise, images = invented(network, steps=0), invented(network)
    before, after = predict(network, noise), predict(network, images)
    names = data_of(network).classes
    form = "for {}:\nlogit {:.1f}\n→ {:.1f}" if max(map(len, names)) > 3 else "for {}: logit\n{:.1f} → {:.1f}"
    captions = [form.format(short(name), before[i, i], after[i, i]) for i, name in enumerate(names)]
    read = (after.argmax(dim=1).cpu() == torch.arange(len(names))).sum()
    kind, number = ("digit", "Ten") if names == MNIST.classes else ("class", len(names))
    title = f"{number} images that the network invented, one for each {kind}: it reads {read} of them as that {kind}"
    return digits_grid(255 * images.cpu(), captions, title)


def _ink(network, images):
    """Return images as fractions of full brightness, on the device of a network that is not training."""
    if not isinstance(network, nn.Module):
        remedy = "after run = train(...), give run.network"
        raise InputError(f"the network must be an nn.Module, not {type(network).__name__}; {remedy}.")
    return as_images(images, dark=data_of(network) != MNIST).to(next(network.eval().parameters(), images).device) / 255


def _one(network, image):
    """Return the ink (1, 1, 28, 28) of one image."""
    if len(ink := _ink(network, image)) != 1:
        raise InputError(f"only one image can be looked at, not {len(ink)}; give digits.images[0], for example.")
    return ink
