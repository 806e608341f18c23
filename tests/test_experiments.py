"""An experiment cannot be wrong: every value is checked when it is made, and refused in one sentence."""

import copy
import pickle
from dataclasses import FrozenInstanceError, replace
from functools import partial

import pytest
import torch
from torch import nn

from src import InputError, data
from src.augment import Augmentation
from src.checks import Condition
from src.experiments import MODEL1, MODEL4, SERIES, AdamW, Constant, Experiment, OneCycle
from src.model import build
from src.runs.records import definition
from src.training import fit, plan_epoch

NAN = float("nan")


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Constant(-1), "Constant.rate must be a number from 1e-08 to 10, not -1"),
        (lambda: Constant(NAN), "Constant.rate must be a number from 1e-08 to 10, not nan"),
        (lambda: Constant("fast"), "Constant.rate must be a number"),
        (lambda: Constant(True), "Constant.rate must be a number"),
        (lambda: OneCycle(float("inf"), 0.2), "OneCycle.peak must be a number"),
        (lambda: OneCycle(0.02, 1), "OneCycle.warmup_fraction must be a number from 0 to 0.9, not 1"),
        (lambda: OneCycle(0.02, 2), "OneCycle.warmup_fraction must be a number from 0 to 0.9, not 2"),
        (lambda: AdamW(-0.1), "AdamW.weight_decay must be a number from 0 to 1, not -0.1"),
        (lambda: Augmentation(scale=1.0), "Augmentation.scale must be a number from 0 to 0.9, not 1.0"),
        (lambda: Augmentation(rotation=NAN), "Augmentation.rotation must be a number from 0 to 180, not nan"),
        (lambda: Augmentation(cutout=2.5), "Augmentation.cutout must be a whole number from 0 to 28, not 2.5"),
        (lambda: Augmentation(until=1.5), "Augmentation.until must be a number from 0 to 1, not 1.5"),
        (lambda: Condition("beauty", ">", 1), "Condition.quantity must be one of 'train accuracy'"),
        (lambda: Condition("epochs", "=", 1), "Condition.relation must be one of '<', '<=', '>', '>=', not '='"),
    ],
)
def test_a_value_out_of_its_range_is_refused(make, words):
    with pytest.raises(InputError) as error:
        make()
    assert str(error.value).startswith(words) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "field, value, words",
    [
        ("name", "../../evil", "must be a plain file name such as 'Model4-wider', not '../../evil'"),
        ("name", "", "must be a plain file name"),
        ("name", 4, "must be a plain file name such as 'Model4-wider', not 4"),
        ("target", (1,), "must be a tuple of Conditions"),
        ("target", "99.5", "must be a tuple of Conditions"),
        ("layer_line", None, "must be of type str, not None"),
        ("layer_line", "8 G", "10 logits"),
        ("layer_line", "99999999999 G t10", "channels must be from 1 to 4,096"),
        (
            "schedule",
            "one-cycle",
            "must be a schedule such as OneCycle(0.02, 0.2), or a function of the fraction done, not 'one-cycle'",
        ),
        ("schedule", 0.01, "must be a schedule such as OneCycle"),
        ("schedule", lambda done: 100, "must be a schedule such as OneCycle"),
        ("epochs", 0, "must be a whole number from 1 to 1,000, not 0"),
        ("epochs", 1.5, "must be a whole number from 1 to 1,000, not 1.5"),
        ("batch_size", 0, "must be a whole number from 1 to 60,000, not 0"),
        ("batch_size", -5, "must be a whole number from 1 to 60,000, not -5"),
        ("batch_size", 12.5, "must be a whole number from 1 to 60,000, not 12.5"),
        ("optimizer", "Lion", "must be AdamW() or one of torch.optim without lr, such as torch.optim.SGD, not 'Lion'"),
        ("batch_normalization", "all", "must be one of 'none', 'hidden', not 'all'"),
        ("batch_normalization", True, "must be one of 'none', 'hidden', not True"),
        ("channel_dropout", 1.5, "must be a number from 0 to 0.9, not 1.5"),
        ("augmentation", "strong", "must be of type Augmentation | None, not 'strong'"),
        ("network", "Mine", "must be a network's class, not 'Mine'"),
    ],
)
def test_a_wrong_field_is_named_with_its_range(field, value, words):
    with pytest.raises(InputError) as error:
        replace(MODEL4, **{field: value})
    assert words in str(error.value) and "\n" not in str(error.value)
    assert f"Experiment.{field} " in str(error.value) or "layer line" in str(error.value)


