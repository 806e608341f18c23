"""A recipe is an experiment with more fields: each does what it says, and none does anything at its default."""

import dataclasses
from dataclasses import astuple, replace
from itertools import groupby

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from src import InputError, data
from src.augment import Augmentation
from src.data import normalize
from src.experiments import MODEL4, SERIES, AdamW, Constant
from src.model import build, count_parameters, layers
from src.runs import one
from src.runs.names import changes
from src.runs.one import Interrupted, run_one, train
from src.runs.records import definition, definition_hash
from src.training import evaluate, make_optimizer, predict
from src.use.export import fold
from studies.deskew import Deskew
from studies.published import STEPS
from studies.published.report import count_running_statistics
from studies.quantization import Quantization
from studies.recipes import SGD, Adam, Plateau, Recipe, StepDecay, changed, fit, plan_recipe

NAN = float("nan")
RECIPE4 = Recipe(**vars(MODEL4))
PLAIN = replace(RECIPE4, batch_normalization="none")
SHORT = replace(RECIPE4, name="Short", layer_line="6 t8 P 8 P G t10", epochs=3, batch_size=64)


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    """A folder of this test's own for what is unfinished."""
    monkeypatch.setattr(one, "RUNS", tmp_path)
    return tmp_path


def numbers(history):
    """A history without its seconds, which no seed decides."""
    return [astuple(replace(epoch, seconds=0, cpu_seconds=0)) for epoch in history]


# Values and fields


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: StepDecay(0.1, 0, 0.5), "StepDecay.step_size must be a whole number from 1 to 1,000, not 0"),
        (lambda: StepDecay(0.1, 1, 1.0), "StepDecay.gamma must be a number from 0.001 to 0.999, not 1.0"),
        (lambda: Plateau(0.1, 0.5, 0.5), "Plateau.patience must be a whole number from 1 to 1,000, not 0.5"),
        (lambda: Plateau(0.1, 1, 0), "Plateau.gamma must be a number from 0.001 to 0.999, not 0"),
        (lambda: SGD(momentum=1), "SGD.momentum must be a number from 0 to 0.999, not 1"),
        (lambda: Adam(NAN), "Adam.weight_decay must be a number from 0 to 1, not nan"),
    ],
)
def test_a_value_out_of_its_range_is_refused(make, words):
    with pytest.raises(InputError) as error:
        make()
    assert str(error.value).startswith(words) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "field, value, words",
    [
        ("name", "../../evil", "plain file name"),
        ("layer_line", "8 G", "10 logits"),
        ("schedule", "one-cycle", "must be a schedule or a function, not 'one-cycle'"),
        ("optimizer", "Lion", "must be one of torch.optim without lr, not 'Lion'"),
        ("bias", "some", "must be one of 'unless normalized', 'all', 'none', not 'some'"),
        ("batch_normalization", "some", "must be one of 'none', 'hidden', '3x3', 'all', not 'some'"),
        ("normalization_scale", None, "must be of type bool"),
        ("relu_before_bn", 1, "must be of type bool"),
        ("dropout", 1.0, "must be a number from 0 to 0.9, not 1.0"),
        ("dropout", -0.1, "must be a number from 0 to 0.9, not -0.1"),
        ("dropout_after", "all", "must be one of 'hidden', '3x3', not 'all'"),
        ("keep_best", "yes", "must be of type bool"),
        ("label_smoothing", 1, "must be a number from 0 to 0.9, not 1"),
        ("hardest", 0, "must be a number from 0.001 to 1, not 0"),
        ("ghost_batches", 0, "must be a whole number from 1 to 16, not 0"),
    ],
)
def test_a_wrong_field_is_named_with_its_range(field, value, words):
    with pytest.raises(InputError) as error:
        replace(RECIPE4, **{field: value})
    assert words in str(error.value) and "\n" not in str(error.value)
    assert f".{field} " in str(error.value) or "layer line" in str(error.value)


def test_changes_are_those_of_the_fields_that_either_has():
    assert changes(MODEL4, RECIPE4) == changes(RECIPE4, MODEL4) == []
    assert changes(MODEL4, replace(RECIPE4, dropout=0.1, epochs=3)) == ["epochs: 15 → 3", "dropout: 0.0 → 0.1"]
    assert changes(replace(RECIPE4, optimizer=SGD()), MODEL4) == [f"optimizer: {SGD()} → {AdamW()}"]


