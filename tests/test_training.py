import math
from dataclasses import astuple, replace

import pytest
import torch
from torch import nn

from src import InputError, data, training
from src.experiments import MODEL1, MODEL4, SGD, Adam, AdamW, Constant, OneCycle, Plateau, StepDecay
from src.model import build
from src.studies.published import STEPS
from src.training import evaluate, fit, learning_rate, make_optimizer, predict

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
    experiment, test = replace(MODEL1, epochs=8, batch_size=32), data.load("test")
    torch.manual_seed(0)
    network, history = build(experiment), []
    for epoch in fit(network, experiment, data.load("train"), test):
        history.append(epoch)
        assert evaluate(predict(network, test.images), test.labels) == (epoch.test_loss, epoch.test_accuracy)
    assert [epoch.epoch for epoch in history] == list(range(1, 9))
    assert history[-1].train_loss < 0.5 * history[0].train_loss and history[-1].test_accuracy > 0.8
    assert {epoch.learning_rate for epoch in history} == {0.001}


def test_the_loop_goes_on_where_a_history_ends(few_digits):
    network, history = fitted(SHORT)
    torch.manual_seed(0)
    again = build(SHORT)
    optimizer = make_optimizer(SHORT, again)
    digits = data.load("train"), data.load("test")
    first = next(fit(again, SHORT, *digits, optimizer=optimizer))
    rest = list(fit(again, SHORT, *digits, optimizer=optimizer, history=[first]))
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


def test_after_the_first_epoch_only_the_hardest_of_each_batch_are_shown_again(few_digits):
    experiment = replace(SHORT, batch_size=60, hardest=0.25, augmentation=None)
    torch.manual_seed(0)
    network, digits, seen = build(experiment), data.load("train"), []
    index_of = {image.numpy().tobytes(): i for i, image in enumerate(data.normalize(digits.images))}

    def note(network, images, logits):
        seen.append((torch.tensor([index_of[image.numpy().tobytes()] for image in images[0]]), logits.detach()))

    network.register_forward_hook(note)
    history = list(fit(network, experiment, digits))
    first, second, third = seen[:10], seen[10:13], seen[13:]
    hardest = torch.cat([batch for batch, _ in second])
    assert len(hardest.unique()) == 150 and set(hardest.tolist()) == set(history[0].hardest.tolist())
    assert set(hardest.tolist()) == {i for batch, _ in third for i in batch.tolist()}
    for batch, logits in first:
        losses = nn.functional.cross_entropy(logits, digits.labels[batch], reduction="none")
        kept = torch.isin(batch, hardest)
        assert kept.sum() == 15 and losses[kept].min() >= losses[~kept].max()


def test_the_schedule_follows_the_images_where_later_epochs_show_fewer(few_digits, monkeypatch):
    done = []
    monkeypatch.setattr(training, "learning_rate", lambda _, part, *others: done.append(part) or 0.01)
    fitted(replace(SHORT, epochs=3, batch_size=60, hardest=0.5))
    assert done == pytest.approx([(i + 0.5) / 20 for i in range(20)])  # 10 batches, 5 and 5


def test_a_loss_that_is_no_longer_finite_ends_the_training_with_one_sentence(few_digits):
    linear = nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.Linear(32, 10))
    with pytest.raises(InputError, match=r"^Model4: the loss is no longer finite in epoch \d; try a smaller learning"):
        fitted(replace(SHORT, optimizer=SGD(), schedule=Constant(10)), linear)


ONE_CYCLE = MODEL4.schedule


def test_one_cycle_climbs_to_the_peak_and_falls_to_zero():
    rates = [learning_rate(ONE_CYCLE, i / 1000, 15) for i in range(1001)]
    peak = rates.index(max(rates))
    assert math.isclose(rates[peak], ONE_CYCLE.peak) and 0 < peak < 500
    assert rates[0] < 0.05 * ONE_CYCLE.peak and rates[-1] < 1e-12
    assert rates[:peak] == sorted(rates[:peak]) and rates[peak:] == sorted(rates[peak:], reverse=True)


