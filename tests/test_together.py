"""Runs side by side end as they do one by one."""

from dataclasses import replace

import pytest
import torch

from src import InputError, data
from src.experiments import MODEL4, SGD, Plateau
from src.model import build
from src.runs.one import train
from src.speed.together import Draws, _fit, side_by_side, train_together
from src.studies.sprint import SPRINT

# SGD, because AdamW turns the rounding of a gradient near zero into a whole step.
STEADY = replace(SPRINT, name="Steady", layer_line="5x4s2 P 6 G t10", epochs=2, optimizer=SGD(), hardest=0.4)


def test_networks_side_by_side_give_the_logits_of_each():
    networks = [build(SPRINT).eval() for _ in range(3)]
    images = torch.randn(5, 3, 28, 28)
    logits = side_by_side(networks).eval()(images).view(5, 3, 10)
    for k, network in enumerate(networks):
        assert torch.allclose(logits[:, k], network(images[:, k : k + 1]), atol=1e-5)


def test_runs_side_by_side_end_with_the_parameters_of_single_runs(few_digits):
    draws, networks = [], []
    for seed in (0, 7):
        torch.manual_seed(seed)
        networks.append(build(STEADY))
        draws.append(Draws(torch.device("cpu")))
    together = side_by_side(networks)
    _fit(together, STEADY, data.load("train"), draws)
    for k, seed in enumerate((0, 7)):
        single = train(STEADY, seed, device="cpu", quiet=True).network
        for name, parameter in single.named_parameters():
            part = together.get_parameter(name).chunk(2)[k]
            assert torch.allclose(part, parameter, atol=1e-4), name


def test_accuracies_side_by_side_are_those_of_single_runs(few_digits):
    accuracies = train_together(STEADY, seeds=[3, 4])
    singles = [train(STEADY, seed, device="cpu", quiet=True).history[-1].test_accuracy for seed in (3, 4)]
    assert accuracies == pytest.approx(singles, abs=0.006)  # one of 200 images


@pytest.mark.parametrize(
    "change", [dict(dropout=0.1), dict(keep_best=True), dict(bfloat16=True), dict(schedule=Plateau(0.1, 2, 0.5))]
)
def test_runs_that_cannot_be_put_side_by_side_are_refused(change):
    with pytest.raises(InputError, match="cannot be trained together"):
        train_together(replace(MODEL4, **change), [0])
