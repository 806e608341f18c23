"""The ladder: step by step, each at its best learning rate; and Model4 without one technique at a time."""

import re
from itertools import pairwise
from statistics import fmean

import pytest

from src.experiments import MODEL3, MODEL4, SERIES, Constant, OneCycle
from src.runs.names import changes
from src.show.significance import effect
from src.show.tables import differences, values
from studies.ladder import ABLATION, ADDED, BY_RATE, CHOICES, GROUPS, LADDER, RATES, figures, report


def techniques(before, after):
    """The fields in which two experiments differ, in words; a step's learning rate is not its technique."""
    return {change.split(":")[0] for change in changes(before, after)} - {"schedule"}


def test_the_ladder_leads_over_the_models_of_the_series_to_model4():
    assert [step.name for step in LADDER] == ["Plain", "Model1", "Pooled", "Model2", "Model3", "Model4"]
    assert [step for step in LADDER if step.name in SERIES] == list(SERIES.values())


def test_a_step_of_the_ladder_adds_one_technique_but_for_model3_which_swaps_two():
    """And its learning rate; pooling adds the classifier that it needs."""
    dropout = {"channel dropout"}
    due = [{"batch normalization"}, {"layer line"}, dropout, dropout | {"augmentation"}, set()]
    assert [techniques(before, after) for before, after in pairwise(LADDER)] == due
    assert isinstance(MODEL3.schedule, Constant) and isinstance(MODEL4.schedule, OneCycle)


def test_the_ablation_takes_one_technique_from_model4_or_gives_it_one():
    due = [{"batch normalization"}, {"augmentation"}, set(), {"layer line"}, {"channel dropout"}]
    assert [techniques(*pair) for pair in ABLATION.values()] == due
    assert all(MODEL4 in pair for pair in ABLATION.values())
    assert [one for pair in ABLATION.values() for one in pair if one.schedule != MODEL4.schedule] == [MODEL3]


@pytest.mark.parametrize("step", LADDER, ids=lambda step: step.name)
def test_each_step_of_the_ladder_has_the_rate_that_is_best_on_the_validation_split(step, evidence):
    trials = report.by_rate(step, evidence.trials)
    assert tuple(trials) == RATES and all(len(records) >= 3 for records in trials.values())
    assert all(record.split == "validation" for records in trials.values() for record in records)
    means = {rate: fmean(values(records, "test accuracy")) for rate, records in trials.items()}
    assert BY_RATE[step][max(means, key=means.get)].schedule == step.schedule


def test_an_experiment_at_a_rate_is_the_step_with_that_rate_and_nothing_else():
    for step, at_rates in BY_RATE.items():
        for rate, experiment in at_rates.items():
            assert techniques(step, experiment) == set() and type(experiment.schedule) is type(step.schedule)
            assert rate in vars(experiment.schedule).values()


def test_choices_are_compared_with_the_experiment_that_has_the_chosen_rate(evidence):
    for start, others in CHOICES.items():
        assert start.schedule in [step.schedule for step in LADDER]
        assert all(changes(start, other) for other in others)
        assert all(len(evidence.trials[one.name]) >= 2 for one in [start, *others])


def test_steps_are_compared_on_the_seeds_that_all_of_them_have(evidence):
    fewer = evidence.tests | {"Pooled": evidence.tests["Pooled"][2:6]}
    for step in report.ladder(fewer):
        assert [record.seed for record in step.before] == [record.seed for record in step.after] == [2, 3, 4, 5]


def test_the_table_of_the_ladder_has_a_row_for_each_step_with_its_change_in_points(evidence):
    rows = list(report.ladder_table(report.ladder(evidence.tests)))
    assert [row["step"] for row in rows] == [step.name for step in LADDER]
    assert rows[0]["what changes"] == rows[0]["change in points"] == ""
    for row, (before, after) in zip(rows[1:], pairwise(LADDER), strict=True):
        mean = fmean(differences(evidence.tests[before.name], evidence.tests[after.name]))
        assert row["change in points"].startswith(f"{mean:+.3f} ±")


def test_the_best_rate_of_each_step_is_in_bold(evidence):
    for row, step in zip(report.rates(evidence.trials), LADDER, strict=True):
        (bold,) = [rate for rate, cell in row.items() if cell.startswith("**")]
        assert row["step"] == step.name and BY_RATE[step][float(bold)].schedule == step.schedule


def test_the_selection_bias_is_what_the_best_epoch_adds_to_the_last_one(evidence):
    for row in report.selection_bias({name: evidence.tests[name] for name in SERIES}):
        assert row["selection bias"].startswith("+")
        records = evidence.tests[row["model"]]
        bias = fmean(values(records, "best epoch")) - fmean(values(records, "test accuracy"))
        assert row["selection bias"].startswith(f"{bias:+.2f}")


