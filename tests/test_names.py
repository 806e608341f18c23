"""A changed experiment has a name of its own, and one with other epochs gets it; what changed is said in words."""

from dataclasses import replace

import pytest
from torch import nn

from src import InputError
from src.experiments import MODEL4, SERIES, Constant
from src.runs.names import changes, check_name, epochs_set, with_epochs


def test_changes_are_those_between_two_experiments_names_and_targets_aside():
    changed = replace(MODEL4, name="other", target=(), epochs=3, schedule=Constant(0.001))
    assert changes(MODEL4, changed) == [
        "schedule: one-cycle, peak 0.02, warm-up 20 % → constant 0.001",
        "epochs: 15 → 3",
    ]
    assert changes(MODEL4, replace(MODEL4, name="other", target=())) == []


def test_every_model_of_the_series_has_its_name():
    for experiment in SERIES.values():
        check_name(experiment)


@pytest.mark.parametrize(
    "change",
    [dict(epochs=14), dict(channel_dropout=0.1), dict(layer_line="8 G t10"), dict(network=nn.Flatten)],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_experiment_needs_a_name_of_its_own(change):
    [field] = change
    with pytest.raises(InputError, match=rf"Model4 .*{field.replace('_', ' ')}: .* → .*name of its own"):
        check_name(replace(MODEL4, **change))
    check_name(replace(MODEL4, **change, name="mine"))
    check_name(replace(MODEL4, target=()))  # what is expected of a run does not change it


@pytest.mark.parametrize("epochs, name", [(1, "Model4-1-epoch"), (2, "Model4-2-epochs"), (20, "Model4-20-epochs")])
def test_other_epochs_give_another_name_and_no_target(epochs, name):
    experiment = with_epochs(MODEL4, epochs)
    assert (experiment.name, experiment.target, experiment.epochs) == (name, (), epochs)
    assert name.endswith(epochs_set(epochs)) and not "Model4".endswith(epochs_set(epochs))


def test_the_own_number_of_epochs_changes_nothing():
    assert with_epochs(MODEL4, MODEL4.epochs) is MODEL4


def test_a_number_of_epochs_that_no_experiment_can_have_is_refused():
    with pytest.raises(InputError, match="epochs must be a whole number"):
        with_epochs(MODEL4, 0)


@pytest.mark.parametrize("given", ["Model4", None, {"epochs": 3}])
def test_what_is_no_experiment_is_refused_with_what_to_give(given):
    with pytest.raises(InputError, match=r"give an experiment, SERIES\['Model4'\] for example, not "):
        check_name(given)
