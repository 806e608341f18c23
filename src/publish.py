"""What the repository shows of the records: the README's generated blocks and the figures, written or checked."""

import hashlib
import re
from functools import partial
from pathlib import Path

from src import InputError, comparison, files, plots, records, report
from src.catalogue import EVIDENCE, EXPERIMENTS, GROUPS
from src.experiments import CHOICES, LADDER, MODEL4, SERIES
from src.progress import row
from src.published import PUBLISHED_CHOICES, STEPS, of_log
from src.speed import TIMINGS, timing

ROOT = Path(__file__).resolve().parent.parent
TOLERANCE = 0.15  # points by which a run on another machine may lie outside the range of the recorded seeds


def publish(root=ROOT, results=records.RESULTS):
    """Write README blocks and figures from the records; returns a sentence that says so.

    Raises InputError for a bad record, for an experiment without records and for a README without its markers.
    """
    found, tried, timed = evidence(results), trials(results), timings(results)
    readme = root / "README.md"
    content = _read(readme)
    for name, block in (blocks(found, tried) | timing_blocks(timed)).items():
        content = _marked(name, content).sub(lambda match, block=block: match[1] + block + match[3], content)
    drawn = figures(found) | timing_figures(timed)
    for name, (draw, source) in drawn.items():
        plots.save(draw(), name, source)
    files.write(readme, content.encode())
    return f"README.md and {len(drawn)} figures written from {_count(found, tried)} records."


def check(root=ROOT, results=records.RESULTS):
    """Compare README, figures and notebooks with the records; returns a sentence if all agree.

    Raises InputError that names the first line, figure or notebook that does not.
    """
    found, tried, timed = evidence(results), trials(results), timings(results)
    readme = root / "README.md"
    content = _read(readme)
    for name, block in (blocks(found, tried) | timing_blocks(timed)).items():
        match = _marked(name, content).search(content)
        first = content[: match.start(2)].count("\n") + 1
        there, due = match[2].split("\n"), block.split("\n")
        for i in range(max(len(there), len(due))):
            says, records_say = (lines[i] if i < len(lines) else "nothing" for lines in (there, due))
            if says != records_say:
                raise InputError(
                    f"README.md, line {first + i}, says '{says}', but the records say '{records_say}'; run make report."
                )
    for name, (_, source) in (figures(found) | timing_figures(timed)).items():
        if plots.source_of(name) != source:
            raise InputError(f"images/{name} was not drawn from these records; run make report.")
    _check_notebooks(root / "notebooks", found, tried)
    return f"README, figures and notebooks agree with {_count(found, tried)} records."


def _count(*several):
    return sum(len(records) for found in several for records in found.values())


def evidence(results):
    """The records of every experiment on the test set: name -> records; published steps may have none yet.

    Raises InputError unless the others have the seeds that all comparisons share.
    """
    return _complete(results, {name: report.COMMON_SEEDS for name in EVIDENCE} | dict.fromkeys(STEPS, 0), "test")


def trials(results):
    """The records, on the validation split, of what the recipes were chosen among: name -> records."""
    seeds = {"choices": 2, "published-choices": 1}
    needed = {experiment.name: least for group, least in seeds.items() for experiment in GROUPS[group]}
    return _complete(results, needed, "validation")


def _complete(results, needed, split):
    """The records of the experiments in needed, a dict from name to the number of seeds that there must be."""
    recorded = records.load_all(results, EXPERIMENTS, split)
    for seeds in sorted(set(needed.values())):
        names = [name for name, least in needed.items() if least == seeds]
        if lacking := [name for name in names if not set(range(seeds)) <= {record.seed for record in recorded[name]}]:
            raise InputError(
                f"{results} lacks {split} records of {', '.join(lacking)}; make them with: "
                f"python -m src run {' '.join(lacking)} --seeds 0-{seeds - 1} --split {split} --jobs 2"
            )
    return {name: recorded[name] for name in needed}


def timings(results):
    """What was timed: name -> JSON values. Raises InputError for a file that is not there or damaged."""
    return {name: timing.load(name, Path(results) / "bench") for name in TIMINGS}


def blocks(found, tried):
    """The generated blocks of the README: name of the marker -> Markdown."""
    return {
        "series": report.markdown(report.summary({name: found[name] for name in SERIES})),
        **{name: report.log(name, found) for name in SERIES},
        **statements(found, tried),
        **beside_logs(found),
    }


def statements(found, tried):
    """What both the README and the Evidence notebook say: name -> Markdown."""
    return {
        "trust": report.trust(found),
        "ladder": report.markdown(report.ladder(found)),
        "leave-one-out": report.markdown(report.leave_one_out(found)),
        "optimism": report.markdown(report.optimism({name: found[name] for name in EVIDENCE})),
        "choices": report.markdown(report.choices(CHOICES, tried)),
    }


def beside_logs(found):
    """What both the README and the Published notebook say of the published steps: name -> Markdown."""
    return {
        "published": report.markdown(comparison.results(STEPS, found)),
        "lead": f"{comparison.lead(STEPS, found)} {comparison.tally(STEPS, found)}",
    }