def test_a_trial_is_a_change_with_a_name_that_says_so_and_no_target():
    [trial] = changed(MODEL4, {"wider": dict(layer_line="8 16 P 16 16 16 G t10")})
    assert (trial.name, trial.target) == ("Model4-wider", ()) and len(changes(MODEL4, trial)) == 1


OTHER_VALUES = dict(
    layer_line="4 G t10",
    schedule=StepDecay(0.02, 3, 0.5),
    epochs=14,
    batch_size=64,
    optimizer=SGD(),
    activation="GELU",
    train_images=1000,
    data="FashionMNIST",
    wrong_labels=0.1,
    bias="all",
    batch_normalization="all",
    normalization_scale=False,
    relu_before_bn=True,
    channel_dropout=0.01,
    dropout=0.01,
    dropout_after="3x3",
    augmentation=Augmentation(rotation=10, translation=2, scale=0.1, until=0.9),
    network=lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 10)),
    keep_best=True,
    label_smoothing=0.1,
    hardest=0.5,
    ghost_batches=2,
    quantization=Quantization(weights=4),
)


def test_the_hash_follows_every_field_of_the_definition_but_not_its_words():
    assert {field.name for field in dataclasses.fields(Recipe)} == {"name", "target", *OTHER_VALUES}
    hashes = [definition_hash(replace(RECIPE4, **{name: value})) for name, value in OTHER_VALUES.items()]
    assert len({*hashes, definition_hash(RECIPE4)}) == len(OTHER_VALUES) + 1
    assert definition_hash(replace(RECIPE4, name="other", target=())) == definition_hash(RECIPE4)


def test_the_hash_tells_kinds_of_optimizers_apart_though_their_settings_are_at_their_defaults():
    assert definition(replace(RECIPE4, optimizer=SGD()))["optimizer"] == {"SGD": {}}


# A recipe with nothing but its defaults


@pytest.mark.parametrize("experiment", SERIES.values(), ids=SERIES)
def test_a_recipe_at_its_defaults_builds_the_network_of_the_experiment_with_the_same_weights(experiment):
    recipe, networks = Recipe(**vars(experiment)), []
    for each in (experiment, recipe):
        torch.manual_seed(5)
        networks.append(build(each))
    ours, same = networks
    assert str(ours) == str(same)
    assert all(torch.equal(a, b) for a, b in zip(ours.state_dict().values(), same.state_dict().values(), strict=True))
    assert definition_hash(recipe) == definition_hash(experiment)


@pytest.mark.parametrize("name", ["Model2", "Model4"])
def test_a_recipe_at_its_defaults_trains_as_the_experiment_does_bit_for_bit(few_digits, name):
    experiment = replace(SERIES[name], name="Short", target=(), epochs=3, batch_size=64)
    first, second = (train(each, seed=2, quiet=True) for each in (experiment, Recipe(**vars(experiment))))
    assert numbers(first.history) == numbers(second.history) and torch.equal(first.logits, second.logits)
    assert first.train_accuracy == second.train_accuracy and first.record.hash == second.record.hash


# Networks


def modules(**changes):
    """The types of modules of the three convolutions of a small network, with changes to PLAIN."""
    network = build(replace(PLAIN, layer_line="4 t3 P G t10", **changes))
    return [[type(module) for module in network[i]] for i in (0, 1, 4)]


@pytest.mark.parametrize(
    "concerned, normalized",
    [("none", [0, 0, 0]), ("3x3", [1, 0, 0]), ("hidden", [1, 1, 0]), ("all", [1, 1, 1])],
)
def test_normalization_follows_the_convolutions_that_it_should(concerned, normalized):
    blocks = modules(batch_normalization=concerned)
    assert [nn.BatchNorm2d in block for block in blocks] == normalized


