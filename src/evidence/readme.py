"""What the repository shows of the records: the README's generated blocks, the figures and the notebooks.

All of it is rendered in one way; publish() writes it, check() compares it with what is there.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path

from matplotlib.figure import Figure

from src import ROOT, InputError, notebooks
from src.evidence import frontier, logs, sentences, tables
from src.evidence.figures import effects, history, published, rates, save, seeds, series, source_of
from src.evidence.tables import Records, markdown
from src.experiments import MODEL3, MODEL4, SERIES
from src.runs import files
from src.runs.records import RESULTS, load_all
from src.speed import sprint, timing
from src.speed.bench import TIMINGS
from src.studies.catalogue import EXPERIMENTS, GROUPS
from src.studies.frontier import (
    DESKEWED_2500,
    FRONTIER_2500,
    FRONTIER_8000,
    FRONTIER_CHOICES,
    FRONTIER_DIRECTIONS,
    SHORT,
)
from src.studies.ladder import LADDER
from src.studies.published import PUBLISHED_CHOICES, STEPS, of_log
from src.studies.sprint import SPRINT_CHOICES, SPRINTS
from src.studies.trials import CHOICES

COMPARED = [*LADDER, *GROUPS["leave-one-out"]]


@dataclass(frozen=True)
class Evidence:
    """The committed records, by the name of their experiment."""

    tests: Records  # evaluated on the test set
    trials: Records  # on the validation split, for choosing
    resplits: Records  # on resplit-0 to resplit-9 by the seeds 0 to 9

    def __len__(self):
        return sum(len(records) for by_name in vars(self).values() for records in by_name.values())


def publish(root: Path = ROOT) -> str:
    """Write the blocks of README.md and the figures from the records; return a sentence that says so.

    root: the folder of README.md, images/, notebooks/ and results/.
    Raises InputError for a bad record, for an experiment without records and for a README without its markers.
    """
    evidence, _, rendered, drawings = _render(root)
    for name, (draw, source) in drawings.items():
        save(draw(), name, source, root / "images")
    files.write(root / "README.md", rendered.encode())
    return f"README.md and {len(drawings)} figures written from {len(evidence)} records."


def check(root: Path = ROOT) -> str:
    """Compare README.md, figures and notebooks with the records; return a sentence if all agree.

    Raises InputError that names the first line, figure or notebook that does not, and otherwise as publish() does.
    """
    evidence, readme, rendered, drawings = _render(root)
    lines = zip_longest(readme.splitlines(), rendered.splitlines(), fillvalue="nothing")
    for number, (line, due) in enumerate(lines, start=1):
        if line != due:
            raise InputError(f"README.md, line {number}, says '{line}', but the records say '{due}'; run make report.")
    for name, (_, source) in drawings.items():
        if source_of(name, root / "images") != source:
            raise InputError(f"images/{name} was not drawn from these records; run make report.")
    _check_notebooks(root, evidence)
    return f"README, figures and notebooks agree with {len(evidence)} records."


def _render(root):
    """Return the Evidence below root/results, README.md as it is and as it should be, and the figures due."""
    evidence = load_evidence(root / "results")
    timings = speed_statements(root / "results")
    timings |= sprint_statements(evidence, root / "results")
    try:
        readme = (root / "README.md").read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {root / 'README.md'} ({error}); check it out again.") from error
    rendered = _filled(readme, readme_blocks(evidence, timings))
    drawings = figures(evidence) | speed_figures(root / "results")
    drawings |= sprint_figures(evidence, root / "results")
    return evidence, readme, rendered, drawings


def load_evidence(results: Path = RESULTS) -> Evidence:
    """Return the records below a folder.

    Raises InputError unless every experiment has the seeds that comparisons need; a new published step may have none.
    """
    tests = _load(
        results,
        "test",
        (GROUPS["published"], []),
        (COMPARED, range(10)),
        (SPRINTS, range(20)),
        (GROUPS["frontier"] + GROUPS["frontier-short"], range(10)),
        (GROUPS["frontier-ends"], range(3)),
    )
    trials = _load(
        results,
        "validation",
        (GROUPS["published-choices"], [0]),
        (GROUPS["choices"], range(2)),
        (GROUPS["rates"], range(3)),
        (GROUPS["sprint-choices"], range(6)),
        (GROUPS["frontier-choices"], [0]),
    )
    resplits = [_load(results, f"resplit-{k}", (GROUPS["resplits"], [k])) for k in range(10)]
    paired = {
        experiment.name: [record for k in range(10) for record in resplits[k][experiment.name] if record.seed == k]
        for experiment in GROUPS["resplits"]
    }
    return Evidence(tests, trials, paired)


def _load(results, split, *needed):
    """Return the records on a split; needed: experiments, and the seeds that each of them must have."""
    records_by_name, group = load_all(results, EXPERIMENTS, split), {}
    for experiments, least in needed:
        group |= (these := _of(experiments, records_by_name))
        lacking = [name for name in these if not set(least) <= {record.seed for record in these[name]}]
        if lacking:
            raise InputError(
                f"{results} lacks {split} records of {', '.join(lacking)}; make them with: python -m src run "
                f"{' '.join(lacking)} --seeds {least[0]}-{least[-1]} --split {split} --jobs 2"
            )
    return group


def _of(experiments, records_by_name):
    return {experiment.name: records_by_name[experiment.name] for experiment in experiments}


def readme_blocks(evidence: Evidence, timings: dict[str, str]) -> dict[str, str]:
    """Return the README's generated blocks: name of the marker -> Markdown; timings are speed_statements()."""
    equal_work, sprints = (timings[name].rpartition("\n\n")[2].splitlines() for name in ("throughput", "sprint"))
    rows = tables.with_resplits(tables.summary(_of(SERIES.values(), evidence.tests)), evidence.resplits)
    for row in rows:
        del row["best epoch %"]  # it is in the table of selection bias
    return {
        "series": markdown(rows),
        **{name: sentences.log(name, evidence.tests, evidence.resplits) for name in SERIES},
        "frontier": _without(_frontier(evidence), "layer line", "worst seed", "in 15 epochs"),
        "lead": _lead(evidence),
        "speed": "\n".join([*sprints, equal_work[0]]),  # the ratios below the tables
        "use": _without(timings["use"], "bytes", "multiply-adds", "PyTorch"),
    }


