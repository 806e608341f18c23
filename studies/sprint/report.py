"""What timings and records say of seconds: the Sprint and the Speed notebook, and two blocks of the README."""

from functools import partial

from studies.evidence import Evidence
from studies.figures import Drawings, with_sources
from studies.sprint import SPRINT_CHOICES, gpu, inference, throughput, timed
from studies.tables import folded

OTHERS = {  # public results as they are reported; none was repeated here
    "tuomaso/train_mnist_fast": "99.04 % after one epoch in 0.76 seconds, 99.245 % after two (means, a GTX 1660 Ti)",
    "abidlabs/mnist-cnn-test": "99.39 % in 60 seconds; we do not know on which hardware",
}


def statements(evidence: Evidence) -> dict[str, dict[str, str]]:
    """Return what the notebooks say: their name -> name of a statement -> Markdown."""
    sprint = {
        "sprint": timed.text(evidence.timing("sprint"), evidence),
        "sprint-choices": folded("What was compared", SPRINT_CHOICES, evidence.trials),
        "others": "\n".join(f"- {name}: {reported}." for name, reported in OTHERS.items()),
    }
    speed = {
        "throughput": throughput.text(evidence.timing("throughput")),
        "use": inference.text(evidence.timing("use")),
        "gpu": gpu.text(evidence.timing("gpu"), evidence.folder),
    }
    return {"Sprint": sprint, "Speed": speed}


def blocks(evidence: Evidence) -> dict[str, str]:
    """Return the blocks of the README: name of the marker -> Markdown."""
    use, (equal_work, *_) = evidence.timing("use"), throughput.ratios(evidence.timing("throughput"))
    seconds = timed.goals(evidence.timing("sprint"), evidence)
    on_gpu = evidence.timing("gpu")
    seconds = [*seconds, equal_work, f"{on_gpu['gpu']}: {' '.join(gpu.goals(on_gpu, evidence.folder))}"]
    return {
        "speed": "\n".join(f"- {sentence}" for sentence in seconds),
        "use": inference.sentence(use),
    }


def figures(evidence: Evidence) -> Drawings:
    """Return the figures: file name -> function that draws it, and a hash of its numbers."""
    accuracies = {way: timed.reached(way, evidence) for way in timed.WAYS}
    return with_sources(
        {
            "sprint.png": partial(timed.figure, evidence.timing("sprint"), accuracies),
            "speed-throughput.png": partial(throughput.figure, evidence.timing("throughput")),
        }
    )
