"""What the records say of the series: tables and sentences of the Evidence notebook, and the README's log."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from statistics import fmean, stdev

from src.experiments import MODEL3, MODEL4, SERIES, Experiment
from src.show import figures as shown
from src.show.sentences import over_fitting, verdicts
from src.show.significance import TEST_TO_TRAIN, effect, sampling_error, seeds_to_settle
from src.show.tables import Records, Row, differences, interval, on_shared_seeds, seed_range, values
from studies.evidence import Evidence, records_of
from studies.figures import Drawings, with_sources
from studies.ladder import ABLATION, ADDED, BY_RATE, CHOICES, GROUPS, LADDER
from studies.ladder import figures as drawn
from studies.tables import Comparison, ablation_table, compare, folded, markdown, standing

ADDS = {
    "Model1": "batch normalization",
    "Model2": "global average pooling, dropout",
    "Model3": "image augmentation in dropout's place",
    "Model4": "a learning-rate schedule",
}


def statements(evidence: Evidence) -> dict[str, dict[str, str]]:
    """Return what the notebook says: its name -> name of a statement -> Markdown."""
    tests = evidence.tests
    said = {
        "trust": trust(tests),
        "resplits": markdown(resplits(tests, evidence.resplits)),
        "ladder": markdown(ladder_table(ladder(tests))),
        "ablation": markdown(ablation_table(ablation(tests))),
        "selection-bias": markdown(selection_bias(records_of(LADDER + GROUPS["ablation"], tests))),
        "rates": markdown(rates(evidence.trials)),
        "choices": folded("What was compared", CHOICES, evidence.trials),
    }
    return {"Evidence": said}


def blocks(evidence: Evidence) -> dict[str, str]:
    """Return the blocks of the README: name of the marker -> Markdown."""
    rows = []
    for name, adds in ADDS.items():
        records, there = evidence.tests[name], evidence.resplits[name]
        rows.append(
            {
                "model": f"[{name}](notebooks/{name}.ipynb)",
                "adds": adds,
                "parameters": f"{records[0].parameters:,}",
                f"test %, {len(records)} seeds": interval(values(records, "test accuracy")),
                f"{len(there)} re-splits %": interval(values(there, "test accuracy"), test_to_train=TEST_TO_TRAIN),
            }
        )
    logs = {name: log(name, evidence.tests, evidence.resplits) for name in SERIES}
    return {"series": markdown(rows), **logs}


def figures(evidence: Evidence) -> Drawings:
    """Return the figures: file name -> function that draws it, and a hash of its numbers."""
    tests = evidence.tests
    trials = {
        f"{words} ({step.name})": by_rate(step, evidence.trials)
        for step, words in [(MODEL3, "constant rate"), (MODEL4, "one-cycle schedule")]
    }
    steps = {
        f"{words}\n{of.before[0].experiment} → {of.name}": of for words, of in zip(ADDED, ladder(tests), strict=True)
    }
    techniques = dict(zip(ABLATION, ablation(tests), strict=True))
    goal = shown.goal_of(tests[MODEL4.name][0])
    above = [name for name in SERIES if fmean(values(tests[name], "test accuracy")) >= goal]
    return with_sources(
        {
            "series.png": partial(
                shown.series,
                records_of(GROUPS["series"], tests),
                f"Above {goal} % in the end: {', '.join(above) or 'none'}.",
            ),
            **{f"{name}.png": partial(shown.history, tests[name]) for name in SERIES},
            "seeds.png": partial(drawn.seeds, tests[MODEL4.name]),
            "ladder.png": partial(drawn.effects, steps, what_helps(steps, "on the way to Model4")),
            "ablation.png": partial(drawn.effects, techniques, what_helps(techniques, "in Model4")),
            "rates.png": partial(drawn.rates, trials, best_rates(trials)),
        }
    )


def ladder(records_by_name: Records) -> list[Comparison]:
    """Compare each step of the ladder with the one before it, all on the same seeds."""
    names = [step.name for step in LADDER]
    shared = on_shared_seeds(*(records_by_name[name] for name in names))
    rungs = dict(zip(names, shared, strict=True))
    return [compare(before, after, rungs) for before, after in pairwise(LADDER)]


def ablation(records_by_name: Records) -> list[Comparison]:
    """Compare Model4 without and with each technique that it has, or does without."""
    return [compare(without_it, with_it, records_by_name) for without_it, with_it in ABLATION.values()]


def what_helps(changes: dict[str, Comparison], where: str) -> str:
    """Say which of some changes help, and which hurt; the first line of their words names them."""
    named = {"helps": [], "hurts": []}
    for words, each in changes.items():
        named.get(effect(differences(each.before, each.after)), []).append(words.partition("\n")[0])
    helps, hurts = (", ".join(names) for names in named.values())
    return f"What helps {where}: {helps or 'nothing'}" + f"; what hurts: {hurts}" * bool(hurts)


def best_rates(trials: dict[str, dict[float, list]]) -> str:
    """Say what the lines of rates() reach at their best learning rate."""
    best = {label: max(fmean(values(of, "test accuracy")) for of in rates.values()) for label, rates in trials.items()}
    return "At the best rate: " + ", ".join(f"{label} {accuracy:.2f} %" for label, accuracy in best.items())


def ladder_table(comparisons: Sequence[Comparison]) -> Iterator[Row]:
    """Show each step of the ladder, and what it changes."""
    start, cells = comparisons[0].before, comparisons[0].cells()

    def row(name, change, records, cells):
        return {
            "step": name,
            "what changes": change,
            "parameters": f"{records[0].parameters:,}",
            f"test %, seeds {seed_range(start)}": interval(values(records, "test accuracy"), places=3),
            **cells,
        }

    yield row(start[0].experiment, "", start, dict.fromkeys(cells, ""))
    yield from (row(each.name, each.change, each.after, each.cells()) for each in comparisons)


def selection_bias(records_by_name: Records) -> Iterator[Row]:
    """Show what picking the best epoch on the test set adds to the accuracy of the last one."""
    for name, records in records_by_name.items():
        last, best = values(records, "test accuracy"), values(records, "best epoch")
        bias = [after - before for before, after in zip(last, best, strict=True)]
        yield {
            "model": name,
            "seeds": f"{len(records)}",
            "last epoch %": interval(last),
            "best epoch %": interval(best),
            "selection bias": interval(bias, signed=True),
            "gap on the test set": interval(values(records, "generalization gap"), signed=True),
        }


def by_rate(step: Experiment, trials_by_name: Records) -> dict[float, list]:
    """Return the trials of a step of the ladder by their learning rate, those of seeds that all of them have."""
    trials = on_shared_seeds(*(trials_by_name[trial.name] for trial in BY_RATE[step].values()))
    return dict(zip(BY_RATE[step], trials, strict=True))


def rates(trials_by_name: Records) -> Iterator[Row]:
    """Show the mean validation accuracy of each step of the ladder at each learning rate, the best in bold."""
    for step in BY_RATE:
        trials = by_rate(step, trials_by_name)
        means = {rate: fmean(values(records, "test accuracy")) for rate, records in trials.items()}
        best = max(means.values())
        cells = {f"{rate:g}": f"**{mean:.3f}**" if mean == best else f"{mean:.3f}" for rate, mean in means.items()}
        yield {"step": step.name, "seeds": seed_range(next(iter(trials.values()))), **cells}


def resplits(tests_by_name: Records, resplits_by_name: Records) -> Iterator[Row]:
    """Show experiments on the test set and on re-splits of all digits, and how Model4 stands beside each there."""

    def there(numbers, signed=False):
        return interval(numbers, signed, test_to_train=TEST_TO_TRAIN, places=3)

    for name, records in resplits_by_name.items():
        paired, is_other = differences(records, resplits_by_name[MODEL4.name]), name != MODEL4.name
        yield {
            "experiment": name,
            "parameters": f"{records[0].parameters:,}",
            "test %": interval(values(tests_by_name[name], "test accuracy"), places=3),
            "seeds": f"{len(tests_by_name[name])}",
            f"{len(records)} re-splits %": there(values(records, "test accuracy")),
            "generalization gap there": there(values(records, "generalization gap"), signed=True),
            "Model4 minus this, in points": there(paired, signed=True) if is_other else "",
            "Model4 is": standing(paired) if is_other else "",
        }


def log(name: str, records_by_name: Records, resplits_by_name: Records) -> str:
    """Return Results and Analysis of a model of the series over its recorded seeds."""
    records, there = records_by_name[name], resplits_by_name[name]
    tests = values(records, "test accuracy")
    results = (
        f"- **Results** ({len(records)} seeds, last of {len(records[0].history)} epochs): "
        f"train {interval(values(records, 'train accuracy'))} % afterwards, test {interval(tests)} % "
        f"(from {min(tests):.2f} to {max(tests):.2f}); on {len(there)} re-splits "
        f"{interval(values(there, 'test accuracy'), test_to_train=TEST_TO_TRAIN)} %; "
        f"{records[0].parameters:,} parameters."
    )
    analysis = f"- **Analysis.** {over_fitting(there)}"
    for step in _steps_to(name, records_by_name):
        paired = differences(step.before, step.after)
        analysis += (
            f" {step.name} minus {step.before[0].experiment}, on {len(paired)} seeds: "
            f"{interval(paired, signed=True, places=3)} points ({effect(paired)})."
        )
    target = "; ".join(verdicts(SERIES[name].target, records, there))
    return f"{results}\n{analysis}\n- **Against the target.** {target[0].upper()}{target[1:]}."


def _steps_to(name, records_by_name):  # the steps of the ladder that lead from the model before to this one
    steps = []
    for step in ladder(records_by_name):
        steps.append(step)
        if step.name == name:
            break
        if step.name in SERIES:
            steps.clear()
    return steps


def trust(records_by_name: Records) -> str:
    """Say how much one run of Model4 shows, and how many would settle a small difference."""
    records = records_by_name[MODEL4.name]
    tests = values(records, "test accuracy")
    deviation = stdev(differences(records_by_name[MODEL3.name], records))
    images = len(records[0].predictions)
    error = 100 * sampling_error(fmean(tests) / 100, images)
    return (
        f"Over {len(tests)} seeds Model4 ends between {min(tests):.2f} and {max(tests):.2f} %, with a mean of "
        f"{interval(tests)} %. On {images:,} images such an accuracy carries a sampling error of "
        f"±{error:.2f} points of its own: the seeds say how the recipe varies on "
        "these images, not on others. Paired differences between Model4 and the step before it scatter by "
        f"{deviation:.3f} points from seed to seed; at that scatter {seeds_to_settle(0.05, deviation)} seeds would "
        f"give an interval of ±0.05 points, and {seeds_to_settle(0.02, deviation)} one of ±0.02."
    )
