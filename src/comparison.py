"""The published logs beside what came out here: rows, sentences and points from records of their steps."""

from dataclasses import dataclass

from src.experiments import MODEL4, SERIES, changes
from src.model import build, count_parameters, count_running_statistics
from src.published import of_log
from src.report import differences, interval, values
from src.statistics import effect, mean_interval

TRAIN_TOLERANCE = 0.5  # points by which a training accuracy may differ from the reported one


@dataclass(frozen=True)
class Point:
    """A network in the plane of parameters and test accuracy (percent)."""

    group: str  # the log, or "ours"
    name: str
    parameters: int
    reported: float | None  # by the log: the best epoch of one run
    measured: tuple | None  # mean over seeds and half-width of its 95 % interval, of the networks that runs end with


def points(steps, found):
    """The Points of published Steps and of the models of the series; a Step without records is there as published."""
    return [
        Point(step.log, name, count_parameters(build(step.experiment)), step.test, _measured(found.get(name)))
        for name, step in steps.items()
    ] + [Point("ours", name, found[name][0].parameters, None, _measured(found[name])) for name in SERIES]


def _measured(records):
    return mean_interval(values(records, "test accuracy")) if records else None


def counted(step):
    """The parameters of a Step beside the reported ones, in words."""
    network = build(step.experiment)
    trainable, running = count_parameters(network), count_running_statistics(network)
    if trainable == step.parameters:
        return f"{trainable:,}"
    if trainable + running == step.parameters:
        return f"{trainable:,} + {running} running statistics"
    return f"{trainable:,} (reported: {step.parameters:,})"


def results(steps, found):
    """A row per Step: what its log reported, and what came out by the log's statistic and honestly."""
    header = [
        "step",
        "parameters",
        "test % reported",
        "test % here, best epoch of the best seed",
        "test % here",
        "seeds",
    ]
    header += ["train % reported", "train % here", "beside the log"]
    rows = [header]
    for name, step in steps.items():
        records = found[name]
        given = "not given" if step.test is None else f"{step.test:.2f}"
        if not records:
            rows.append([name, counted(step), given, "", "", "0", f"{step.train:.2f}", "", "not run yet"])
            continue
        best, train = max(values(records, "best epoch")), values(records, "train accuracy")
        rows.append(
            [
                name,
                counted(step),
                given,
                f"{best:.2f}",
                interval(values(records, "test accuracy")),
                f"{len(records)}",
                f"{step.train:.2f}",
                interval(train),
                _beside(step, best, sum(train) / len(train)),
            ]
        )
    return rows


def _beside(step, best, train):
    """Whether what came out bears the log out, rounded as the table shows it."""
    short = round((step.test or 0) - best, 2)
    away = round(train - step.train, 2)
    words = [f"test {short:.2f} short"] if short > 0 else []
    words += [f"train {away:+.2f}"] if abs(away) > TRAIN_TOLERANCE else []
    return ", ".join(words) or ("reached" if step.test is not None else "train reached")


def lead(steps, found):
    """How Model4 stands beside the best of the Steps that have records, by the mean over seeds, in words."""
    best = max((name for name in steps if found[name]), key=lambda name: _measured(found[name])[0])
    paired = differences(found[best], found[MODEL4.name])
    means = [interval(values(found[name], "test accuracy")) for name in (MODEL4.name, best)]
    counts = [f"{found[name][0].parameters:,}" for name in (MODEL4.name, best)]
    return (
        f"Model4 ends at {means[0]} % with {counts[0]} parameters. The best published step by the same mean is {best}, "
        f"at {means[1]} % with {counts[1]}. On the seeds that both have, Model4 is {interval(paired, signed=True)} "
        f"points from it ({effect(paired)})."
    )


def tally(steps, found):
    """How many of the changes that the logs claim are there, in words."""
    logs = {step.log for step in steps.values()}
    rows = [row for log in logs for row in claims(of_log(steps, log), found)[1:]]
    verdicts = [verdict for *_, claimed, _, verdict in rows if claimed and verdict]
    there = verdicts.count("yes")
    opposite = sum(verdict.startswith("the opposite") for verdict in verdicts)
    return (
        f"Of the {len(verdicts)} changes that the logs claim from one step to the next, {there} are there at these "
        f"seeds, {opposite} go the other way, and {len(verdicts) - there - opposite} cannot be told from chance."
    )


def claims(steps, found):
    """A row per Step of one log: what it adds, the change that it claimed, and the change seed by seed."""
    rows = [["step", "the log adds", "what changes here", "claimed", "came out", "is it there?"]]
    before = None
    for name, step in steps.items():
        claimed, paired = None, []
        if before:
            paired = differences(found[before.experiment.name], found[name])
            if step.test is not None and before.test is not None:
                claimed = step.test - before.test
        rows.append(
            [
                name,
                step.adds,
                "; ".join(changes(before.experiment, step.experiment)) if before else "",
                "" if claimed is None else f"{claimed:+.2f}",
                interval(paired, signed=True) if paired else "",
                _verdict(claimed, paired) if paired else "",
            ]
        )
        before = step
    return rows


def _verdict(claimed, paired):
    """Whether paired differences show what was claimed."""
    shown = effect(paired)
    if claimed is None:
        return f"no claim; {shown}"
    if shown not in ("helps", "hurts"):
        return shown
    return "yes" if (shown == "helps") == (claimed > 0) else f"the opposite: it {shown}"
