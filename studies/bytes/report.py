"""What the records and the C programs say: the notebook's tables and sentences, the README's block, the command's."""

from collections.abc import Iterator
from functools import partial
from statistics import fmean

from src import data
from src.show.significance import effect
from src.show.tables import Row, differences, interval, seed_range
from src.use import weights
from studies.bytes import BITS, BYTES, CHOICES, GOALS, ROUNDED, beside, chip, seeds
from studies.bytes import figures as drawn
from studies.bytes.compiled import answers, sizes
from studies.bytes.export import program_of
from studies.bytes.source import source
from studies.evidence import Evidence
from studies.figures import Drawings, with_sources
from studies.recipes import Recipe
from studies.tables import folded, markdown

# What BitNetMCU reports, the best public work of this kind that we know: bytes of weights, accuracy in percent, of
# images shrunk to 16x16, each the best of single runs. Not repeated here.
PUBLIC = {5_400: 99.06, 9_300: 99.44, 11_000: 99.55, 13_000: 99.58}


def statements(evidence: Evidence) -> dict[str, dict[str, str]]:
    """Return what the notebook shows: its name -> name of a table or a sentence -> Markdown."""
    measured = evidence.timing(seeds.NAME)
    said = {
        "goals": markdown(goals(evidence)),
        "networks": markdown(networks(evidence)),
        "chip": chip.text(evidence.timing("chip")),
        "differ": seeds.text(measured),
        "choices": folded("What they were chosen among", CHOICES, evidence.trials),
        "beside": beside.text(evidence.timing("beside")),
        "public": public(evidence),
    }
    return {"Bytes": said | ({"bits": markdown(rows)} if (rows := list(bits(evidence))) else {})}


def blocks(evidence: Evidence) -> dict[str, str]:
    """Return the block of the README: name of the marker -> Markdown."""
    return {"bytes": markdown(goals(evidence))}


def figures(evidence: Evidence) -> Drawings:
    """Return the figure: file name -> function that draws it, and a hash of its numbers."""
    ours = {name: (_constants(evidence, name), accuracies(evidence, name)) for name in BYTES}
    rounded = evidence.timing("beside")
    form = "C program, 8 bits"
    model4 = rounded["bytes"][form], 100 * rounded["right"][form]
    return with_sources({"bytes.png": partial(drawn.curve, ours, model4, PUBLIC)})


def accuracies(evidence: Evidence, name: str) -> list[float]:
    """Return the accuracy, in percent, of the C program of each seed that is measured."""
    records = {record.seed: record for record in evidence.tests[name]}
    measured = evidence.timing(seeds.NAME)[name]
    return [seeds.accuracy(records[int(seed)], measured[seed]) for seed in sorted(measured, key=int)]


def _constants(evidence, name):  # the most that the C program of a seed has
    return max(of["constants"] for of in evidence.timing(seeds.NAME)[name].values())


def goals(evidence: Evidence) -> Iterator[Row]:
    """Show what was asked for with how many bytes, and what the C programs reach."""
    for name, (room, goal, aim) in GOALS.items():
        reached, taken = accuracies(evidence, name), evidence.timing("chip")["taken"][name]
        mean = fmean(reached)
        met = "aim met" if mean >= aim else "goal met" if mean >= goal else "**missed**"
        yield {
            "constant data": f"{_constants(evidence, name):,} of {room:,} bytes",
            "goal (aim)": f"{goal:.2f} % ({aim:.2f})",
            "C program, test %": f"{interval(reached, places=3)} ({len(reached)} seeds)",
            "so": met,
            "worst seed": f"{min(reached):.2f}",
            "RAM": f"{taken['static'] + taken['stack']:,} bytes",
            "instructions an image": f"{taken['instructions'] / 1e6:.2f} million",
        }


def networks(evidence: Evidence) -> Iterator[Row]:
    """Show each network."""
    for name, experiment in BYTES.items():
        records = evidence.tests[name]
        yield {
            "network": name,
            "layer line": f"`{experiment.layer_line}`",
            "parameters": f"{records[0].parameters:,}",
            "bits of a weight": f"{experiment.quantization.weights}",
            "epochs": f"{experiment.epochs}",
            "as PyTorch computes it, test %": interval([100 * r.final.test_accuracy for r in records], places=3),
            "seeds": seed_range(records),
        }


def bits(evidence: Evidence) -> Iterator[Row]:
    """Show what few bits cost other networks, for those that have runs: paired differences in points."""
    for start, rounded in ROUNDED.items():
        runs = {few: evidence.tests[each.name] for few, each in rounded.items() if evidence.tests[each.name]}
        if runs:
            cells = {few: differences(evidence.tests[start.name], runs[few]) if few in runs else [] for few in BITS}
            yield {"network": start.name} | {
                f"{few} bits": f"{interval(paired, True, places=3)} ({effect(paired)})" if paired else "not run"
                for few, paired in cells.items()
            }


def public(evidence: Evidence) -> str:
    """Say how many bytes ours need for each accuracy that others report."""
    ours = sorted((_constants(evidence, name), fmean(accuracies(evidence, name)), name) for name in BYTES)
    said = []
    for size, accuracy in PUBLIC.items():
        if enough := next((each for each in ours if each[1] >= accuracy), None):
            said.append(
                f"{accuracy} % in {size:,} bytes; {enough[2]} needs {enough[0]:,} ({size / enough[0]:.1f} times fewer)"
            )
    return f"BitNetMCU reports {'; '.join(said)}."


def compiled_now() -> Iterator[Row]:
    """Compile each network's C program here, run it on the test images and show what it is and gets right."""
    from studies.evidence import load_evidence

    evidence, test = load_evidence(), data.load("test")
    chips = evidence.timing("chip")["taken"]
    for name, experiment in BYTES.items():
        text = source(program_of(weights.load(name, Recipe)), name)
        right = (answers(text, test.images.numpy()).argmax(axis=1) == test.labels.numpy()).mean()
        counted, reached = sizes(text), accuracies(evidence, name)
        yield {
            "network": name,
            "parameters": f"{evidence.tests[name][0].parameters:,}",
            "bits": f"{experiment.quantization.weights}",
            "constants": f"{counted['constants']:,}",
            "RAM": f"{counted['static'] + chips[name]['stack']:,}",
            "C program, seed 0 %": f"{100 * right:.2f}",
            f"mean of {len(reached)} seeds %": interval(reached, places=3),
        }
