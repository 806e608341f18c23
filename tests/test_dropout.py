from dataclasses import replace

import pytest
import torch
from torch import nn

from src.model import build
from src.runs.one import make_network
from src.speed.dropout import FastDropout, with_fast_dropout
from src.studies.published import STEPS

B4 = STEPS["B4"].experiment


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_fast_dropout_zeroes_activations_at_its_rate_and_keeps_their_mean(layout):
    torch.manual_seed(0)
    dropout = FastDropout(0.2)
    maps = torch.ones(50, 7, 11, 11).to(memory_format=layout).requires_grad_()
    dropped = dropout(maps)
    zeros = dropped == 0
    assert abs(zeros.float().mean() - 0.2) < 0.01  # 42,350 activations: five standard deviations
    assert torch.allclose(dropped[~zeros], torch.tensor(1.25))
    assert not zeros.flatten(2).all(dim=2).any() and zeros.any(dim=0).all()  # neither whole channels nor favourites
    dropped.sum().backward()
    assert torch.equal(maps.grad, dropped)
    assert dropped.is_contiguous(memory_format=layout)
    assert torch.equal(dropout.eval()(maps), maps)


def test_a_run_has_fast_dropout_wherever_the_network_has_the_librarys_and_at_the_same_rate():
    plain, fast = build(B4), make_network(B4, torch.device("cpu"))
    places = [name for name, module in plain.named_modules() if type(module) is nn.Dropout]
    assert len(places) == 6
    assert [name for name, module in fast.named_modules() if isinstance(module, nn.Dropout)] == places
    assert all(type(fast.get_submodule(name)) is FastDropout for name in places)
    assert {fast.get_submodule(name).p for name in places} == {0.1}


def test_channel_dropout_stays_as_it_is():
    network = build(replace(B4, dropout=0.0, channel_dropout=0.1))
    before = str(network)
    assert str(with_fast_dropout(network)) == before