def test_the_log_of_a_model_names_the_steps_that_lead_to_it_from_the_model_before(evidence):
    steps = [
        ("Model1", "Model1 minus Plain"),
        ("Model2", "Pooled minus Model1"),
        ("Model2", "Model2 minus Pooled"),
        ("Model3", "Model3 minus Model2"),
        ("Model4", "Model4 minus Model3"),
    ]
    logs = {name: report.log(name, evidence.tests, evidence.resplits) for name in SERIES}
    assert all(words in logs[name] for name, words in steps)
    assert [log.count(" minus ") for log in logs.values()] == [1, 2, 1, 1]


def test_the_log_judges_the_generalization_gap_on_re_splits_and_says_so(evidence):
    """The texts say why: MNIST's test images are easier than its training images, so that the gap is smaller there."""
    for name in SERIES:
        there, on_the_test_set = (
            values(records, "generalization gap") for records in (evidence.resplits[name], evidence.tests[name])
        )
        assert fmean(there) > fmean(on_the_test_set)
        log = report.log(name, evidence.tests, evidence.resplits)
        assert f"On 10 re-splits the generalization gap is {fmean(there):+.2f} ± " in log and "over-fitting." in log
        judged = re.findall(r"generalization gap [<>] [\d.]+ points: ([\d.]+) on 10 re-splits", log)
        assert judged == [f"{fmean(there):.2f}"] * sum(
            each.quantity == "generalization gap" for each in SERIES[name].target
        )


def test_how_far_a_run_can_be_trusted_is_said_of_the_seeds_that_there_are(evidence):
    tests = values(evidence.tests["Model4"], "test accuracy")
    said = report.trust(evidence.tests)
    assert f"Over {len(tests)} seeds" in said and f"between {min(tests):.2f} and {max(tests):.2f} %" in said


def test_groups_of_the_ladder_hold_no_experiment_twice():
    for name, group in GROUPS.items():
        assert len(group) == len(set(group)), name


def test_the_figure_of_effects_has_a_dot_for_every_seed_and_the_mean_of_every_change(evidence):
    comparisons = report.ladder(evidence.tests)
    (ax,) = figures.effects(dict(zip(ADDED, comparisons, strict=True)), "any").axes
    assert [label.get_text() for label in ax.get_yticklabels()] == ADDED
    dots = sorted(x for line in ax.lines if line.get_marker() == "o" for x in line.get_xdata())
    paired = [differences(each.before, each.after) for each in comparisons]
    assert dots == sorted(sum(paired, []))
    means = {line.get_ydata()[0]: line.get_xdata()[0] for line in ax.lines if line.get_marker() == "s"}
    assert [means[i] for i in range(len(paired))] == pytest.approx([fmean(numbers) for numbers in paired])
    assert [text.get_text().splitlines()[0] for text in ax.texts] == [effect(numbers) for numbers in paired]


def test_the_titles_of_the_two_ablations_name_what_helps_and_what_hurts(evidence):
    steps, techniques = report.ladder(evidence.tests), report.ablation(evidence.tests)
    for words, comparisons in [(ADDED, steps), (list(ABLATION), techniques)]:
        said = report.what_helps(dict(zip(words, comparisons, strict=True)), "here")
        helps, _, hurts = said.removeprefix("What helps here: ").partition("; what hurts: ")
        shown = {word: effect(differences(c.before, c.after)) for word, c in zip(words, comparisons, strict=True)}
        assert helps.split(", ") == [word for word in words if shown[word] == "helps"]
        assert list(filter(None, hurts.split(", "))) == [word for word in words if shown[word] == "hurts"]
    assert report.what_helps({}, "here") == "What helps here: nothing"


def test_the_title_of_the_rates_names_the_best_mean_of_each_line(evidence):
    trials = {step.name: report.by_rate(step, evidence.trials) for step in (MODEL3, MODEL4)}
    for name, accuracy in re.findall(r"(Model\d) ([\d.]+) %", report.best_rates(trials)):
        best = max(fmean(values(records, "test accuracy")) for records in trials[name].values())
        assert float(accuracy) == pytest.approx(best, abs=0.005)


def test_the_figure_of_seeds_has_a_bar_of_every_seed_and_the_sampling_error_around_their_mean(evidence):
    records = evidence.tests["Model4"]
    (ax,) = figures.seeds(records).axes
    bars, (left, right) = ax.containers[0], ax.get_xlim()
    assert sum(bar.get_height() for bar in bars) == len(records)
    assert left < min(values(records, "test accuracy")) and max(values(records, "test accuracy")) < right
    mean = fmean(values(records, "test accuracy"))
    assert any("sampling error of 10,000 images" in text.get_text() for text in ax.get_legend().get_texts())
    assert (left + right) / 2 == pytest.approx(mean)


def test_the_figure_of_rates_has_the_mean_at_every_rate(evidence):
    trials = {f"{step.name}, any": report.by_rate(step, evidence.trials) for step in (MODEL3, MODEL4)}
    (ax,) = figures.rates(trials, "any").axes
    drawn = [
        list(line.get_ydata()) for line in ax.lines if line.get_linestyle() != "None" and len(line.get_xdata()) > 2
    ]
    means = [[fmean(values(records, "test accuracy")) for records in of.values()] for of in trials.values()]
    assert drawn == [pytest.approx(line) for line in means]
