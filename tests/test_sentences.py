"""What is said of one run: no more than its epochs show."""

from dataclasses import replace

import pytest

from src.experiments import MODEL1
from src.runs import records
from src.runs.names import with_epochs
from src.show.sentences import analysis


@pytest.fixture
def whole():
    """A committed record of Model1, which over-fits."""
    return records.load(records.path_of(records.RESULTS, "Model1", 0))


def shortened(record, epochs):
    experiment = with_epochs(MODEL1, epochs)
    return analysis(replace(record, experiment=experiment.name, history=record.history[:epochs]), experiment.target)


@pytest.mark.parametrize("epochs, start", [(1, "- After 1 epoch 9"), (2, "- After 2 epochs 9")])
def test_after_a_few_epochs_nothing_is_said_of_over_fitting(whole, epochs, start):
    text = shortened(whole, epochs)
    assert text.startswith(start) and "too early" in text
    assert not [word for word in ["gap", "selection bias", "better than digits in general", "harder"] if word in text]


@pytest.mark.parametrize("epochs", [1, 8])
def test_a_run_whose_epochs_were_set_says_that_its_target_is_not_judged(whole, epochs):
    text = shortened(whole, epochs)
    assert f"epochs was set to {epochs} for this run, so its target is not judged." in text
    assert "met" not in text and "missed" not in text


def test_a_whole_run_is_read_and_judged(whole):
    text = analysis(whole, MODEL1.target)
    assert "over-fitting, beyond the sampling error of the test set" in text
    assert text.count("Target ") == len(MODEL1.target) and "not judged" not in text
