"""compare() answers whether a change was better: it trains once, pairs the seeds and claims no more than they show."""

import inspect
import re
from dataclasses import replace
from functools import partial

import pytest
from torch import nn

from src import InputError, training
from src.experiments import MODEL3, MODEL4
from src.runs import one, records, several
from src.runs.names import with_epochs
from src.runs.one import Interrupted, run_one
from src.show import compare as module
from src.show import figures
from src.show.compare import compare
from src.show.tables import differences, interval
from src.show.verdict import verdict

SMALL = replace(MODEL4, name="small", target=(), layer_line="4 P P G t10", epochs=2, batch_size=64)
WIDER = replace(SMALL, name="wider", layer_line="8 P P G t10")


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    """A folder of this test's own for runs and for pictures."""
    monkeypatch.setattr(module, "RUNS", tmp_path)
    monkeypatch.setattr(several, "MOST_JOBS", 1)  # other processes have neither this folder nor these digits
    monkeypatch.setattr(figures, "save", partial(figures.save, folder=tmp_path / "images"))
    return tmp_path


@pytest.fixture
def trained(monkeypatch):
    """The names and seeds of all runs that are trained from now on, quietly."""
    names, train = [], one.train

    def noted(*arguments, **options):
        given = inspect.signature(train).bind(*arguments, **options).arguments
        names.append((given["experiment"].name, given["seed"]))
        return train(**given | dict(quiet=True))

    monkeypatch.setattr(one, "train", noted)
    return names


@pytest.fixture
def small(few_digits, runs, trained):
    """The records of an experiment to compare with, seeds 0 to 3."""
    found = [run_one(SMALL, seed, runs) for seed in range(4)]
    trained.clear()
    return found


def copied(name, of, seeds):
    """Committed records under another name, as if somebody had trained them."""
    return [replace(record, experiment=name) for record in records.load_of(of, records.RESULTS)[:seeds]]


def test_a_change_is_answered_by_a_table_a_sentence_and_a_picture(small, trained, runs, capsys):
    figure = compare(WIDER, SMALL)
    assert trained == [("wider", 0), ("wider", 1), ("wider", 2)]
    table, sentence, last = capsys.readouterr().out.lstrip().split("\n\n")
    assert [line.split()[0] for line in table.splitlines()] == ["model", "small", "wider"]
    paired = differences(small, list(records.recorded(WIDER, range(3), runs).values()))
    assert interval(paired, signed=True) in " ".join(sentence.split())
    assert max(map(len, sentence.splitlines())) <= 100
    assert "images/wider-against-small.png" in last
    assert (runs / "images" / "wider-against-small.png").stat().st_size > 10_000
    labels = figure.axes[0].get_legend_handles_labels()[1]
    assert labels[:2] == ["small, 94 parameters, 4 seeds", "wider, 178 parameters, 3 seeds"]


def test_no_seed_is_trained_twice_and_further_seeds_are_added(small, trained):
    compare(WIDER, SMALL, seeds=[0])
    compare(WIDER, SMALL, seeds=[2, 0, 2])
    assert trained == [("wider", 0), ("wider", 2)]


def test_an_interrupted_comparison_is_resumed(small, interrupt, monkeypatch):
    interrupt(3)  # in the middle of the second run
    with pytest.raises(Interrupted, match="1 of 2 epochs are finished"):
        compare(WIDER, SMALL)
    interrupt(None)
    epochs, fit = [], one.fit
    monkeypatch.setattr(one, "fit", lambda *given: (epochs.append(epoch.epoch) or epoch for epoch in fit(*given)))
    compare(WIDER, SMALL)
    assert epochs == [2, 1, 2]


def test_experiments_of_the_series_are_compared_by_their_committed_records(trained, capsys):
    compare(MODEL3, "Model4", seeds=range(5))
    assert not trained
    output = " ".join(capsys.readouterr().out.split())
    assert re.search(r"5 seeds .*\(0 to 4\), .*Model3 changes by -0\.22 ± 0\.04", output)


class Mine(nn.Sequential):
    """A network of a learner's own."""

    def __init__(self):
        super().__init__(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(49, 10))


class Changed(Mine):
    """The same modules, and another way through them."""

    def forward(self, images):
        """Double what comes out."""
        return 2 * super().forward(images)