@pytest.mark.parametrize(
    "make, words",
    [
        (
            lambda: replace(MODEL4, learning_rate=0.01),
            "Experiment has no field 'learning_rate'; try schedule=Constant(0.01)",
        ),
        (
            lambda: replace(MODEL4, lr=1e-3),
            "Experiment has no field 'lr'; try schedule=Constant(0.001), with Constant from",
        ),
        (lambda: Experiment(**vars(MODEL4), layer_lines="8"), "Experiment has no field 'layer_lines'; try layer_line."),
        (
            lambda: replace(MODEL4, hardest=0.5),
            "Experiment has no field 'hardest'; try Recipe(**vars(experiment) | dict(hardest=0.5)), with Recipe from",
        ),
        (lambda: replace(MODEL4, dropout=0.1), "Experiment has no field 'dropout'; try channel_dropout."),
        (lambda: replace(MODEL4, bn="all"), "Experiment has no field 'bn'; try name, target, layer_line, schedule,"),
        (lambda: OneCycle(0.1, warm_up=0.2), "OneCycle has no field 'warm_up'; try warmup_fraction."),
        (lambda: OneCycle(0.1), "OneCycle needs warmup_fraction, too."),
        (lambda: Experiment(name="mine", epochs=2), "Experiment needs target, layer_line, schedule, too."),
        (lambda: SERIES["Model5"], "no experiment 'Model5'; choose for example Model4, Model3, Model2."),
        (lambda: SERIES["model1"], "no experiment 'model1'; choose for example Model1, "),
        (lambda: SERIES[4], "no experiment 4; choose for example Model1, Model2, Model3, Model4."),
    ],
)
def test_a_wrong_word_is_refused_with_the_right_ones(make, words):
    with pytest.raises(InputError) as error:
        make()
    assert str(error.value).startswith(words) and "\n" not in str(error.value)


def test_the_series_can_still_be_asked_whether_it_has_a_name():
    assert "Model5" not in SERIES and SERIES.get("Model5") is None and SERIES.get("Model1") is MODEL1


def test_an_experiment_is_copied_and_pickled():
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(MODEL4, protocol)) == MODEL4
    assert copy.deepcopy(MODEL4) == copy.copy(MODEL4) == MODEL4


def test_an_experiment_does_not_change():
    with pytest.raises(FrozenInstanceError):
        MODEL4.epochs = 1


def test_the_series_has_four_models_by_name():
    assert list(SERIES) == ["Model1", "Model2", "Model3", "Model4"]
    assert all(name == experiment.name for name, experiment in SERIES.items())


def test_an_experiment_says_all_that_it_is_made_from():
    assert Experiment(**vars(MODEL4)) == MODEL4 and hash(Experiment(**vars(MODEL4))) == hash(MODEL4)
    assert replace(MODEL1, optimizer=AdamW(0.1)) != MODEL1


def test_a_schedule_says_what_it_does():
    assert str(Constant(0.001)) == "constant 0.001"
    assert str(OneCycle(0.02, 0.2)) == "one-cycle, peak 0.02, warm-up 20 %"


@pytest.mark.parametrize(
    "optimizer",
    [
        torch.optim.LBFGS,
        torch.optim.SparseAdam,
        partial(torch.optim.SGD, momentun=0.9),
        nn.Linear,
        AdamW,
        partial(torch.optim.SGD, lr=1),
    ],
    ids=[
        "needs a closure",
        "needs sparse gradients",
        "a misspelt setting",
        "no optimizer",
        "not made",
        "a rate of its own",
    ],
)
def test_an_optimizer_that_cannot_take_a_step_is_refused(optimizer):
    with pytest.raises(
        InputError, match=r"must be AdamW\(\) or one of torch.optim without lr, such as torch.optim.SGD"
    ):
        replace(MODEL4, name="mine", optimizer=optimizer)


def test_an_optimizer_of_torch_and_a_schedule_of_ones_own_train_and_are_part_of_the_definition(few_digits):
    def falling(done):
        return 0.1 * (1 - done)

    kinds = [torch.optim.SGD, partial(torch.optim.SGD, momentum=0.9), partial(torch.optim.SGD, momentum=0.5)]
    mine = [replace(MODEL4, name="mine", epochs=1, schedule=falling, optimizer=kind) for kind in kinds]
    assert [definition(each)["optimizer"] for each in mine] == ["SGD", "SGD(momentum=0.9)", "SGD(momentum=0.5)"]
    assert "0.1 * (1 - done)" in definition(mine[0])["schedule"][0]
    plan = list(plan_epoch(mine[0], 0, torch.arange(600)))
    assert [batch.learning_rate for batch in plan] == pytest.approx([0.1 * (1 - (i + 0.5) / 5) for i in range(5)])
    torch.manual_seed(0)
    [epoch] = fit(build(mine[1]), mine[1], data.load("train"), data.load("test"))
    assert epoch.learning_rate == pytest.approx(0.01)


def test_the_activation_follows_each_hidden_convolution_and_no_other():
    kinds = [type(part).__name__ for part in build(replace(MODEL4, name="mine", activation="GELU")).modules()]
    assert kinds.count("GELU") == 6 and "ReLU" not in kinds


def test_two_schedules_of_one_source_are_told_apart_by_what_they_give():
    def at(peak):
        return lambda done: peak * (1 - done)

    first, second, again = (definition(replace(MODEL4, name="mine", schedule=at(peak))) for peak in (0.1, 0.2, 0.1))
    assert first["schedule"][0] == second["schedule"][0] and first != second and first == again
