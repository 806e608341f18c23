"""What timings and records say of seconds: the Sprint and the Speed notebook, and two blocks of the README."""

from functools import partial

from studies.evidence import Evidence, records_of
from studies.figures import Drawings, with_sources
from studies.sprint import SPRINT_CHOICES, inference, throughput, timed
from studies.tables import choices, markdown, without


def statements(evidence: Evidence) -> dict[str, dict[str, str]]:
    """Return what the notebooks say: their name -> name of a statement -> Markdown."""
    sprint = {
        "sprint": timed.text(evidence.timing("sprint"), evidence.tests),
        "sprint-choices": markdown(choices(SPRINT_CHOICES, evidence.trials)),
    }
    speed = {
        "throughput": throughput.text(evidence.timing("throughput")),
        "use": inference.text(evidence.timing("use")),
    }
    return {"Sprint": sprint, "Speed": speed}


def blocks(evidence: Evidence) -> dict[str, str]:
    """Return the blocks of the README: name of the marker -> Markdown."""
    use, (equal_work, *_) = evidence.timing("use"), throughput.ratios(evidence.timing("throughput"))
    seconds = timed.goals(evidence.timing("sprint"), evidence.tests)
    rows = without(inference.rows(use), "bytes", "multiply-adds", "PyTorch")
    return {
        "speed": "\n".join(f"- {sentence}" for sentence in [*seconds, equal_work]),
        "use": f"{markdown(rows)}\n\n{inference.conditions(use)}",
    }


def figures(evidence: Evidence) -> Drawings:
    """Return the figures: file name -> function that draws it, and a hash of its numbers."""
    tests = records_of(list(timed.WAYS.values()), evidence.tests)
    return with_sources(
        {
            "sprint.png": partial(timed.figure, evidence.timing("sprint"), tests),
            "speed-throughput.png": partial(throughput.figure, evidence.timing("throughput")),
        }
    )