Changed.__name__ = "Mine"


def test_a_network_of_ones_own_is_not_taken_for_another_one_of_the_same_name(small, trained, runs, capsys):
    experiment = replace(SMALL, name="mine", network=Mine)
    compare(experiment, SMALL, seeds=[0])
    compare(replace(experiment, network=lambda: Mine()), SMALL, seeds=[0])
    assert trained == [("mine", 0)] and "Mine(" in records.load_of("mine", runs)[0].definition["network"]
    for network, words in [(Changed, "def forward"), (None, "")]:
        capsys.readouterr()
        compare(replace(experiment, batch_size=50, network=network), SMALL, seeds=[0])
        said = capsys.readouterr().out
        assert "Records of mine (seeds 0)" in said and "have other settings or another network" in said
        assert words in records.load_of("mine", runs)[0].definition.get("network", "")
    assert trained == [("mine", 0)] * 3
    assert len(list((runs / "test" / "mine").glob("seed-0.json*"))) == 3  # nothing was lost


def test_two_networks_of_ones_own_are_compared_with_each_other(few_digits, trained, runs, capsys):
    mine = replace(SMALL, name="mine", network=Mine)
    run_one(mine, 0, runs)
    assert compare(replace(mine, name="again"), mine, seeds=[0]) is None
    compare(replace(mine, name="changed", network=Changed), mine, seeds=[0])
    assert trained == [("mine", 0), ("changed", 0)]
    assert "Against mine, on seed 0" in capsys.readouterr().out


def test_a_baseline_of_the_same_length_is_taken_from_the_records_or_trained(few_digits, trained, runs, capsys):
    shorter = replace(MODEL4, name="shorter", epochs=2, layer_line=SMALL.layer_line)
    compare(shorter, "Model4", seeds=range(2))
    assert trained == [("Model4-2-epochs", 0), ("Model4-2-epochs", 1), ("shorter", 0), ("shorter", 1)]
    said = " ".join(capsys.readouterr().out.split())
    assert "no records of Model4-2-epochs with the seeds [0, 1], so it is trained, too" in said
    assert "Against Model4-2-epochs, on the 2 seeds" in said
    assert (runs / "test" / "Model4-2-epochs" / "seed-0.json").exists()
    (runs / "test" / "Model4-2-epochs" / "seed-0.json").unlink()  # the others are of later seeds
    capsys.readouterr()
    compare(shorter, "Model4", seeds=range(2))
    del trained[4]
    pairs = [
        [records.load(records.path_of(runs, name, k)) for k in range(2)] for name in ("Model4-2-epochs", "shorter")
    ]
    assert interval(differences(*pairs), signed=True) in " ".join(capsys.readouterr().out.split())
    compare(shorter, "Model4", seeds=range(3))
    assert trained[4:] == [("Model4-2-epochs", 2), ("shorter", 2)]


@pytest.mark.parametrize("epochs, name", [(1, "Model4-1-epoch"), (3, "Model4-3-epochs"), (15, "Model4")])
def test_baselines_of_one_three_and_fifteen_epochs_cost_nothing(epochs, name):
    recorded = module.recorded(with_epochs(MODEL4, epochs), None, records.RESULTS)
    assert list(recorded) == list(range(10)) and recorded[0].experiment == name


def test_runs_of_unequal_length_get_no_verdict(trained, capsys):
    assert compare(replace(MODEL4, name="longer", epochs=30), "Model4") is None
    said = " ".join(capsys.readouterr().out.split())
    assert (
        not trained
        and "nothing of Model4 but the number of epochs, 30 in the place of 15: runs of unequal length" in said
    )


def test_records_that_other_code_made_are_not_compared_with(trained, monkeypatch, capsys):
    monkeypatch.setattr(training, "augment", lambda images, *_, **__: 0 * images)
    monkeypatch.setattr(several, "run_one", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):  # Model4 would be trained by today's code
        compare(replace(MODEL4, name="mine", batch_size=64), "Model4", seeds=range(3))
    assert "Records of Model4 (seeds 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)" in (said := capsys.readouterr().out)
    assert "were made by other code than today's" in said


