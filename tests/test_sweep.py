"""sweep() and choose() say which setting is best; the ready questions have answers; rates() finds a learning rate."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from scipy import stats
from torch import nn

from src import InputError
from src.augment import Augmentation
from src.experiments import MODEL4, QUICK, AdamW, OneCycle
from src.runs import records, several
from src.runs.names import alternatives, changes_of
from src.show import compare as compare_module
from src.show import figures, notebook
from src.show.questions import ASKED, QUESTIONS, ready_questions
from src.show.rates import HIGH, LOW, rates, rising
from src.show.significance import effect, mean_interval
from src.show.sweep import answer, choose, sweep
from studies.recipes import Recipe

SMALL = replace(MODEL4, name="small", target=(), layer_line="4 P P G t10", epochs=1, batch_size=64)


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    """A folder of this test's own for runs and for pictures, in this process."""
    monkeypatch.setattr(compare_module, "RUNS", tmp_path)
    monkeypatch.setattr(figures, "save", partial(figures.save, folder=tmp_path / "images"))
    monkeypatch.setattr(several, "MOST_JOBS", 1)
    return tmp_path


def committed(name, label, seeds):
    """Committed records, as if they were those of a setting."""
    return [replace(record, experiment=label) for record in records.load_of(name, records.RESULTS)[:seeds]]


def test_a_sweep_trains_each_value_on_each_seed_once_and_says_what_is_shown(few_digits, runs, capsys):
    figure = sweep(SMALL, "batch_size", [32, 64, 200], seeds=range(3))
    names = {path.parent.name for path in runs.glob("test/*/seed-*.json")}
    assert names == {"small", "small-batch_size-32", "small-batch_size-200"}
    assert len(list(runs.glob("test/*/seed-*.json"))) == 9
    said = " ".join(capsys.readouterr().out.split())
    assert "Against 64, on 3 seeds (95 %, intervals widened for 2 comparisons): " in said
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["32", "64", "200"]
    assert "Does the batch size of small matter? Against 64: " in figure.axes[0].get_title().replace("\n", " ")
    assert len(list((runs / "images").glob("sweep-*.png"))) == 1
    before = {path: path.stat().st_mtime_ns for path in runs.glob("test/*/*")}
    sweep(SMALL, "batch_size", [32, 64, 200], seeds=range(3))
    assert before == {path: path.stat().st_mtime_ns for path in runs.glob("test/*/*")}


def test_changes_of_several_fields_are_compared_by_label(few_digits, capsys):
    figure = choose(SMALL, {"as it is": {}, "plain": dict(augmentation=None, activation="Tanh")}, seeds=range(3))
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["as it is", "plain"]
    assert "Against as it is, on 3 seeds (95 %): " in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("field", "choices", "words"),
    [
        ("batch", [1, 2], "no setting 'batch' to sweep; try batch_size"),
        ("name", ["a", "b"], "a setting changes neither name, target nor data"),
        ("data", ["MNIST", "KMNIST"], "a setting changes neither name, target nor data"),
        ("epochs", [1, 2], "runs of unequal length get no verdict."),
        ("batch_size", 64, "give several values of batch_size in a list, not 64."),
        ("schedule", [lambda done: 0.01, lambda done: 0.02], "two of the values are called <lambda>"),
        ("batch_size", [64], "give at least two different values"),
        ("batch_size", [64, 64], "give at least two different values"),
        ("batch_size", [64, 0], "batch_size must be a whole number from 1"),
    ],
)
def test_what_cannot_be_swept_is_refused_before_anything_is_trained(field, choices, words, runs):
    with pytest.raises(InputError, match=words):
        sweep(SMALL, field, choices)
    assert not list(runs.glob("test/*"))


def test_the_more_settings_are_compared_the_wider_are_the_intervals():
    numbers = [0.1, 0.3, 0.2, 0.4, 0.1]
    _, one = mean_interval(numbers)
    _, four = mean_interval(numbers, comparisons=4)
    assert four / one == pytest.approx(stats.t.ppf(1 - 0.025 / 4, 4) / stats.t.ppf(0.975, 4))
    close = [0.1, 0.3, 0.2, 0.4, 0.02]
    assert effect(close) == "helps" and effect(close, comparisons=10) == "no difference shown"


