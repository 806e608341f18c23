"""An experiment cannot be wrong: every value is checked when it is made, and refused in one sentence."""

from dataclasses import FrozenInstanceError, replace

import pytest

from src import InputError
from src.augment import Augmentation
from src.experiments import (
    MODEL4,
    SERIES,
    SGD,
    Adam,
    AdamW,
    Condition,
    Constant,
    OneCycle,
    Plateau,
    StepDecay,
)
from src.studies.changed import changes

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
        (lambda: StepDecay(0.1, 0, 0.5), "StepDecay.step_size must be a whole number from 1 to 1,000, not 0"),
        (lambda: StepDecay(0.1, 1, 1.0), "StepDecay.gamma must be a number from 0.001 to 0.999, not 1.0"),
        (lambda: Plateau(0.1, 0.5, 0.5), "Plateau.patience must be a whole number from 1 to 1,000, not 0.5"),
        (lambda: Plateau(0.1, 1, 0), "Plateau.gamma must be a number from 0.001 to 0.999, not 0"),
        (lambda: SGD(momentum=1), "SGD.momentum must be a number from 0 to 0.999, not 1"),
        (lambda: AdamW(-0.1), "AdamW.weight_decay must be a number from 0 to 1, not -0.1"),
        (lambda: Adam(NAN), "Adam.weight_decay must be a number from 0 to 1, not nan"),
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
        ("name", 4, "must be of type str, not 4"),
        ("target", (1,), "must be a tuple of Conditions"),
        ("target", "99.5", "must be of type tuple"),
        ("layer_line", None, "must be of type str, not None"),
        ("layer_line", "8 G", "10 logits"),
        ("layer_line", "99999999999 G t10", "channels must be from 1 to 4,096"),
        ("schedule", "one-cycle", "must be of type Constant | OneCycle | StepDecay | Plateau, not 'one-cycle'"),
        ("schedule", 0.01, "must be of type Constant"),
        ("epochs", 0, "must be a whole number from 1 to 1,000, not 0"),
        ("epochs", 1.5, "must be a whole number from 1 to 1,000, not 1.5"),
        ("batch_size", 0, "must be a whole number from 1 to 60,000, not 0"),
        ("batch_size", -5, "must be a whole number from 1 to 60,000, not -5"),
        ("batch_size", 12.5, "must be a whole number from 1 to 60,000, not 12.5"),
        ("optimizer", "Lion", "must be of type AdamW | Adam | SGD, not 'Lion'"),
        ("bias", "some", "must be one of 'unless normalized', 'all', 'none', not 'some'"),
        ("batch_normalization", "some", "must be one of"),
        ("batch_normalization", True, "must be of type str"),
        ("relu_before_bn", 1, "must be of type bool"),
        ("channel_dropout", 1.5, "must be a number from 0 to 0.9, not 1.5"),
        ("dropout", 1.0, "must be a number from 0 to 0.9, not 1.0"),
        ("dropout", -0.1, "must be a number from 0 to 0.9, not -0.1"),
        ("dropout_after", "all", "must be one of 'hidden', '3x3', not 'all'"),
        ("augmentation", "strong", "must be of type Augmentation | None, not 'strong'"),
        ("keep_best", "yes", "must be of type bool"),
        ("hardest", 0, "must be a number from 0.001 to 1, not 0"),
        ("bfloat16", 1, "must be of type bool"),
        ("ghost_batches", 0, "must be a whole number from 1 to 16, not 0"),
    ],
)
def test_a_wrong_field_is_named_with_its_range(field, value, words):
    with pytest.raises(InputError) as error:
        replace(MODEL4, **{field: value})
    assert words in str(error.value) and "\n" not in str(error.value)
    assert f"Experiment.{field} " in str(error.value) or "layer line" in str(error.value)


def test_ghost_batches_with_dropout_are_refused_because_they_cannot_be_repeated():
    with pytest.raises(InputError, match="cannot be repeated with dropout"):
        replace(MODEL4, ghost_batches=2, channel_dropout=0.1)


def test_an_experiment_does_not_change():
    with pytest.raises(FrozenInstanceError):
        MODEL4.epochs = 1


def test_changes_are_those_between_two_experiments_names_and_targets_aside():
    changed = replace(MODEL4, name="other", target=(), epochs=3, schedule=Constant(0.001))
    assert changes(MODEL4, changed) == [
        "schedule: one-cycle, peak 0.02, warm-up 20 % → constant 0.001",
        "epochs: 15 → 3",
    ]
    assert changes(MODEL4, replace(MODEL4, name="other")) == []


def test_the_series_has_four_models_by_name():
    assert list(SERIES) == ["Model1", "Model2", "Model3", "Model4"]
    assert all(name == experiment.name for name, experiment in SERIES.items())