@pytest.mark.parametrize(
    "experiment",
    [MODEL4, with_epochs(MODEL4, 1), replace(MODEL4, name="again"), replace(MODEL4, name="again", target=())],
    ids=["itself", "shortened", "renamed", "without its target"],
)
def test_an_unchanged_experiment_is_not_trained_and_what_to_do_is_said(experiment, trained, runs, capsys):
    assert compare(experiment, "Model4") is None
    assert not trained and not list(runs.iterdir())
    output = " ".join(capsys.readouterr().out.split())
    assert output.startswith("This is Model4 without a change") and "Replace the line" in output


def test_a_network_of_ones_own_is_a_change(small, trained):
    compare(replace(SMALL, name="mine", network=Mine), SMALL, seeds=[1])
    assert trained == [("mine", 1)]


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((replace(MODEL4, epochs=3), "Model4"), "Model4 .*epochs: 15 → 3"),
        ((replace(MODEL4, name="mine", epochs=3), "Model5"), "cannot compare with 'Model5'; choose one of Model1"),
        ((replace(MODEL4, name="mine", epochs=3), replace(MODEL4, epochs=3)), "Model4 .*epochs: 15 → 3"),
        ((replace(MODEL4, name="mine", epochs=3), "Model4", 3), r"range\(3\).*, not 3"),
        ((replace(MODEL4, name="mine", epochs=3), "Model4", ["0"]), "seed must be a whole number"),
        ((replace(MODEL4, name="mine", batch_size=64), "Model4", [10, 11]), "seeds 0 to 9"),
        ((replace(MODEL4, name="mine", batch_size=64), "Model4", []), r"range\(3\).*, not \[\]"),
        ((replace(MODEL4, network=Mine), "Model4", [0]), "Model4 .*network: "),
    ],
)
def test_what_cannot_be_compared_is_one_sentence_before_anything_is_trained(arguments, words, trained, runs):
    with pytest.raises(InputError, match=words):
        compare(*arguments)
    assert not trained and not list(runs.iterdir())


def test_a_change_without_a_new_name_is_refused_for_experiments_of_ones_own_too(small, trained):
    with pytest.raises(InputError, match="both experiments are called small but differ.* name of its own"):
        compare(replace(SMALL, batch_size=50), SMALL)
    assert not trained


@pytest.mark.parametrize(
    "before, after, seeds, words",
    [
        ("Model4", "Model4-no-augmentation", 1, "seed 0, .*changes by -0.14 points.* three seeds"),
        ("Model4", "Model4-no-augmentation", 2, r"\(0, 1\), .* changes by -0.14, -0.04 points.* three seeds"),
        ("Model4", "Model4-no-augmentation", 3, r"no difference shown.* about 5 seeds .*seeds=range\(5\)"),
        ("Model1", "Pooled", 5, "no difference shown.* about 18 seeds .*Model1 has 10 recorded"),
    ],
)
def test_the_verdict_claims_no_more_than_the_seeds_show(before, after, seeds, words):
    found = verdict(records.load_of(before, records.RESULTS), copied("mine", after, seeds))
    assert re.search(words, found)


def test_the_verdict_says_what_helps_and_what_hurts():
    model3, model4 = (records.load_of(name, records.RESULTS) for name in ("Model3", "Model4"))
    assert re.search(r"the change helps\. Model3 lacks 5 to 9 ", verdict(model3[:5], model4))
    assert verdict(model4, model3).endswith("(95 % interval): the change hurts.")


def shifted(record, points):
    """A record whose final test accuracy is another one."""
    last = replace(record.final, test_accuracy=record.final.test_accuracy + points / 100)
    return replace(record, history=(*record.history[:-1], last))


def test_a_difference_of_an_image_or_two_is_said_to_be_so_few():
    model4 = [
        replace(record, predictions=record.predictions[:60]) for record in records.load_of("Model4", records.RESULTS)
    ]
    better = [shifted(record, 100 / 60) for record in model4]
    assert verdict(model4, better).endswith(
        "helps. That is about 1 of 60 test images; more of these would tell better."
    )


def test_a_scatter_that_no_number_of_seeds_overcomes_is_said_so():
    model4 = records.load_of("Model4", records.RESULTS)[:3]
    scattered = [shifted(record, points) for record, points in zip(model4, [-5, 5, 0], strict=True)]
    assert "hundreds of seeds to show a difference of 0.02 points" in verdict(model4, scattered)
    assert verdict(model4, model4).endswith("no difference shown.")
