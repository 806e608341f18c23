"""The published logs beside what came out here: tables and sentences of the notebook, and the README's lead."""

from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from statistics import fmean

from torch import nn

from src.experiments import MODEL4
from src.model import build, count_parameters
from src.runs.names import changes
from src.show.significance import TEST_TO_TRAIN, effect
from src.show.tables import Records, Row, differences, interval, values
from studies.evidence import Evidence
from studies.figures import Drawings, Point, point, with_sources
from studies.published import LAST_OF_LOGS, PUBLISHED_CHOICES, STEPS, Step, of_log
from studies.published.figures import published
from studies.tables import folded, markdown, standing

WHILE_LEARNING = "train accuracy while learning"  # what the logs report
TRAIN_TOLERANCE = 0.5  # points by which it may differ from the reported one


def statements(evidence: Evidence) -> dict[str, dict[str, str]]:
    """Return what the notebook says: its name -> name of a statement -> Markdown; changes under a log's letter."""
    letters = sorted({step.log for step in STEPS.values()})
    said = {
        "published": markdown(results(STEPS, evidence.tests)),
        **blocks(evidence),
        **{letter: markdown(claims(of_log(STEPS, letter), evidence.tests)) for letter in letters},
        "published-choices": folded("What was compared", PUBLISHED_CHOICES, evidence.trials),
    }
    return {"Published": said}


def blocks(evidence: Evidence) -> dict[str, str]:
    """Return the blocks of the README: name of the marker -> Markdown."""
    return {"lead": f"{lead(STEPS, evidence.tests, evidence.resplits)} {tally(STEPS, evidence.tests)}"}


def figures(evidence: Evidence) -> Drawings:
    """Return the figures: file name -> function that draws it, and a hash of its numbers."""
    return with_sources({"published.png": partial(published, points(STEPS, evidence.tests))})


def points(steps: dict[str, Step], records_by_name: Records) -> list[Point]:
    """Make the Points of published Steps, also of those without records."""
    return [point(step.experiment, records_by_name, step.test, step.adds) for step in steps.values()]


def count_running_statistics(module: nn.Module) -> int:
    """Count the running means and variances of batch normalization, which Keras counts as parameters."""
    return sum(buffer.numel() for buffer in module.buffers() if buffer.is_floating_point())


def counted(step: Step) -> str:
    """Say how many parameters a Step has, and how that makes the reported number."""
    network = build(step.experiment)
    trainable, running = count_parameters(network), count_running_statistics(network)
    kerass = trainable + running == step.parameters
    others = f" + {running} running statistics" if kerass else f" (reported: {step.parameters:,})"
    return f"{trainable:,}" + others * (trainable != step.parameters)


def results(steps: dict[str, Step], records_by_name: Records) -> Iterator[Row]:
    """Make a row per Step: what its log reported, and what was measured here, by the log's statistic and as a mean."""
    for name, step in steps.items():
        records = records_by_name[name]
        best = max(values(records, "best epoch"), default=0)
        yield {
            "step": name,
            "parameters": counted(step),
            "test % reported": "not given" if step.test is None else f"{step.test:.2f}",
            "test % here, best epoch of the best seed": f"{best:.2f}" if records else "",
            "test % here": interval(values(records, "test accuracy")) if records else "",
            "seeds": f"{len(records)}",
            "train % while learning, reported": f"{step.train:.2f}",
            "train % while learning, here": interval(values(records, WHILE_LEARNING)) if records else "",
            "compared with the log": _compared(step, best, records) if records else "not run yet",
        }


def _compared(step, best, records):  # whether the records confirm the log, rounded as the table shows it
    short = round((step.test or 0) - best, 2)
    away = round(fmean(values(records, WHILE_LEARNING)) - step.train, 2)
    words = [f"test {short:.2f} short"] if short > 0 else []
    words += [f"train while learning {away:+.2f}"] if abs(away) > TRAIN_TOLERANCE else []
    alike = f"train while learning within {TRAIN_TOLERANCE}" if step.test is None else "reached"
    return ", ".join(words) or alike


def lead(steps: dict[str, Step], records_by_name: Records, resplits_by_name: Records) -> str:
    """Say how Model4 stands beside the best of the Steps by their mean, and beside each log's last on the re-splits."""
    means = {name: fmean(values(records_by_name[name], "test accuracy")) for name in steps if records_by_name[name]}
    best = max(means, key=means.get)
    ours, theirs = records_by_name[MODEL4.name], records_by_name[best]
    paired = differences(theirs, ours)
    return (
        f"Model4 ends at {interval(values(ours, 'test accuracy'))} % with {ours[0].parameters:,} parameters. "
        f"The best published step by the same mean is {best}, at {interval(values(theirs, 'test accuracy'))} % with "
        f"{theirs[0].parameters:,}; on the {len(paired)} seeds that both have, Model4 minus {best} is "
        f"{interval(paired, signed=True)} points ({standing(paired, test_to_train=0)}). On ten re-splits of all "
        f"digits, Model4 minus the last step of each log, in points: {_on_resplits(resplits_by_name)}."
    )


def _on_resplits(resplits_by_name):  # how Model4 stands beside each log's last step on the re-splits
    ours = resplits_by_name[MODEL4.name]
    paired = {last.name: differences(resplits_by_name[last.name], ours) for last in LAST_OF_LOGS}
    return ", ".join(
        f"{name} {interval(numbers, signed=True, test_to_train=TEST_TO_TRAIN)} ({standing(numbers)})"
        for name, numbers in paired.items()
    )


def claims(steps: dict[str, Step], records_by_name: Records) -> Iterator[Row]:
    """Make a row per Step of one log: what it adds, the change that it claims, and the change here, seed by seed."""
    for before, step in pairwise([None, *steps.values()]):
        name, claim, paired = step.experiment.name, None, []
        if before:
            paired = differences(records_by_name[before.experiment.name], records_by_name[name])
            claim = None if None in (before.test, step.test) else step.test - before.test
        yield {
            "step": name,
            "the log adds": step.adds,
            "what changes here": "; ".join(changes(before.experiment, step.experiment)) if before else "",
            "claimed": "" if claim is None else f"{claim:+.2f}",
            "seeds of both": f"{len(paired)}" if paired else "",
            "measured": interval(paired, signed=True) if paired else "",
            "confirmed?": _verdict(claim, paired) if paired else "",
        }


def _verdict(claim, paired):  # whether paired differences confirm a claimed change
    shown = effect(paired)
    if claim is None or shown not in ("helps", "hurts"):
        return f"no claim; {shown}" if claim is None else shown
    return "yes" if (shown == "helps") == (claim > 0) else f"the opposite: it {shown}"


def tally(steps: dict[str, Step], records_by_name: Records) -> str:
    """Say how many of the changes that the logs claim are confirmed."""
    logs = sorted({step.log for step in steps.values()})
    rows = [row for log in logs for row in claims(of_log(steps, log), records_by_name)]
    verdicts = [row["confirmed?"] for row in rows if row["claimed"] and row["confirmed?"]]
    confirmed = verdicts.count("yes")
    opposite = sum(verdict.startswith("the opposite") for verdict in verdicts)
    undecided = len(verdicts) - confirmed - opposite
    return (
        f"Of the {len(verdicts)} changes that the logs claim from one step to the next, these seeds confirm "
        f"{confirmed} and show the opposite of {opposite}; {undecided} cannot be told from chance."
    )
