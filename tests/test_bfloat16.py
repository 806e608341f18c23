"""Computing in bfloat16 changes the rounding and nothing else."""

from dataclasses import replace

import torch

from src import data
from src.experiments import MODEL4
from src.model import count_parameters
from src.runs.one import make_network, train
from src.speed.bfloat16 import Bfloat16


def test_a_network_in_16_bits_has_the_same_parameters_and_almost_the_same_logits():
    networks = []
    for bfloat16 in (False, True):
        torch.manual_seed(0)
        networks.append(make_network(replace(MODEL4, bfloat16=bfloat16), torch.device("cpu")).eval())
    plain, short = networks
    images = data.normalize(data.load("test")[:50].images)
    assert isinstance(short, Bfloat16) and count_parameters(short) == count_parameters(plain) == 7_870
    assert {parameter.dtype for parameter in short.parameters()} == {torch.float32}
    assert short(images).dtype == torch.float32
    assert torch.allclose(short(images), plain(images), atol=0.02) and not torch.equal(short(images), plain(images))


def test_it_learns_and_repeats_itself_also_in_ghost_batches(few_digits):
    for parts in (1, 2):
        experiment = replace(MODEL4, name="Short", epochs=3, batch_size=64, bfloat16=True, ghost_batches=parts)
        first, second = (train(experiment, 3, quiet=True) for _ in range(2))
        assert torch.equal(first.logits, second.logits)
        assert first.history[-1].train_loss < first.history[0].train_loss