@pytest.mark.parametrize("concerned, dropped", [("3x3", [1, 0, 0]), ("hidden", [1, 1, 0])])
def test_dropout_follows_the_convolutions_that_it_should_and_never_the_classifier(concerned, dropped):
    network = build(
        replace(PLAIN, layer_line="4 t3 P G t10", channel_dropout=0.1, dropout=0.2, dropout_after=concerned)
    )
    for kind, rate in [(nn.Dropout2d, 0.1), (nn.Dropout, 0.2)]:
        found = [[module.p for module in network[i] if isinstance(module, kind)] for i in (0, 1, 4)]
        assert found == [[rate] * count for count in dropped]


@pytest.mark.parametrize("bias, carried", [("unless normalized", [0, 1, 1]), ("all", [1, 1, 1]), ("none", [0, 0, 0])])
def test_the_convolutions_that_should_carry_a_bias(bias, carried):
    network = build(replace(PLAIN, layer_line="4 t3 P G t10", batch_normalization="3x3", bias=bias))
    assert [network[i][0].bias is not None for i in (0, 1, 4)] == carried


def test_relu_comes_after_normalization_or_before_it():
    assert modules(batch_normalization="hidden")[0] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
    assert modules(batch_normalization="hidden", relu_before_bn=True)[0] == [nn.Conv2d, nn.ReLU, nn.BatchNorm2d]
    assert modules(relu_before_bn=True)[0] == [nn.Conv2d, nn.ReLU]


def test_normalization_without_a_scale_learns_its_shifts_only():
    plain, without = (
        build(replace(PLAIN, layer_line="4 s6 G t10", batch_normalization="hidden", normalization_scale=scale))
        for scale in (True, False)
    )
    assert count_parameters(plain) - count_parameters(without) == 4 + 6
    without(torch.randn(5, 1, 28, 28)).sum().backward()
    assert without[0][1].weight.grad is None and without[0][1].bias.grad is not None
    assert (without[0][1].weight == 1).all()


def test_layer_geometry_is_that_of_the_built_network_behind_a_deskewing_too():
    layer_line, maps = "D C24 4 4 P s8 s9 G t10", torch.zeros(1, 1, 28, 28)
    for layer, module in zip(layers(layer_line), build(replace(PLAIN, layer_line=layer_line)), strict=False):
        maps = module(maps)
        assert maps.shape == (1, layer.channels, layer.size, layer.size)


def test_a_recipe_can_have_a_network_of_ones_own():
    network = build(replace(RECIPE4, network=lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 10))))
    assert [type(module) for module in network] == [nn.Flatten, nn.Linear]


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_published_step_has_exactly_the_reported_number_of_parameters(step):
    network = build(step.experiment)
    trainable, running = count_parameters(network), count_running_statistics(network)
    assert step.parameters in (trainable, trainable + running)  # Keras counts both
    assert (trainable == step.parameters) == (step.experiment.name not in ("E3", "E4"))  # the log from Keras


SHAPES = {
    "normalization on all": replace(RECIPE4, batch_normalization="all"),
    "normalization on 3x3": replace(RECIPE4, layer_line="8 t6 P 8 G t10", batch_normalization="3x3", dropout=0.1),
    "a bias besides": replace(RECIPE4, bias="all"),
    "no bias": replace(RECIPE4, bias="none", batch_normalization="none"),
    "relu before normalization": replace(RECIPE4, layer_line="8 8 P s16 C4 G t10", relu_before_bn=True),
    "no scale": replace(RECIPE4, layer_line="6 8 P s16 s18 G t10", normalization_scale=False),
    "deskewed": replace(RECIPE4, layer_line="D 4 4 P s8 d8 G t10"),
}


@pytest.mark.parametrize("recipe", SHAPES.values(), ids=SHAPES)
def test_a_folded_network_gives_the_same_logits(recipe):
    torch.manual_seed(0)
    network, images = build(recipe), data.load("test").images[:100]
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.2, 3)
            for tensor in (module.weight, module.bias, module.running_mean):
                nn.init.normal_(tensor)
    logits, folded = predict(network, images), fold(network)
    assert torch.allclose(predict(folded, images), logits, rtol=1e-5, atol=1e-5 * logits.abs().max())
    kinds = (Deskew, nn.ZeroPad2d, nn.Conv2d, nn.ReLU, nn.MaxPool2d, nn.AdaptiveAvgPool2d, nn.Flatten)
    assert all(isinstance(module, (*kinds, *[nn.BatchNorm2d] * recipe.relu_before_bn)) for module in folded)
    assert all(module.bias is not None for module in folded if isinstance(module, nn.Conv2d))