def published_statements(found, tried):
    """What the Published notebook says: name -> Markdown."""
    logs = sorted({step.log for step in STEPS.values()})
    return {
        **beside_logs(found),
        **{log: report.markdown(comparison.claims(of_log(STEPS, log), found)) for log in logs},
        "published-choices": report.markdown(report.choices(PUBLISHED_CHOICES, tried)),
    }


def timing_blocks(timed):
    """The README's generated blocks on speed: name of the marker -> Markdown."""
    return {name: TIMINGS[name].text(measured) for name, measured in timed.items()}


def timing_figures(timed):
    """The figures drawn from timings: file name -> (function that draws it, what it is drawn from)."""
    return {
        f"speed-{name}.png": (partial(TIMINGS[name].figure, measured), _hash(measured))
        for name, measured in timed.items()
    }


def figures(found):
    """The figures drawn from records: file name -> (function that draws it, what it is drawn from)."""
    steps = {step.name: found[step.name] for step in LADDER}
    others = {other.name: found[other.name] for other in [MODEL4, *GROUPS["leave-one-out"]]}
    series = {name: found[name] for name in SERIES}
    drawn = {
        "series.png": (lambda: plots.series(series), series),
        "seeds.png": (lambda: plots.seeds(found[MODEL4.name]), {MODEL4.name: found[MODEL4.name]}),
        "ladder.png": (lambda: plots.accuracies(steps, "What does each step of the ladder add?"), steps),
        "leave-one-out.png": (
            lambda: plots.accuracies(others, "What is each technique worth in Model4?"),
            others,
        ),
        **{f"{name}.png": (lambda name=name: plots.history(found[name]), {name: found[name]}) for name in SERIES},
    }
    points = comparison.points(STEPS, found)
    return {name: (draw, _source(numbers)) for name, (draw, numbers) in drawn.items()} | {
        "published.png": (lambda: plots.comparison(points), _hash(points))
    }


def _source(found):
    """A hash of the numbers in records."""
    numbers = [
        (name, record.seed, record.parameters, record.history) for name, there in found.items() for record in there
    ]
    return _hash(numbers)


def _hash(numbers):
    return hashlib.sha256(repr(numbers).encode()).hexdigest()[:16]


def _read(readme):
    try:
        return readme.read_text()
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {readme} ({error}); check it out again.") from error


def _marked(name, content):
    """The pattern of a block: its opening marker, its content, its closing marker."""
    pattern = re.compile(rf"(<!-- report: {name} -->\n)(.*?)(\n<!-- end of {name} -->)", re.DOTALL)
    if not pattern.search(content):
        raise InputError(f"README.md has no block between <!-- report: {name} --> and <!-- end of {name} -->; add it.")
    return pattern


def _check_notebooks(folder, found, tried):
    """Evidence and Published say what the records say.

    A model's own run is that of seed 0, or plausible on another machine.
    """
    due = {"Evidence": statements(found, tried), "Published": published_statements(found, tried)}
    for notebook, texts in due.items():
        said = _outputs(folder / f"{notebook}.ipynb")
        for name, text in texts.items():
            if text not in said:
                raise InputError(f"{folder}/{notebook}.ipynb disagrees with the records on '{name}'; run make report.")
    for name, experiment in SERIES.items():
        path = folder / f"{name}.ipynb"
        table = re.search(rf"^{name}, seed 0\n.*?((?:\n +\d.*)+)", "\n".join(_outputs(path)), re.MULTILINE)
        if not table:
            raise InputError(f"{path} shows no training; execute it again.")
        shown = [line.split()[:-1] for line in table[1].strip().split("\n")]
        if f"{shown[-1][4]} % of the test images" not in "\n".join(_outputs(path)):
            raise InputError(f"{path} analyses another run than it shows; execute it again.")
        record = next(record for record in found[name] if record.seed == 0)
        due = [row(epoch).split()[:-1] for epoch in record.history]
        if shown[0] == due[0]:  # the recorded run, repeated bit for bit
            if shown != due[: len(shown)]:
                raise InputError(f"{path} shows another training than the record of seed 0; execute it again.")
            if len(shown) == len(due) and report.analysis(record, experiment.target) not in _outputs(path):
                raise InputError(f"{path} analyses another run than the record of seed 0; execute it again.")
        elif len(shown) == len(due):  # the same run on another machine
            finals, accuracy = report.values(found[name], "test accuracy"), float(shown[-1][4])
            if not min(finals) - TOLERANCE <= accuracy <= max(finals) + TOLERANCE:
                raise InputError(
                    f"{path} says {accuracy:.2f} %, but the records say {min(finals):.2f} to {max(finals):.2f} %; "
                    "execute it again."
                )


def _outputs(path):
    """The texts that the cells of a notebook have put out. Raises InputError if it cannot be read."""
    cells = files.read_notebook(path).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    texts = [{"text/plain": output.get("text", ""), **output.get("data", {})} for output in outputs]
    return [text.get("text/markdown") or text["text/plain"] for text in texts]
