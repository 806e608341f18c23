"""Dropout from fewer draws is dropout, and stands wherever the usual loop has the library's."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from src.model import build
from src.runs.machine import make_network
from studies.dropout import FastDropout
from studies.sprint import B4, usual


def dropouts(network):
    """Name -> module, of everything that drops activations or channels."""
    kinds = (nn.Dropout, nn.Dropout2d)
    return {name: module for name, module in network.named_modules() if isinstance(module, kinds)}


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


def test_a_run_has_fast_dropout_wherever_the_usual_loop_has_the_librarys_and_at_the_same_rate():
    theirs, ours = dropouts(usual.make_network(B4)), dropouts(make_network(B4, torch.device("cpu")))
    assert len(theirs) == 6 and theirs.keys() == ours.keys()
    assert {type(module) for module in theirs.values()} == {nn.Dropout}
    assert {type(module) for module in ours.values()} == {FastDropout}
    assert {module.p for module in [*theirs.values(), *ours.values()]} == {0.1}


def test_channel_dropout_is_the_librarys_in_either_loop():
    experiment = replace(B4, name="channels", dropout=0.0, channel_dropout=0.1)
    for network in (usual.make_network(experiment), build(experiment)):
        assert [type(module) for module in dropouts(network).values()] == [nn.Dropout2d] * 6
