"""What the records say of the techniques on other data: the notebook's tables and sentences, the README's block."""

from collections.abc import Iterator
from functools import partial
from itertools import pairwise

from src.show.significance import accuracy_interval, effect
from src.show.tables import Records, Row, differences, interval, values
from studies.evidence import Evidence
from studies.figures import Drawings, with_sources
from studies.ladder import ADDED, LADDER
from studies.own_data import HANDS, PRINTED
from studies.own_data import figures as drawn
from studies.tables import markdown

DATA = {"MNIST": LADDER, "other hands": HANDS, "printed letters": PRINTED}  # in words -> the ladder's steps on it
Changes = dict[str, dict[str, list[float]]]  # technique -> data -> paired differences in points, a seed each


def statements(evidence: Evidence) -> dict[str, dict[str, str]]:
    """Return what the notebook shows: its name -> name of a table or a sentence -> Markdown."""
    changes = changes_of(evidence.tests)
    said = {
        "steps": markdown(steps(evidence.tests)),
        "techniques": markdown(techniques(changes)),
        "answer": answer(changes),
        "hands": markdown(mnist_models(evidence.timing("hands"))),
    }
    return {"OwnData": said}


def blocks(evidence: Evidence) -> dict[str, str]:
    """Return the block of the README: name of the marker -> Markdown."""
    last = {data: evidence.tests[steps[-1].name] for data, steps in DATA.items() if data != "MNIST"}
    reached = " and ".join(
        f"{interval(values(records, 'test accuracy'))} % on {data} ({len(records[0].classes)} classes)"
        for data, records in last.items()
    )
    hands = evidence.timing("hands")
    right = [100 * ways["placed"] for ways in hands["right"].values()]
    as_is = [100 * ways["as they are"] for ways in hands["right"].values()]
    return {
        "own_data": f"On two small folders Model4's recipe reaches {reached}, "
        f"{len(last['printed letters'])} seeds each. {answer(changes_of(evidence.tests))} "
        f"MNIST's four models, not trained again, read {min(as_is):.0f} to {max(as_is):.0f} % of the "
        f"{hands['images']:,} digits of other hands as they are, and {min(right):.0f} to {max(right):.0f} % "
        "placed as MNIST's are."
    }


def figures(evidence: Evidence) -> Drawings:
    """Return the figure: file name -> function that draws it, and a hash of its numbers."""
    changes = changes_of(evidence.tests)
    return with_sources({"own-data.png": partial(drawn.effects, changes, where_it_helps(changes))})


def changes_of(tests: Records) -> Changes:
    """Return what each technique changes on each data."""
    return {
        technique: {data: differences(*(tests[of[at].name] for at in (i, i + 1))) for data, of in DATA.items()}
        for i, technique in enumerate(ADDED)
    }


def answer(changes: Changes) -> str:
    """Say of each technique that helps on MNIST what it does elsewhere."""
    helping = {name: by_data for name, by_data in changes.items() if effect(by_data["MNIST"]) == "helps"}
    parts = []
    for name, by_data in helping.items():
        seen = {"helps": [], "hurts": [], "no difference shown": []}
        for data in by_data.keys() - {"MNIST"}:
            seen[effect(by_data[data])].append(data)
        words = {
            "helps": "helps on {}, too",
            "hurts": "hurts on {}",
            "no difference shown": "is not shown to help on {}",
        }
        said = [words[kind].format(" and ".join(sorted(where))) for kind, where in seen.items() if where]
        parts.append(f"{name} {', and '.join(said)}")
    return f"Of {len(changes)} techniques {len(helping)} help on MNIST: {'; '.join(parts)}."


def where_it_helps(changes: Changes) -> str:
    """Say which techniques are shown to help on all data, and which on some of it."""
    where = {
        name: [data for data, paired in by_data.items() if effect(paired) == "helps"]
        for name, by_data in changes.items()
    }
    groups = {}
    for name, helps in where.items():
        groups.setdefault("all three" if len(helps) == len(DATA) else " and ".join(helps) or "none", []).append(name)
    order = sorted(groups, key=lambda data: data != "all three")
    return "Shown to help on " + "; on ".join(f"{data}: {', '.join(groups[data])}" for data in order)


def steps(tests: Records) -> Iterator[Row]:
    """Show what each step of the ladder reaches on each data."""
    for i, step in enumerate(LADDER):
        accuracies = {data: values(tests[of[i].name], "test accuracy") for data, of in DATA.items()}
        yield {"step": step.name, **{f"{data} %": interval(numbers) for data, numbers in accuracies.items()}}


def techniques(changes: Changes) -> Iterator[Row]:
    """Show what each technique changes on each data, in points, and what that shows."""
    for (name, by_data), (before, after) in zip(changes.items(), pairwise(LADDER), strict=True):
        cells = {data: f"{interval(paired, signed=True)}: {effect(paired)}" for data, paired in by_data.items()}
        yield {"technique": name, "step": f"{before.name} → {after.name}", **cells}


def mnist_models(measured: dict) -> Iterator[Row]:
    """Show what MNIST's models read of digits of other hands, with the interval of so many pictures."""
    images = measured["images"]
    for name, ways in measured["right"].items():
        cells = {}
        for way, share in ways.items():
            low, high = accuracy_interval(round(share * images), images)
            cells[f"{way} %"] = f"{100 * share:.1f} ({100 * low:.1f} to {100 * high:.1f})"
        yield {"model": name, **cells}