def _lead(evidence):
    return f"{logs.lead(STEPS, evidence.tests, evidence.resplits)} {logs.tally(STEPS, evidence.tests)}"


def _frontier(evidence):
    return markdown(frontier.results(evidence.tests, evidence.resplits))


def _without(text, *words):
    """Return Markdown whose table lacks the columns whose headings begin so: a README has less room than a notebook."""
    headings = text.partition("\n")[0].split("|")
    kept = [i for i, heading in enumerate(headings) if not heading.strip().startswith(words)]
    lines = [line.split("|") if line.startswith("|") else [line] for line in text.splitlines()]
    return "\n".join("|".join(cells[i] for i in kept) if len(cells) > 1 else cells[0] for cells in lines)


def frontier_statements(evidence: Evidence) -> dict[str, str]:
    """Return what the Frontier notebook says: name -> Markdown."""
    return {
        "frontier": _frontier(evidence),
        "spending": markdown(frontier.spending([MODEL4, FRONTIER_2500, FRONTIER_8000])),
        "equal-size": _on_the_test_set(MODEL4, SHORT[FRONTIER_8000.name], evidence),
        "effort": frontier.effort(evidence.trials),
        "frontier-choices": markdown(tables.choices(FRONTIER_CHOICES, evidence.trials)),
        "frontier-directions": markdown(tables.choices(FRONTIER_DIRECTIONS, evidence.trials)),
        "deskewing": _on_the_test_set(FRONTIER_2500, DESKEWED_2500, evidence),
        "mistakes": markdown(frontier.mistakes_by_digit(evidence.tests)),
    }


def _on_the_test_set(before, after, evidence):
    return markdown(tables.leave_one_out_table([tables.compare(before, after, evidence.tests)]))


def statements(evidence: Evidence) -> dict[str, str]:
    """Return what the Evidence notebook says: name -> Markdown."""
    return {
        "trust": sentences.trust(evidence.tests),
        "resplits": markdown(tables.resplits(evidence.tests, evidence.resplits)),
        "ladder": markdown(tables.ladder_table(tables.ladder(evidence.tests))),
        "leave-one-out": markdown(tables.leave_one_out_table(tables.leave_one_out(evidence.tests))),
        "selection-bias": markdown(tables.selection_bias(_of(COMPARED, evidence.tests))),
        "rates": markdown(tables.rates(evidence.trials)),
        "choices": markdown(tables.choices(CHOICES, evidence.trials)),
    }


def published_statements(evidence: Evidence) -> dict[str, str]:
    """Return what the Published notebook says: name -> Markdown; the changes of a log under its letter."""
    letters = sorted({step.log for step in STEPS.values()})
    return {
        "published": markdown(logs.results(STEPS, evidence.tests)),
        "lead": _lead(evidence),
        **{letter: markdown(logs.claims(of_log(STEPS, letter), evidence.tests)) for letter in letters},
        "published-choices": markdown(tables.choices(PUBLISHED_CHOICES, evidence.trials)),
    }