# Schedules and optimizers


def test_steps_multiply_the_learning_rate_at_the_start_of_every_so_many_epochs():
    steps = StepDecay(0.01, step_size=3, gamma=0.5)
    assert [steps.learning_rate(done=epoch / 7, epoch=epoch) for epoch in range(7)] == pytest.approx(
        [0.01] * 3 + [0.005] * 3 + [0.0025]
    )
    assert str(steps) == "0.01, times 0.5 every 3 epochs"


def test_a_plateau_lowers_the_learning_rate_after_so_many_epochs_without_a_better_accuracy():
    plateau = Plateau(0.01, patience=2, gamma=0.1)
    accuracies = [0.5, 0.6, 0.6, 0.59, 0.7, 0.6, 0.6, 0.6, 0.6]
    rates = [plateau.after(accuracies[:n]).learning_rate(0.5, n) for n in range(len(accuracies) + 1)]
    assert rates == pytest.approx([0.01] * 4 + [0.001] * 3 + [0.0001] * 2 + [0.00001])
    assert plateau.after([0.5] * 100).rate > 0  # a rate is never too small to be one


@pytest.mark.parametrize("optimizer", [SGD(0.9, 0.1), Adam(0.1)], ids=lambda value: type(value).__name__)
def test_the_optimizer_takes_the_steps_that_its_formula_says(optimizer):
    network = torch.nn.Linear(3, 1, bias=False)
    weight = network.weight.detach().clone()
    stepper = make_optimizer(replace(RECIPE4, optimizer=optimizer), network)
    stepper.param_groups[0]["lr"] = 0.01
    mean, square = torch.zeros_like(weight), torch.zeros_like(weight)
    for i, gradient in enumerate([torch.tensor([[1.0, -2.0, 0.5]]), torch.tensor([[0.5, 1.0, 1.0]])], start=1):
        network.weight.grad = gradient.clone()
        stepper.step()
        gradient = gradient + 0.1 * weight
        if isinstance(optimizer, SGD):
            mean = 0.9 * mean + gradient
            weight = weight - 0.01 * mean
        else:
            mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
            weight = weight - 0.01 * (mean / (1 - 0.9**i)) / ((square / (1 - 0.999**i)).sqrt() + 1e-8)
    assert torch.allclose(network.weight, weight, atol=1e-6)


# The loop


class Trained:
    """What each step of a training on a few digits learned from, and what it gave."""

    def __init__(self, recipe, **options):
        self.digits, self.steps, self.rates = data.load("train"), [], []  # steps: pairs of indices and logits
        index_of = {image.numpy().tobytes(): i for i, image in enumerate(normalize(self.digits.images))}

        def note(network, images, logits):
            if network.training:
                self.steps.append(([index_of[image.numpy().tobytes()] for image in images[0]], logits.detach()))

        torch.manual_seed(0)
        self.network = build(recipe)
        self.network.register_forward_hook(note)
        optimizer = make_optimizer(recipe, self.network)
        optimizer.register_step_pre_hook(lambda optimizer, *_: self.rates.append(optimizer.param_groups[0]["lr"]))
        torch.manual_seed(1)
        self.history = list(fit(self.network, recipe, self.digits, optimizer=optimizer, **options))


def test_after_the_first_epoch_only_the_hardest_of_each_batch_are_shown_again(few_digits):
    trained = Trained(replace(SHORT, batch_size=60, hardest=0.25, augmentation=None))
    first, second, third = trained.steps[:10], trained.steps[10:13], trained.steps[13:]
    hardest = [index for batch, _ in second for index in batch]
    assert len(hardest) == len(set(hardest)) == 150
    assert set(hardest) == {index for batch, _ in third for index in batch}
    for batch, logits in first:
        losses = F.cross_entropy(logits, trained.digits.labels[batch], reduction="none")
        kept = torch.tensor([index in hardest for index in batch])
        assert kept.sum() == 15 and losses[kept].min() >= losses[~kept].max()


