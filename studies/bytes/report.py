"""What the records and the C programs say: the notebook's tables and sentences, the README's block, the command's."""

from collections.abc import Iterator
from functools import partial

from src import InputError, data
from src.runs.records import RESULTS, load_of
from src.show.tables import Row, interval, values
from src.use import weights
from studies import timing
from studies.bytes import CHOICES, beside, chip
from studies.bytes import figures as drawn
from studies.bytes.compiled import answers, sizes
from studies.bytes.export import program_of
from studies.bytes.source import source
from studies.evidence import Evidence
from studies.figures import Drawings, with_sources
from studies.recipes import Recipe
from studies.tables import folded, markdown


def statements(evidence: Evidence) -> dict[str, dict[str, str]]:
    """Return what the notebook shows: its name -> name of a table or a sentence -> Markdown."""
    said = {
        "programs": markdown(programs(evidence)),
        "counted": chip.counted(evidence.timing("chip")),
        "public": markdown(public(evidence)),
        "beside": beside.forms(evidence.timing("beside")),
        "choices": folded("What was compared so far", CHOICES, evidence.trials),
    }
    return {"Bytes": said}


def blocks(evidence: Evidence) -> dict[str, str]:
    """Return the block of the README: name of the marker -> Markdown."""
    return {"bytes": markdown(programs(evidence))}


def figures(evidence: Evidence) -> Drawings:
    """Return the figure: file name -> function that draws it, and a hash of its numbers."""
    taken = evidence.timing("chip")["taken"]
    ours = {name: (of["constants"], round(100 * of["right"], 4)) for name, of in taken.items()}
    reported = {of["constants"]: of["reported"] for of in evidence.timing("bitnetmcu")["models"].values()}
    return with_sources({"bytes.png": partial(drawn.curve, ours, reported)})


def programs(evidence: Evidence) -> Iterator[Row]:
    """Show the C program of each network whose weights are kept, and what PyTorch computes with the same weights."""
    taken = evidence.timing("chip")["taken"]
    for name, of in sorted(taken.items(), key=lambda item: item[1]["constants"]):
        record = next(record for record in evidence.tests[name] if record.seed == 0)
        if of["record"] != record.hash:
            raise InputError(f"results/bench/chip.json has another run of {name}; run: python -m src bench chip")
        yield {
            "network": name,
            "bits of a weight": ", ".join(map(str, of["bits"])),
            "bytes of constant data": f"{of['constants']:,}",
            "C program, test %": f"{100 * of['right']:.2f}",
            "PyTorch, 32 bits": f"{100 * record.final.test_accuracy:.2f}",
            "RAM, bytes": f"{of['static'] + of['stack']:,}",
            "million instructions an image": f"{of['instructions'] / 1e6:.2f}",
        }


def public(evidence: Evidence) -> Iterator[Row]:
    """Show the models of the best public work of this kind that we know, built and counted as ours are."""
    for model, of in evidence.timing("bitnetmcu")["models"].items():
        yield {
            "BitNetMCU's model": model,
            "reported, best of single runs": f"{of['reported']:.2f} %",
            "counted here": f"{of['right'] / 100:.2f} %",
            "bytes of constant data": f"{of['constants']:,}",
            "million instructions an image": f"{of['instructions'] / 1e6:.2f}",
        }


def compiled_now() -> Iterator[Row]:
    """Compile the C program of each network whose weights are kept, run it on the test images, show what it is.

    The stack is what it was on the emulated chip. Raises InputError without a C compiler."""
    test, chips = data.load("test"), timing.load("chip", RESULTS / "bench")["taken"]
    for name in sorted(weights.kept(), key=lambda name: chips.get(name, {}).get("constants", 0)):
        if name not in chips:
            raise InputError(f"{name} was not on the emulated chip yet; run: python -m src bench chip")
        of, records = program_of(weights.load(name, Recipe)), load_of(name, RESULTS)
        text = source(of, name)
        right = (answers(text, test.images.numpy()).argmax(axis=1) == test.labels.numpy()).mean()
        counted, tests = sizes(text), values(records, "test accuracy")
        yield {
            "network": name,
            "parameters": f"{records[0].parameters:,}",
            "bits": ", ".join(map(str, of.bits)),
            "bytes of constants": f"{counted['constants']:,}",
            "bytes of RAM": f"{counted['static'] + chips[name]['stack']:,}",
            "C program, seed 0 %": f"{100 * right:.2f}",
            "network as trained %": f"{interval(tests, places=3)} ({len(tests)} seeds)",
        }
