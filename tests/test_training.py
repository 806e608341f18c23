import math
from dataclasses import astuple, replace

import pytest
import torch
from torch import nn

from src import InputError, data, training
from src.experiments import MODEL1, MODEL4, AdamW, Constant, OneCycle
from src.model import build
from src.training import Batch, evaluate, fit, make_optimizer, plan_epoch, predict

SHORT = replace(MODEL4, epochs=3, batch_size=64)


def numbers(history):
    """A history without its seconds, which no seed decides."""
    return [astuple(replace(epoch, seconds=0, cpu_seconds=0)) for epoch in history]


def fitted(experiment, network=None, **options):
    """The network and the history of a training on a few digits, from seed 0."""
    torch.manual_seed(0)
    network = network or build(experiment)
    return network, list(fit(network, experiment, data.load("train"), data.load("test"), **options))


def test_an_epoch_is_yielded_after_each_pass_and_says_what_the_network_does_then(few_digits):
    experiment, test = replace(MODEL1, epochs=4, batch_size=30), data.load("test")
    torch.manual_seed(0)
    network, history = build(experiment), []
    for epoch in fit(network, experiment, data.load("train"), test):
        history.append(epoch)
        assert evaluate(predict(network, test.images), test.labels) == (epoch.test_loss, epoch.test_accuracy)
    assert [epoch.epoch for epoch in history] == [1, 2, 3, 4]
    assert history[-1].train_loss < 0.5 * history[0].train_loss and history[-1].test_accuracy > 0.7
    assert {epoch.learning_rate for epoch in history} == {0.001}


def test_the_loop_goes_on_after_the_epochs_that_are_finished(few_digits):
    network, history = fitted(SHORT)
    torch.manual_seed(0)
    again = build(SHORT)
    optimizer = make_optimizer(SHORT, again)
    digits = data.load("train"), data.load("test")
    first = next(fit(again, SHORT, *digits, optimizer=optimizer))
    rest = list(fit(again, SHORT, *digits, optimizer=optimizer, start=1))
    assert numbers([first, *rest]) == numbers(history)
    assert torch.equal(predict(again, digits[1].images), predict(network, digits[1].images))


class Perceptron(nn.Module):
    """A network of a learner's own, which no layer line describes."""

    def __init__(self):
        super().__init__()
        self.hidden, self.logits = nn.Linear(784, 32), nn.Linear(32, 10)

    def forward(self, images):
        return self.logits(torch.relu(self.hidden(images.flatten(1))))


def test_any_module_can_be_trained(few_digits):
    _, history = fitted(replace(MODEL1, epochs=8, batch_size=32), Perceptron())
    assert history[-1].test_accuracy > 0.7


def test_augmentation_can_end_before_the_training_does(few_digits, monkeypatch):
    experiment = replace(SHORT, epochs=4, batch_size=60, augmentation=replace(MODEL4.augmentation, until=0.75))
    augmented = []
    monkeypatch.setattr(training, "augment", lambda images, _: augmented.append(len(images)) or images)
    fitted(experiment)
    assert augmented == [60] * 30  # 10 batches in each of the first three epochs


@pytest.fixture
def steps(few_digits):
    """A function that trains and returns what each step learned from: indices of images, and the learning rate."""
    index_of = {image.numpy().tobytes(): i for i, image in enumerate(data.normalize(data.load("train").images))}

    def trained(experiment, **options):
        torch.manual_seed(0)
        network, seen, rates = build(experiment), [], []
        optimizer = make_optimizer(experiment, network)
        network.register_forward_pre_hook(
            lambda _, images: seen.append([index_of[i.numpy().tobytes()] for i in images[0]])
        )
        optimizer.register_step_pre_hook(lambda optimizer, *_: rates.append(optimizer.param_groups[0]["lr"]))
        torch.manual_seed(1)
        list(fit(network, experiment, data.load("train"), optimizer=optimizer, **options))
        return seen, rates

    return trained


def test_the_plan_of_an_epoch_is_what_the_loop_does(steps):
    experiment = replace(SHORT, augmentation=None)
    seen, rates = steps(experiment)
    torch.manual_seed(1)
    planned = [batch for epoch in range(3) for batch in plan_epoch(experiment, epoch, torch.arange(600))]
    assert seen == [batch.indices.tolist() for batch in planned] and rates == [batch.learning_rate for batch in planned]
    assert [len(batch.indices) for batch in planned] == 3 * [*[64] * 9, 24]  # the rest is a smaller batch
    assert not any(batch.augmented for batch in planned)


