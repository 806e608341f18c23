"""Many seeds at once: their networks side by side, as the groups of one network whose maps lie one after another.

A GPU is as fast with a hundred small networks as with one. The numbers are those of single runs, up to rounding.
"""

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from src import InputError, data
from src.augment import augment
from src.data import normalize
from src.experiments import Experiment, Plateau
from src.model import CLASSES, build
from src.runs.one import choose_device, reproducible
from src.training import evaluate, learning_rate, make_optimizer, passes, predict


def train_together(experiment: Experiment, seeds: Sequence[int], threads: int = 1, device: str = "auto") -> list[float]:
    """Train an experiment with several seeds at once; return the test accuracy of each, a fraction.

    Raises InputError for an experiment whose runs cannot be put side by side.
    """
    lacking = ("channel_dropout", "dropout", "keep_best", "bfloat16")
    if any(getattr(experiment, name) for name in lacking) or experiment.ghost_batches > 1:
        raise InputError(f"{experiment.name} cannot be trained together: it has {', '.join(lacking)} or ghost_batches.")
    if isinstance(experiment.schedule, Plateau):
        raise InputError(f"{experiment.name} cannot be trained together: every run would need its own learning rate.")
    place = choose_device(device)
    train_digits, test_digits = (data.load(split).to(place) for split in ("train", "test"))
    with reproducible(threads):
        networks, generators = [], []
        for seed in seeds:
            torch.manual_seed(seed)
            networks.append(build(experiment))
            generators.append(Draws(place))
        network = side_by_side(networks).to(place)
        _fit(network, experiment, train_digits, generators)
        logits = predict(network, test_digits.images.expand(-1, len(seeds), -1, -1)).view(-1, len(seeds), CLASSES)
        return [evaluate(answers, test_digits.labels)[1] for answers in logits.unbind(dim=1)]


class Draws:
    """The random generator of one run on a device, as it is when this is made, beside those of others."""

    def __init__(self, device: torch.device):
        self.generator = torch if device.type == "cpu" else torch.get_device_module(device)
        self.state = self.generator.get_rng_state()

    def __call__(self, function: Callable, *arguments: Any, **options: Any) -> Any:
        """Call a function that draws from torch's global generator, with this run's."""
        self.generator.set_rng_state(self.state)
        result = function(*arguments, **options)
        self.state = self.generator.get_rng_state()
        return result


def side_by_side(networks: Sequence[nn.Sequential]) -> nn.Sequential:
    """Return one network that takes (N, K, 28, 28), an image for each of K networks, and gives (N, K * 10) logits."""
    grouped = copy.deepcopy(networks[0])
    for name, module in grouped.named_modules():
        if isinstance(module, nn.Conv2d):
            module.groups *= len(networks)
        if not isinstance(module, nn.Conv2d | nn.BatchNorm2d):
            continue
        parts = [network.get_submodule(name) for network in networks]
        for key in [key for key, tensor in module.state_dict().items() if tensor.ndim]:
            tensor = torch.cat([part.state_dict()[key] for part in parts])
            setattr(module, key, nn.Parameter(tensor) if key in dict(module.named_parameters()) else tensor)
    return grouped


def _fit(network, experiment, train_digits, generators):
    """Do what training.fit() does, with a batch of its own for every generator; see there."""
    optimizer, device = make_optimizer(experiment, network), train_digits.labels.device
    network.train()
    shown = [torch.arange(len(train_digits), device=device)] * len(generators)
    for epoch in range(experiment.epochs):
        pairs = zip(generators, shown, strict=True)
        orders = [part[draw(torch.randperm, len(part), device=device)] for draw, part in pairs]
        batches, kept = torch.stack(orders, dim=1).split(experiment.batch_size), []
        before, after, whole = (passes(experiment, epochs) for epochs in (epoch, epoch + 1, experiment.epochs))
        for i, batch in enumerate(batches):
            done = (before + (after - before) * (i + 0.5) / len(batches)) / whole
            images = train_digits.images[batch.T].float()  # (K, N, 1, 28, 28)
            if experiment.augmentation and done < experiment.augmentation.until:
                parts = zip(generators, images, strict=True)
                images = torch.stack([draw(augment, part, experiment.augmentation) for draw, part in parts])

            logits = network(normalize(images.squeeze(2).transpose(0, 1)))
            targets = train_digits.labels[batch].flatten()
            logits = logits.view(-1, CLASSES)
            losses = F.cross_entropy(logits, targets, reduction="sum", label_smoothing=experiment.label_smoothing)
            optimizer.zero_grad()
            (losses / len(batch)).backward()
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(experiment.schedule, done, experiment.epochs)
            optimizer.step()

            if experiment.hardest < 1 and epoch == 0:
                losses = F.cross_entropy(logits.detach(), targets, reduction="none").view(batch.shape)
                places = losses.topk(math.ceil(experiment.hardest * len(batch)), dim=0).indices
                kept.append(batch.gather(0, places.sort(dim=0).values))
        shown = torch.cat(kept).unbind(dim=1) if kept else shown