def test_one_cycle_without_warm_up_starts_at_its_peak():
    assert learning_rate(OneCycle(0.1, 0), 0.0, 15) == 0.1


def test_the_constant_schedule_is_constant():
    assert {learning_rate(Constant(0.003), i / 10, 15) for i in range(11)} == {0.003}


def test_steps_multiply_the_learning_rate_at_the_start_of_every_so_many_epochs():
    steps = StepDecay(0.01, step_size=3, gamma=0.5)
    rates = [learning_rate(steps, (epoch + half) / 7, 7) for epoch in range(7) for half in (0.001, 0.999)]
    assert rates == [0.01] * 6 + [0.005] * 6 + [0.0025] * 2


def test_a_plateau_lowers_the_learning_rate_after_so_many_epochs_without_a_better_accuracy():
    plateau = Plateau(0.01, patience=2, gamma=0.1)
    accuracies = [0.5, 0.6, 0.6, 0.59, 0.7, 0.6, 0.6, 0.6, 0.6]
    rates = [learning_rate(plateau, 0.5, 9, accuracies[:n]) for n in range(len(accuracies) + 1)]
    assert rates == pytest.approx([0.01] * 4 + [0.001] * 3 + [0.0001] * 2 + [0.00001])


@pytest.mark.parametrize("held_out, quantity", [(True, "held_out_accuracy"), (False, "train_accuracy")])
def test_a_plateau_watches_held_out_images_if_there_are_any_and_else_the_accuracy_while_learning(
    few_digits, monkeypatch, held_out, quantity
):
    watched = []
    monkeypatch.setattr(training, "learning_rate", lambda *values: watched.append(values[-1]) or 0.01)
    _, history = fitted(SHORT, held_out=data.load("validation") if held_out else None)
    assert watched[-1] == [getattr(epoch, quantity) for epoch in history[:-1]]


def test_an_epoch_reads_nothing_back_from_the_device_before_its_end(few_digits, monkeypatch):
    network, passes = build(SHORT), []
    network.register_forward_pre_hook(lambda network, images: passes.append(len(images[0])))
    read = torch.Tensor.item

    def counted(tensor):
        assert sum(passes) >= 600, "read in the middle of an epoch"
        return read(tensor)

    monkeypatch.setattr(torch.Tensor, "item", counted)
    next(fit(network, SHORT, data.load("train"), data.load("test")))


@pytest.mark.parametrize("optimizer", [SGD(0.9, 0.1), Adam(0.1), AdamW(0.1)], ids=lambda value: type(value).__name__)
def test_the_optimizer_takes_the_steps_that_its_formula_says(optimizer):
    network = torch.nn.Linear(3, 1, bias=False)
    weight = network.weight.detach().clone()
    stepper = make_optimizer(replace(MODEL1, optimizer=optimizer), network)
    stepper.param_groups[0]["lr"] = 0.01
    mean, square = torch.zeros_like(weight), torch.zeros_like(weight)
    for i, gradient in enumerate([torch.tensor([[1.0, -2.0, 0.5]]), torch.tensor([[0.5, 1.0, 1.0]])], start=1):
        network.weight.grad = gradient.clone()
        stepper.step()
        if isinstance(optimizer, SGD):
            mean = 0.9 * mean + gradient + 0.1 * weight
            weight = weight - 0.01 * mean
            continue
        if isinstance(optimizer, Adam):
            gradient = gradient + 0.1 * weight
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        decay = 0.01 * 0.1 * weight if isinstance(optimizer, AdamW) else 0
        weight = weight - decay - 0.01 * (mean / (1 - 0.9**i)) / ((square / (1 - 0.999**i)).sqrt() + 1e-8)
    assert torch.allclose(network.weight, weight, atol=1e-6)


@pytest.mark.parametrize("name", ["B4", "D3", "E4"])
def test_a_published_step_trains_with_everything_that_it_needs(few_digits, name):
    _, history = fitted(replace(STEPS[name].experiment, epochs=1, batch_size=20))
    assert history[0].test_accuracy > 0.2  # ten classes: chance is 0.1