def test_one_cycle_follows_the_images_where_later_epochs_show_fewer(few_digits):
    trained = Trained(replace(SHORT, batch_size=60, hardest=0.5, augmentation=None))
    done = [(i + 0.5) / 20 for i in range(20)]  # 10 batches, 5 and 5
    assert trained.rates == pytest.approx([SHORT.schedule.learning_rate(part, 0) for part in done])


def test_steps_count_whole_epochs_also_where_later_epochs_show_fewer_images(few_digits):
    steps = StepDecay(0.02, step_size=1, gamma=0.5)
    trained = Trained(replace(SHORT, epochs=4, batch_size=60, hardest=0.25, schedule=steps, augmentation=None))
    assert trained.rates == [0.02] * 10 + [0.01] * 3 + [0.005] * 3 + [0.0025] * 3
    assert [epoch.learning_rate for epoch in trained.history] == [0.02, 0.01, 0.005, 0.0025]


def test_augmentation_ends_at_its_share_of_the_images_that_are_shown(few_digits):
    planned = replace(SHORT, batch_size=60, hardest=0.5, augmentation=Augmentation(rotation=7, until=0.75))
    shown = [torch.arange(600), torch.arange(300), torch.arange(300)]
    batches = [batch for epoch in range(3) for batch in plan_recipe(planned, epoch, shown[epoch])]
    assert [batch.augmented for batch in batches] == [True] * 15 + [False] * 5


def test_the_plan_of_an_epoch_is_what_the_loop_does(few_digits):
    recipe = replace(SHORT, epochs=2, hardest=0.3, augmentation=None)
    trained = Trained(recipe)
    torch.manual_seed(1)
    planned = list(plan_recipe(recipe, 0, torch.arange(600)))
    first, second = trained.steps[: len(planned)], trained.steps[len(planned) :]
    assert [batch for batch, _ in first] == [batch.indices.tolist() for batch in planned]
    hardest = {index for batch, _ in second for index in batch}
    shown = torch.tensor([index for batch, _ in first for index in sorted_by(batch, hardest)])
    # The order of the hardest within a batch is that of the batch, so that the next epoch draws the same again.
    planned += plan_recipe(recipe, 1, shown)
    assert [batch for batch, _ in trained.steps] == [batch.indices.tolist() for batch in planned]
    assert trained.rates == [batch.learning_rate for batch in planned]


def sorted_by(batch, chosen):
    """Those of a batch that were chosen, in its order."""
    return [index for index in batch if index in chosen]


@pytest.mark.parametrize("keep_best, quantity", [(True, "held_out_accuracy"), (False, "train_accuracy")])
def test_a_plateau_watches_held_out_images_if_there_are_any_and_else_the_running_training_accuracy(
    few_digits, monkeypatch, keep_best, quantity
):
    watched = []

    def after(schedule, accuracies):
        watched.append(list(accuracies))
        return Constant(0.01 / len(watched))

    monkeypatch.setattr(Plateau, "after", after)
    trained = Trained(replace(SHORT, schedule=Plateau(0.01, 1, 0.5), keep_best=keep_best, augmentation=None))
    accuracies = [getattr(epoch, quantity) for epoch in trained.history]
    assert watched == [accuracies[:n] for n in range(3)]
    assert [rate for rate, _ in groupby(trained.rates)] == [0.01, 0.01 / 2, 0.01 / 3]


def test_the_loss_is_that_of_smoothed_labels(few_digits):
    trained = Trained(replace(SHORT, epochs=1, batch_size=600, label_smoothing=0.2, augmentation=None))
    [(batch, logits)] = trained.steps
    expected = F.cross_entropy(logits, trained.digits.labels[batch], label_smoothing=0.2)
    assert trained.history[0].train_loss == pytest.approx(expected.item(), rel=1e-6)


def test_images_held_out_are_not_trained_on(few_digits):
    seen = {i for batch, _ in Trained(replace(SHORT, epochs=1, keep_best=True, augmentation=None)).steps for i in batch}
    assert seen == set(range(550))
    seen = {index for batch, _ in Trained(replace(SHORT, epochs=1, augmentation=None)).steps for index in batch}
    assert seen == set(range(600))


