"""What is said of one run: no more than its epochs show."""

import re
from dataclasses import replace
from statistics import fmean

import pytest

from src import data
from src.experiments import MODEL1
from src.runs import records
from src.runs.names import with_epochs
from src.runs.progress import at_chance
from src.show.sentences import analysis, over_fitting


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
    assert not [word for word in ["gap", "selection bias", "easier"] if word in text]


@pytest.mark.parametrize("epochs", [1, 8])
def test_a_run_whose_epochs_were_set_says_that_its_target_is_not_judged(whole, epochs):
    text = shortened(whole, epochs)
    assert f"epochs was set to {epochs} for this run, so its target is not judged." in text
    assert "met" not in text and "missed" not in text


@pytest.fixture
def resplits():
    """The committed records of Model1 on the ten re-splits."""
    return [records.load(records.path_of(records.RESULTS, "Model1", k, f"resplit-{k}")) for k in range(10)]


def test_the_gap_of_a_run_on_the_test_set_is_a_number_that_judges_nothing(whole):
    text = analysis(whole, MODEL1.target)
    gap = 100 * (whole.train_accuracy - whole.final.test_accuracy)
    assert f"a generalization gap of {gap:+.2f} points. MNIST's test images are easier than its training images" in text
    assert "Target train accuracy >= 99.5 %: 99.74, met." in text and "over-fitting" not in text
    assert 'gap > 0.2 points: not judged here; `report(train(experiment, seed=0, split="resplit-0"))`' in text


def test_over_fitting_is_read_from_the_re_splits_of_an_experiment_with_an_interval(whole, resplits):
    text = analysis(whole, MODEL1.target, resplits)
    gap = fmean(100 * (each.train_accuracy - each.final.test_accuracy) for each in resplits)
    assert re.search(rf"On 10 re-splits the generalization gap is \+{gap:.2f} ± 0\.\d\d points: over-fitting\.", text)
    assert f"gap > 0.2 points: {gap:.2f} on 10 re-splits, met." in text and "not judged" not in text


def test_gaps_around_zero_show_no_over_fitting_and_one_shows_too_little(resplits):
    def with_gap(record, points):
        return replace(record, train_accuracy=record.final.test_accuracy + points / 100)

    around_zero = [with_gap(record, 0.01 * (-1) ** record.seed) for record in resplits]
    assert "points: no over-fitting shown." in over_fitting(around_zero)
    assert "On 1 re-split the generalization gap is" in over_fitting(resplits[:1])
    assert "too few to speak of over-fitting" in over_fitting(resplits[:1])


def test_a_network_that_learned_nothing_is_told_so():
    labels, classes = data.load("test").labels, data.MNIST.classes
    always_one = labels.bincount().max().item() / len(labels)
    for accuracy in [0.0, 0.101, always_one]:
        assert re.fullmatch(
            r"The network has learned nothing: .* % .* 11.35 % .* answered 1 .*; try .*\.",
            at_chance(accuracy, labels, classes),
        )
    assert at_chance(always_one + 0.0001, labels, classes) is None and at_chance(0.99, labels, classes) is None


def test_a_run_on_the_validation_split_is_not_said_to_be_on_test_images():
    record = records.load(records.path_of(records.RESULTS, "E4-Adam", 0, "validation"))
    record = replace(record, train_accuracy=0.99)  # which early records lack
    text = analysis(record, ())
    assert "% of the validation images" in text and "On 5,000 validation images" in text and "test" not in text
    assert record.final is not record.history[-1] and "reports the last" not in text  # it keeps its best epoch