def test_an_epoch_shows_each_image_once_and_the_rate_is_that_of_the_middle_of_each_step():
    for epoch in range(3):
        batches = list(plan_epoch(SHORT, epoch, torch.arange(100, 612)))
        assert sorted(torch.cat([batch.indices for batch in batches]).tolist()) == list(range(100, 612))
        middles = [(epoch + (i + 0.5) / 8) / 3 for i in range(8)]
        assert [batch.learning_rate for batch in batches] == [
            pytest.approx(SHORT.schedule.learning_rate(middle, epoch)) for middle in middles
        ]
        assert [batch.augmented for batch in batches] == [middle < 0.85 for middle in middles]


def test_the_share_of_the_training_that_an_epoch_spans_can_be_given():
    batches = plan_epoch(SHORT, 1, torch.arange(128), span=(2, 3, 4))
    rates = [SHORT.schedule.learning_rate(done, 1) for done in (2.25 / 4, 2.75 / 4)]
    assert [batch.learning_rate for batch in batches] == pytest.approx(rates)


def test_batches_and_loss_can_be_given(steps):
    given = [Batch(torch.tensor([5, 7]), 0.25, False), Batch(torch.tensor([9]), 0.125, False)]
    seen, rates = steps(replace(SHORT, epochs=2), plan=lambda epoch: given[epoch:])
    assert seen == [[5, 7], [9], [9]] and rates == [0.25, 0.125, 0.125]
    _, history = fitted(replace(SHORT, epochs=1), loss_of=lambda logits, labels: 0 * logits.sum() + 3)
    assert history[0].train_loss == 3


def test_without_test_digits_an_epoch_says_nothing_of_them(few_digits):
    [epoch] = fit(build(MODEL4), replace(SHORT, epochs=1), data.load("train"))
    assert epoch.test_loss is epoch.test_accuracy is None


def test_a_loss_that_is_no_longer_finite_ends_the_training_with_one_sentence(few_digits):
    linear = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    nn.init.constant_(linear[1].weight, 1e38)  # so that the logits overflow
    with pytest.raises(InputError, match="Model4.* no longer finite in epoch 1.*smaller learning rate"):
        fitted(SHORT, linear)


ONE_CYCLE = MODEL4.schedule


def test_one_cycle_climbs_to_the_peak_and_falls_to_zero():
    rates = [ONE_CYCLE.learning_rate(i / 1000, 0) for i in range(1001)]
    peak = rates.index(max(rates))
    assert math.isclose(rates[peak], ONE_CYCLE.peak) and 0 < peak < 500
    assert rates[0] < 0.05 * ONE_CYCLE.peak and rates[-1] < 1e-12
    assert rates[:peak] == sorted(rates[:peak]) and rates[peak:] == sorted(rates[peak:], reverse=True)


def test_one_cycle_without_warm_up_starts_at_its_peak():
    assert OneCycle(0.1, 0).learning_rate(0.0, 0) == 0.1


def test_the_constant_schedule_is_constant():
    assert {Constant(0.003).learning_rate(i / 10, i) for i in range(11)} == {0.003}


def test_an_epoch_reads_nothing_back_from_the_device_before_its_end(few_digits, no_early_reads):
    network = build(SHORT)
    no_early_reads(network)
    next(fit(network, SHORT, data.load("train"), data.load("test")))


def test_the_optimizer_takes_the_steps_that_its_formula_says():
    network = torch.nn.Linear(3, 1, bias=False)
    weight = network.weight.detach().clone()
    stepper = make_optimizer(replace(MODEL1, optimizer=AdamW(0.1)), network)
    stepper.param_groups[0]["lr"] = 0.01
    mean, square = torch.zeros_like(weight), torch.zeros_like(weight)
    for i, gradient in enumerate([torch.tensor([[1.0, -2.0, 0.5]]), torch.tensor([[0.5, 1.0, 1.0]])], start=1):
        network.weight.grad = gradient.clone()
        stepper.step()
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        adapted = (mean / (1 - 0.9**i)) / ((square / (1 - 0.999**i)).sqrt() + 1e-8)
        weight = weight - 0.01 * (0.1 * weight + adapted)
    assert torch.allclose(network.weight, weight, atol=1e-6)
