"""A changed experiment has a name of its own, and one with other epochs gets it."""

from dataclasses import replace

import pytest

from src import InputError
from src.experiments import MODEL4
from src.studies.catalogue import EXPERIMENTS
from src.studies.names import check_name, epochs_were_set, with_epochs


def test_every_experiment_of_the_catalogue_has_its_name():
    for experiment in EXPERIMENTS.values():
        check_name(experiment)


@pytest.mark.parametrize("change", [dict(epochs=14), dict(channel_dropout=0.1), dict(layer_line="8 G t10")])
def test_a_changed_experiment_needs_a_name_of_its_own(change):
    [field] = change
    with pytest.raises(
        InputError, match=f"Model4 but differs from it .{field.replace('_', ' ')}: .* → .*name of its own"
    ):
        check_name(replace(MODEL4, **change))
    check_name(replace(MODEL4, **change, name="mine"))
    check_name(replace(MODEL4, target=()))  # what is expected of a run does not change it


@pytest.mark.parametrize("epochs, name", [(1, "Model4-1-epoch"), (2, "Model4-2-epochs"), (20, "Model4-20-epochs")])
def test_other_epochs_give_another_name_and_no_target(epochs, name):
    experiment = with_epochs(MODEL4, epochs)
    assert (experiment.name, experiment.target, experiment.epochs) == (name, (), epochs)
    assert epochs_were_set(name, epochs) and not epochs_were_set("Model4", epochs)


def test_the_own_number_of_epochs_changes_nothing():
    assert with_epochs(MODEL4, MODEL4.epochs) is MODEL4