def test_the_kept_network_is_that_of_the_first_epoch_that_is_best_on_images_that_were_held_out(few_digits, monkeypatch):
    monkeypatch.setattr(Constant, "learning_rate", lambda schedule, done, epoch: 5.0 if epoch == 2 else 0.02)
    run = train(replace(SHORT, keep_best=True, schedule=Constant(0.02)), quiet=True)  # whose last epoch is a disaster
    accuracies = [epoch.held_out_accuracy for epoch in run.history]
    best = run.history[accuracies.index(max(accuracies))]
    assert best is not run.history[-1]
    digits = data.load("train")
    learned, held_out = digits[:550], digits[550:]
    assert evaluate(predict(run.network, held_out.images), held_out.labels)[1] == best.held_out_accuracy
    assert evaluate(run.logits, data.load("test").labels)[1] == best.test_accuracy
    assert evaluate(predict(run.network, learned.images), learned.labels)[1] == run.train_accuracy
    assert run.record.final == best


def test_an_epoch_reads_nothing_back_from_the_device_before_its_end(few_digits, no_early_reads):
    recipe = replace(SHORT, hardest=0.5, label_smoothing=0.1)
    network = build(recipe)
    no_early_reads(network)
    next(fit(network, recipe, data.load("train"), data.load("test")))


def test_a_training_that_diverges_ends_with_one_sentence_and_leaves_no_record(few_digits, runs):
    linear = replace(SHORT, network=lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.Linear(32, 10)))
    with pytest.raises(InputError, match=r"Short.* no longer finite in epoch \d.*smaller learning rate"):
        run_one(replace(linear, optimizer=SGD(), schedule=Constant(10)), 0, runs, quiet=True)
    assert not list(runs.rglob("*.json"))


@pytest.mark.parametrize("name", ["B4", "D3", "E4"])
def test_a_published_step_trains_with_everything_that_it_needs(few_digits, name):
    recipe = replace(STEPS[name].experiment, epochs=1, batch_size=20)
    torch.manual_seed(0)
    [epoch] = fit(build(recipe), recipe, data.load("train"), data.load("test"))
    assert epoch.test_accuracy > 0.2  # ten classes: chance is 0.1


# Interruptions

DROPOUT = dict(channel_dropout=0.1, dropout=0.1)
FALLING = Plateau(5.0, patience=1, gamma=0.5)  # at this rate no epoch is much better than the one before
MEMORIES = {
    "the best epoch kept": DROPOUT | dict(keep_best=True, schedule=StepDecay(0.02, step_size=1, gamma=0.001)),
    "plateau": DROPOUT | dict(epochs=6, schedule=FALLING, augmentation=Augmentation(cutout=5)),
    "SGD": DROPOUT | dict(optimizer=SGD(), schedule=StepDecay(0.02, step_size=1, gamma=0.5)),
    "the hardest": DROPOUT | dict(hardest=0.3, label_smoothing=0.1),
    "ghost batches": dict(ghost_batches=2, hardest=0.3, keep_best=True, schedule=replace(FALLING, rate=0.2)),
}


@pytest.mark.parametrize("technique", MEMORIES.values(), ids=MEMORIES)
def test_a_run_that_is_interrupted_and_resumed_twice_is_the_uninterrupted_one_bit_for_bit(
    few_digits, interrupt, technique
):
    recipe = replace(SHORT, **technique)
    whole = train(recipe, seed=5, quiet=True)
    assert recipe.schedule != FALLING or whole.history[-1].learning_rate < FALLING.rate
    for finished in (1, 2):
        interrupt(1)
        with pytest.raises(Interrupted, match=f"{finished} of {recipe.epochs} epochs are finished"):
            train(recipe, seed=5, quiet=True)
        torch.manual_seed(99)  # whatever happens between two processes
    interrupt(None)
    resumed = train(recipe, seed=5, quiet=True)
    assert numbers(resumed.history) == numbers(whole.history) and torch.equal(resumed.logits, whole.logits)
    assert resumed.train_accuracy == whole.train_accuracy and resumed.record.hash == whole.record.hash


def test_a_run_whose_checkpoint_has_all_epochs_ends_with_its_best_one(few_digits, runs):
    recipe = replace(SHORT, keep_best=True)
    first, second = (train(recipe, quiet=True, checkpoint=runs / "whole") for _ in range(2))
    assert first.history == second.history and torch.equal(first.logits, second.logits)