def test_the_answer_names_what_is_better_and_what_is_worse_with_its_difference():
    found = {name: committed(name, name, 5) for name in ("Model3", "Model4", "Plain")}
    short, sentence = answer(found, "Model3")
    assert short == "better: Model4; worse: Plain"
    assert sentence.startswith(
        "Against Model3, on 5 seeds (95 %, intervals widened for 2 comparisons): better: Model4 (+0.2"
    )
    assert answer({name: records[:2] for name, records in found.items()}, "Model3")[0] == "too few seeds to tell"


def test_each_ready_question_is_one_line_that_asks_just_what_the_records_answer():
    names = dict(QUICK=QUICK, torch=torch, partial=partial, AdamW=AdamW, OneCycle=OneCycle, Augmentation=Augmentation)
    names |= dict(sweep=changes_of, choose=lambda _, changes: changes)
    for question in QUESTIONS:
        assert "\n" not in question.line
        asked = eval(question.line, names)
        hashes = [
            {label: records.definition_hash(each) for label, each in alternatives(QUICK, changes).items()}
            for changes in (asked, question.changes)
        ]
        assert hashes[0] == hashes[1]
    assert len(QUESTIONS) == 12 and len({experiment.name for experiment in ASKED}) == len(ASKED)


def test_the_answers_of_the_ready_questions_are_folded_away_and_those_of_the_records(monkeypatch):
    shown = []
    monkeypatch.setattr(notebook, "show", lambda text: shown.append(text))
    ready_questions()
    assert shown[0].count("<details>") == shown[0].count("</details>\n") + 1 == len(QUESTIONS)
    assert shown[0].count("Against ") == len(QUESTIONS)


def test_the_rate_rises_by_the_same_factor_and_the_loss_is_drawn_over_it(few_digits, capsys):
    steps = [rising(done) for done in (0, 0.25, 0.5, 0.75, 1)]
    assert steps[0] == LOW and steps[-1] == pytest.approx(HIGH)
    assert all(b / a == pytest.approx(steps[1] / steps[0]) for a, b in zip(steps, steps[1:], strict=False))
    figure = rates(replace(SMALL, batch_size=8))
    tried = figure.axes[0].lines[0].get_xdata()
    assert (tried[1:] > tried[:-1]).all() and LOW < tried[0] < tried[-1] <= HIGH
    assert "The loss of small is lowest at a rate of" in capsys.readouterr().out


def test_settings_whose_names_would_be_one_are_refused_and_so_are_those_that_a_network_does_not_read(runs):
    for changes in ([32, 64], {"a": 32, "b": 64}):
        with pytest.raises(InputError, match="say what each label changes: choose"):
            choose(SMALL, changes)
    with pytest.raises(InputError, match="two of these settings have one name"):
        choose(SMALL, {"a b": dict(activation="Tanh"), "a-b": dict(activation="GELU")})
    mine = replace(SMALL, name="mine", network=lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 10)))
    with pytest.raises(InputError, match="a network of one's own does not read activation"):
        sweep(mine, "activation", ["ReLU", "Tanh"])
    with pytest.raises(InputError, match="runs of unequal length get no verdict"):
        choose(SMALL, {"short": {}, "long": dict(epochs=3)})
    assert not list(runs.glob("test/*"))


def test_an_epoch_of_too_few_steps_has_no_rate_to_find(few_digits):
    with pytest.raises(InputError, match="small has only 10 steps in an epoch; take a smaller batch_size"):
        rates(SMALL)


def test_a_value_that_has_only_the_name_of_the_experiments_own_is_another_one():
    first, second = (lambda done: 0.01), (lambda done: 0.02)
    mine = replace(SMALL, name="mine", schedule=first)
    assert changes_of(mine, "schedule", [second]) == {"<lambda>": dict(schedule=second)}
    with pytest.raises(InputError, match="two of the values are called <lambda>; give them labels"):
        sweep(mine, "schedule", [first, second])


def test_a_recipe_is_told_that_it_has_a_loop_of_its_own():
    with pytest.raises(InputError, match=r"small is a Recipe, .*; rates\(\) wants a plain Experiment"):
        rates(Recipe(**vars(SMALL)))
