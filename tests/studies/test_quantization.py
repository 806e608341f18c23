"""Rounded weights and activations are what they say they are, and what learns with them learns as it should."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from src import InputError
from src.experiments import MODEL4
from src.model import build, count_parameters
from src.runs.one import train
from src.training import predict
from src.use import weights
from studies.quantization import STEPS, Quantization, RoundedConv2d, RoundedReLU
from studies.recipes import Recipe
from studies.together import check_together

FOUR = Quantization(weights=4)
SMALL = Recipe(**vars(MODEL4) | dict(name="Small", target=(), layer_line="4 P s6 G t10", epochs=2, quantization=FOUR))


@pytest.mark.parametrize("bits", [1, 9, 4.0, True, (), (4, 1), "4", None])
def test_bits_that_there_are_not_are_refused(bits):
    with pytest.raises(InputError, match="Quantization.weights must be from 2 to 8 bits, or a tuple of such"):
        Quantization(weights=bits)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (dict(activation="GELU"), "quantization needs activation at its default"),
        (dict(relu_before_bn=True), "quantization needs relu_before_bn at its default"),
        (dict(ghost_batches=2), "quantization needs ghost_batches at its default"),
        (dict(quantization=Quantization((4, 3))), "bits of 2 convolutions, but its layer line has 3: '4 P s6 G t10'"),
    ],
)
def test_what_cannot_be_combined_is_refused_in_one_sentence(changes, words):
    with pytest.raises(InputError, match=words):
        replace(SMALL, **changes)


def test_runs_with_quantization_are_not_put_side_by_side():
    with pytest.raises(InputError, match="cannot be trained together: it has quantization"):
        check_together(SMALL)


@pytest.mark.parametrize("bits", STEPS)
@pytest.mark.parametrize("one_step", [False, True])
def test_weights_are_whole_numbers_of_their_bits_times_a_step(bits, one_step):
    torch.manual_seed(0)
    plain = nn.Conv2d(3, 5, 3)
    rounded = RoundedConv2d(plain, bits, one_step)
    whole, step = rounded.whole()
    assert step.shape == ((1, 1, 1, 1) if one_step else (5, 1, 1, 1))
    assert torch.equal(whole, whole.round())
    assert whole.min() >= -(2 ** (bits - 1)) and whole.max() <= 2 ** (bits - 1) - 1
    assert (whole * step - plain.weight).abs().mean() < step.mean()
    images = torch.rand(2, 3, 8, 8)
    assert torch.equal(rounded(images), F.conv2d(images, whole * step, plain.bias))
    rounded.rounds = False
    assert torch.equal(rounded(images), plain(images))


@pytest.mark.parametrize("bits", STEPS)
def test_no_other_step_rounds_normally_distributed_weights_better(bits):
    values = torch.randn(400_000, generator=torch.Generator().manual_seed(0))
    half = 2 ** (bits - 1)

    def error(step):
        return ((values / step).round().clamp(-half, half - 1) * step - values).square().mean()

    assert error(STEPS[bits]) < min(error(STEPS[bits] * 0.93), error(STEPS[bits] * 1.07))


def test_the_gradient_goes_to_weights_as_if_they_were_not_rounded_unless_they_lie_outside():
    torch.manual_seed(0)
    rounded = RoundedConv2d(nn.Conv2d(2, 3, 3), 2, one_step=False)
    images = torch.rand(4, 2, 6, 6)
    rounded(images).square().sum().backward()
    whole, step = (each.detach() for each in rounded.whole())
    weight = (whole * step).requires_grad_()
    F.conv2d(images, weight, rounded.bias).square().sum().backward()
    inside = (rounded.weight / step > -2) & (rounded.weight / step < 1)
    assert 0 < inside.sum() < inside.numel()
    assert torch.allclose(rounded.weight.grad, weight.grad * inside, rtol=1e-5, atol=1e-5)


def test_activations_are_levels_from_zero_to_their_largest_and_their_gradient_is_that_of_a_clipped_relu():
    torch.manual_seed(0)
    relu = RoundedReLU(bits=3)
    relu(torch.randn(100) * 2)
    maps = (torch.randn(2, 3, 4, 4) * 9).requires_grad_()
    top = relu.top.item()
    out = relu.eval()(maps)
    assert relu.top == top  # what is answered changes nothing
    assert torch.allclose(out / relu.step, (out / relu.step).round(), atol=1e-4)
    assert (out - maps.clamp(0, top)).abs().max() <= relu.step / 2 + 1e-6
    assert len(out.unique()) == 8
    out.sum().backward()
    assert torch.equal(maps.grad, ((maps > 0) & (maps < top)).float())


def test_until_it_starts_a_training_is_that_without_quantization(few_digits):
    plain = train(replace(SMALL, quantization=None), quiet=True).history
    later = train(replace(SMALL, quantization=Quantization(2, start=0.5)), quiet=True).history
    whole = train(replace(SMALL, quantization=Quantization(2)), quiet=True).history
    assert replace(plain[0], seconds=0, cpu_seconds=0) == replace(later[0], seconds=0, cpu_seconds=0)
    assert plain[1].test_loss != later[1].test_loss
    assert plain[0].test_loss != whole[0].test_loss


def test_a_rounded_network_has_the_parameters_that_it_has_without_and_comes_back_from_its_file(few_digits, tmp_path):
    recipe = replace(SMALL, quantization=Quantization((4, 3, 5), activations=6))
    assert count_parameters(build(recipe)) == count_parameters(build(replace(SMALL, quantization=None)))
    run = train(recipe, quiet=True)
    weights.save(run, tmp_path / "few.safetensors")
    network = weights.load(tmp_path / "few.safetensors", Recipe)
    images = run.test_digits.images
    assert torch.equal(predict(network, images), run.logits)
    bits = [module.bits for module in network.modules() if isinstance(module, RoundedConv2d)]
    assert bits == [4, 3, 3, 5]  # both of the separable one
