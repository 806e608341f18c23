"""What the repository shows of the records: the README's generated blocks and the figures, written or checked."""

import hashlib
import re
from pathlib import Path

import nbformat

from src import InputError, plots, records, report
from src.experiments import EXPERIMENTS, LADDER, LEAVE_ONE_OUT, MODEL4, SCHEDULED, SERIES

ROOT = Path(__file__).resolve().parent.parent
TOLERANCE = 0.15  # points by which a run on another machine may lie outside the range of the recorded seeds


def publish(root=ROOT, results=records.RESULTS):
    """Write README blocks and figures from the records; returns a sentence that says so.

    Raises InputError for a bad record, for an experiment without records and for a README without its markers.
    """
    found = evidence(results)
    readme = root / "README.md"
    content = readme.read_text()
    for name, block in blocks(found).items():
        content = _marked(name, readme).sub(lambda match, block=block: match[1] + block + match[3], content)
    for name, (draw, source) in figures(found).items():
        plots.save(draw(), name, source)
    _replace(readme, content)
    return f"README.md and {len(figures(found))} figures written from {sum(map(len, found.values()))} records."


def check(root=ROOT, results=records.RESULTS):
    """Compare README, figures and notebooks with the records; returns a sentence if all agree.

    Raises InputError that names the first line, figure or notebook that does not.
    """
    found = evidence(results)
    readme = root / "README.md"
    content = readme.read_text()
    for name, block in blocks(found).items():
        match = _marked(name, readme).search(content)
        first = content[: match.start(2)].count("\n") + 1
        there, due = match[2].split("\n"), block.split("\n")
        for i in range(max(len(there), len(due))):
            says, records_say = (lines[i] if i < len(lines) else "nothing" for lines in (there, due))
            if says != records_say:
                raise InputError(
                    f"README.md, line {first + i}, says '{says}', but the records say '{records_say}'; run make report."
                )
    for name, (_, source) in figures(found).items():
        if plots.source_of(name) != source:
            raise InputError(f"images/{name} was not drawn from these records; run make report.")
    _check_notebooks(root / "notebooks", found)
    return f"README, figures and notebooks agree with {sum(map(len, found.values()))} records."


def evidence(results):
    """The records of every experiment: name -> records. Raises InputError if one has none."""
    found = records.load_all(results, EXPERIMENTS)
    if missing := [name for name, there in found.items() if not there]:
        raise InputError(
            f"no records of {', '.join(missing)} in {results}; "
            f"record them with: python -m src run {' '.join(missing)} --seeds 0-4 --jobs 2"
        )
    return found


def blocks(found):
    """The generated blocks of the README: name of the marker -> Markdown."""
    series = {name: found[name] for name in SERIES}
    return {
        "series": report.markdown(report.summary(series)),
        **{name: report.log(name, found) for name in SERIES},
        **statements(found),
    }


def statements(found):
    """What both the README and the Evidence notebook say: name -> Markdown."""
    return {
        "trust": report.trust(found),
        "ladder": report.markdown(report.ladder(found)),
        "leave-one-out": report.markdown(report.leave_one_out(found)),
        "optimism": report.markdown(report.optimism({step.name: found[step.name] for step in LADDER})),
    }


def figures(found):
    """The figures drawn from records: file name -> (function that draws it, what it is drawn from)."""
    steps = {step.name: found[step.name] for step in LADDER}
    others = {other.name: found[other.name] for other in [MODEL4, *LEAVE_ONE_OUT, SCHEDULED]}
    series = {name: found[name] for name in SERIES}
    seeds = {MODEL4.name: found[MODEL4.name]}
    return {
        "series.png": (lambda: plots.series(series), _source(series)),
        "seeds.png": (lambda: plots.seeds(found[MODEL4.name]), _source(seeds)),
        "ladder.png": (lambda: plots.accuracies(steps, "What does each step of the ladder add?"), _source(steps)),
        "leave-one-out.png": (
            lambda: plots.accuracies(others, "What does Model4 lose without one technique, or with dropout?"),
            _source(others),
        ),
    }


def _source(found):
    """A hash of the numbers in records."""
    numbers = [
        (name, record.seed, record.parameters, record.history) for name, there in found.items() for record in there
    ]
    return hashlib.sha256(repr(numbers).encode()).hexdigest()[:16]


def _marked(name, readme):
    """The pattern of a block: its opening marker, its content, its closing marker."""
    pattern = re.compile(rf"(<!-- report: {name} -->\n)(.*?)(\n<!-- end of {name} -->)", re.DOTALL)
    if not pattern.search(readme.read_text()):
        raise InputError(f"{readme} has no block between <!-- report: {name} --> and <!-- end of {name} -->.")
    return pattern


def _check_notebooks(folder, found):
    """Evidence says what the records say; the models' own runs end within the range of the recorded ones."""
    outputs = _outputs(folder / "Evidence.ipynb")
    for name, statement in statements(found).items():
        if statement not in outputs:
            raise InputError(f"notebooks/Evidence.ipynb disagrees with the records on '{name}'; execute it again.")
    for name in SERIES:
        table = re.search(
            rf"^ *{name} +\S+ +(\d+) +\d+ +\S+ +(\S+)", "\n".join(_outputs(folder / f"{name}.ipynb")), re.M
        )
        if not table:
            raise InputError(f"notebooks/{name}.ipynb shows no results; execute it again.")
        epochs, accuracy = int(table[1]), float(table[2])
        finals = report.values(found[name], "test accuracy")
        plausible = min(finals) - TOLERANCE <= accuracy <= max(finals) + TOLERANCE
        if epochs == EXPERIMENTS[name].epochs and not plausible:  # fewer epochs are a quick look
            raise InputError(
                f"notebooks/{name}.ipynb says {accuracy:.2f} %, but the records say {min(finals):.2f} to "
                f"{max(finals):.2f} %; execute it again."
            )


def _outputs(path):
    """The texts that the cells of a notebook have put out."""
    cells = nbformat.read(path, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return [output.get("data", {}).get("text/markdown") or output.get("text", "") for output in outputs]


def _replace(path, content):
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(content)
    temporary.replace(path)