def speed_statements(results: Path = RESULTS) -> dict[str, str]:
    """Return what the Speed notebook says of the timings below results: name -> Markdown."""
    return {name: module.text(timing.load(name, results / "bench")) for name, module in TIMINGS.items()}


def sprint_statements(evidence: Evidence, results: Path = RESULTS) -> dict[str, str]:
    """Return what the Sprint notebook says of records and timings: name -> Markdown."""
    return {
        "sprint": sprint.text(timing.load("sprint", results / "bench"), evidence.tests),
        "sprint-choices": markdown(tables.choices(SPRINT_CHOICES, evidence.trials)),
    }


Drawings = dict[str, tuple[Callable[[], Figure], str]]  # file name -> (function that draws it, hash of its numbers)


def figures(evidence: Evidence) -> Drawings:
    """Return the figures that are drawn from records."""
    records_by_name = evidence.tests
    by_rate = {
        f"{step.name}, {words}": tables.by_rate(step, evidence.trials)
        for step, words in [(MODEL3, "constant rate"), (MODEL4, "one-cycle schedule")]
    }
    drawings = {
        "series.png": partial(series, _of(SERIES.values(), records_by_name)),
        "seeds.png": partial(seeds, records_by_name[MODEL4.name]),
        "ladder.png": partial(effects, tables.ladder(records_by_name), "What does each step of the ladder add?"),
        "leave-one-out.png": partial(
            effects, tables.leave_one_out(records_by_name), "What is each technique worth in Model4?"
        ),
        "rates.png": partial(rates, by_rate, "Is a schedule better than the best constant rate?"),
        "published.png": partial(published, logs.points(STEPS, records_by_name)),
        "frontier.png": partial(frontier.curve, *frontier.curve_marks(records_by_name)),
        **{f"{name}.png": partial(history, records_by_name[name]) for name in SERIES},
    }
    return _with_source(drawings)


def speed_figures(results: Path = RESULTS) -> Drawings:
    """Return the figures that are drawn from the timings below results."""
    drawn = {name: module for name, module in TIMINGS.items() if hasattr(module, "figure")}
    return _with_source(
        {f"speed-{name}.png": partial(it.figure, timing.load(name, results / "bench")) for name, it in drawn.items()}
    )


def sprint_figures(evidence: Evidence, results: Path = RESULTS) -> Drawings:
    """Return the figure of seconds and accuracies, drawn from records and the timings below results."""
    measured = timing.load("sprint", results / "bench")
    return _with_source({"sprint.png": partial(sprint.figure, measured, _of(sprint.WAYS.values(), evidence.tests))})


def _with_source(draw_by_name):
    """Put a hash of what each function draws, its arguments, beside it."""
    return {
        name: (draw, hashlib.sha256(repr(draw.args).encode()).hexdigest()[:16]) for name, draw in draw_by_name.items()
    }


def _filled(readme, blocks):
    """Return the text of a README with new content between the markers of each block."""
    for name, block in blocks.items():
        opening, closing = f"<!-- report: {name} -->", f"<!-- end of {name} -->"
        before, opened, rest = readme.partition(f"{opening}\n")
        _, closed, after = rest.partition(f"\n{closing}")
        if not (opened and closed):
            raise InputError(f"README.md has no block between {opening} and {closing}; add it.")
        readme = before + opened + block + closed + after
    return readme


def _check_notebooks(root, evidence):
    """Raise InputError unless the notebooks say what is due, and each model shows the record of seed 0."""
    statements_by_notebook = {
        "Evidence": statements(evidence),
        "Frontier": frontier_statements(evidence),
        "Published": published_statements(evidence),
        "Speed": speed_statements(root / "results"),
        "Sprint": sprint_statements(evidence, root / "results"),
    }
    for notebook, due in statements_by_notebook.items():
        shown = notebooks.statements(root / "notebooks" / f"{notebook}.ipynb")
        for name in due | shown:
            if shown.get(name) != due.get(name):
                raise InputError(f"notebooks/{notebook}.ipynb disagrees with the records on '{name}'; run make report.")
    for name, experiment in SERIES.items():
        record = evidence.tests[name][0]
        due = (record.hash, sentences.analysis(record, experiment.target))
        if notebooks.shown_record(root / "notebooks" / f"{name}.ipynb") != due:
            raise InputError(
                f"notebooks/{name}.ipynb disagrees with the record of seed 0 on 'analysis'; run make notebooks."
            )
