import math
import re
from dataclasses import astuple, replace

import pytest
import torch
from torch import nn

from src import InputError, data, training
from src.data import Digits
from src.experiments import MODEL1, MODEL4, AdamW, Constant, OneCycle
from src.model import build
from src.training import Batch, check_training, evaluate, fit, make_optimizer, plan_epoch, predict

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
    monkeypatch.setattr(training, "augment", lambda images, *_, **__: augmented.append(len(images)) or images)
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

        def note(_, images):
            if network.training:
                seen.append([index_of[image.numpy().tobytes()] for image in images[0]])

        network.register_forward_pre_hook(note)
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


@pytest.mark.parametrize("images, sizes", [(128, [64, 64]), (129, [64, 65]), (130, [64, 64, 2]), (65, [65]), (1, [1])])
def test_a_last_batch_of_one_image_joins_the_batch_before_it(images, sizes):
    batches = list(plan_epoch(SHORT, 0, torch.arange(images)))
    assert [len(batch.indices) for batch in batches] == sizes
    assert sorted(torch.cat([batch.indices for batch in batches]).tolist()) == list(range(images))


# Its last normalization is of one value for each channel of an image.
NORMALIZED_TO_THE_END = replace(SHORT, name="End", epochs=1, layer_line="4 P G t8 t10", channel_dropout=0.1)


def test_a_network_that_cannot_learn_from_one_image_is_trained_with_one_left_over(few_digits):
    assert fitted(replace(NORMALIZED_TO_THE_END, batch_size=599))[1][0].train_loss > 0


def test_batches_of_one_are_refused_before_training_where_the_network_cannot_learn_from_them(few_digits):
    network = build(NORMALIZED_TO_THE_END)
    with pytest.raises(InputError, match="^End: its batch normalization cannot learn from one image; .*batch_size=2"):
        next(fit(network, replace(NORMALIZED_TO_THE_END, batch_size=1), data.load("train")))
    with pytest.raises(InputError, match="cannot learn from one image"):
        next(fit(network, NORMALIZED_TO_THE_END, data.load("train")[:1]))
    next(fit(network, replace(NORMALIZED_TO_THE_END, batch_size=2), data.load("train")[:4]))


def test_other_networks_learn_from_single_images_and_draw_as_without_a_check():
    experiment = replace(SHORT, batch_size=1, channel_dropout=0.1)
    network, digits, state = build(experiment), data.load("test")[:3], torch.get_rng_state()
    before = [tensor.clone() for tensor in network.state_dict().values()]
    check_training(network, experiment, digits, None)
    assert torch.equal(state, torch.get_rng_state())
    assert all(map(torch.equal, before, network.state_dict().values()))
    assert math.isfinite(next(fit(network, experiment, digits)).train_loss)


@pytest.mark.parametrize("where", [0, 1], ids=["training digits", "test digits"])
def test_labels_that_are_no_digits_are_refused_before_training(where):
    both = [data.load("test")[:100], data.load("test")[:100]]
    both[where] = replace(both[where], labels=both[where].labels + 1)
    with pytest.raises(InputError, match="labels must be from 0 to 9, not from 1 to 10"):
        next(fit(build(SHORT), SHORT, *both))


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


# Which images predict() takes


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build(SHORT).eval()


def test_uint8_images_give_the_logits_of_the_network_bit_for_bit(network):
    images = data.load("test").images[:500]
    with torch.no_grad():
        logits = torch.cat([network(data.normalize(images[:250])), network(data.normalize(images[250:]))])
    assert torch.equal(predict(network, images), logits)
    assert predict(network, images[:0]).shape == (0, 10)


@pytest.mark.parametrize(
    "change",
    [
        lambda images: images / 255,
        lambda images: images.double() / 255,
        lambda images: images.float(),
        lambda images: images.long(),
        lambda images: images[:, 0],
        lambda images: (images / 255).requires_grad_(),
        lambda images: images[:, 0].numpy() / 255,
        lambda images: images[0, 0],
        lambda images: images[0] / 255,
    ],
    ids="fractions;doubles;floats to 255;integers;(N, 28, 28);requires grad;NumPy;(28, 28);(1, 28, 28)".split(";"),
)
def test_the_same_images_in_another_dtype_range_or_layout_give_the_same_logits(network, change):
    images = data.load("test").images[:250]
    logits = predict(network, change(images))
    assert not logits.requires_grad
    assert torch.allclose(logits, predict(network, images)[: len(logits)], rtol=0, atol=1e-4)


def test_masks_are_black_and_white(network):
    ink = data.load("test").images[:250] > 127
    logits = predict(network, 255 * ink.to(torch.uint8))
    for mask in [ink, ink.to(torch.uint8), ink.long(), ink.float()]:
        assert torch.equal(predict(network, mask), logits)


def test_images_come_to_the_device_of_the_network():
    assert predict(build(SHORT).to("meta"), data.load("test").images[:3]).is_meta


@pytest.mark.parametrize(
    "change, words",
    [
        (data.normalize, "from -0.42421 to 2.8215: they look normalized, and predict() normalizes by itself."),
        (lambda images: images / 255 * 16, "from 0 to 16: divide them by 16 if that is full brightness."),
        (lambda images: images // 16, "from 0 to 15: divide them by 15 if that is full brightness."),
        (lambda images: images.int() * 257, "from 0 to 65535: divide them by 65535 if that is full brightness."),
        (lambda images: images / 0, "from nan to nan: replace nan and infinity."),
        (lambda images: images[:, :, :20], "(N, 1, 28, 28), not torch.uint8 of shape (250, 1, 20, 28)."),
        (lambda images: images.flatten(1), "(N, 1, 28, 28), not torch.uint8 of shape (250, 784)."),
        (lambda images: images.expand(-1, 3, -1, -1), "not torch.uint8 of shape (250, 3, 28, 28)."),
        (lambda images: "digit.png", "(N, 1, 28, 28), not str."),
    ],
    ids="normalized;to 16;bytes to 15;to 65535;not finite;cut off;flat;colours;a path".split(";"),
)
def test_what_are_no_pixels_is_refused_in_one_sentence_with_what_is_accepted(network, change, words):
    with pytest.raises(InputError) as error:
        predict(network, change(data.load("test").images[:250]))
    assert str(error.value).endswith(words) and "\n" not in str(error.value)
    assert "from 0 to 1, or from 0 to 255" in str(error.value) or "(28, 28), (N, 28, 28)" in str(error.value)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda digits: digits[:0], "there are no digits to learn from."),
        (lambda digits: Digits((digits.images > 127).to(torch.uint8), digits.labels), "0 and 1; multiply them by 255."),
        (lambda digits: Digits(digits.images // 16, digits.labels), "from 0 to 15: divide them by 15"),
    ],
    ids=["none", "a mask", "too dark"],
)
def test_digits_that_training_and_prediction_would_scale_differently_are_refused_before_training(change, words):
    with pytest.raises(InputError, match=re.escape(words)):
        next(fit(build(SHORT), SHORT, change(data.load("train")[:64])))
