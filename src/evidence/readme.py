"""What the repository shows of the records: the README's generated blocks, the figures and the notebooks.

All of it is rendered in one way; publish() writes it, check() compares it with what is there.
"""

import hashlib
from collections.abc import Callable
from functools import partial
from itertools import zip_longest
from pathlib import Path

from matplotlib.figure import Figure

from src import ROOT, InputError, notebooks
from src.evidence import logs, sentences, tables
from src.evidence.figures import effects, history, published, save, seeds, series, source_of
from src.evidence.tables import Records, markdown
from src.experiments import MODEL4, SERIES
from src.runs import files
from src.runs.records import RESULTS, load_all
from src.speed import sprint, timing
from src.speed.bench import TIMINGS
from src.studies.catalogue import EXPERIMENTS, GROUPS
from src.studies.ladder import LADDER
from src.studies.published import PUBLISHED_CHOICES, STEPS, of_log
from src.studies.sprint import SPRINT_CHOICES, SPRINTS
from src.studies.trials import CHOICES

COMPARED = [*SERIES.values(), *LADDER, *GROUPS["leave-one-out"]]


def publish(root: Path = ROOT) -> str:
    """Write the blocks of README.md and the figures from the records; return a sentence that says so.

    root: the folder of README.md, images/, notebooks/ and results/.
    Raises InputError for a bad record, for an experiment without records and for a README without its markers.
    """
    evidence, _, rendered, drawings = _render(root)
    for name, (draw, source) in drawings.items():
        save(draw(), name, source, root / "images")
    files.write(root / "README.md", rendered.encode())
    return f"README.md and {len(drawings)} figures written from {_count(*evidence)} records."


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
    _check_notebooks(root, *evidence)
    return f"README, figures and notebooks agree with {_count(*evidence)} records."


def _render(root):
    """Return the evidence below root/results, README.md as it is and as it should be, and the figures due."""
    records_by_name, trials_by_name = load_evidence(root / "results")
    timings = speed_statements(root / "results")
    timings |= sprint_statements(records_by_name, trials_by_name, root / "results")
    try:
        readme = (root / "README.md").read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {root / 'README.md'} ({error}); check it out again.") from error
    rendered = _filled(readme, readme_blocks(records_by_name, timings))
    drawings = figures(records_by_name) | speed_figures(root / "results")
    drawings |= sprint_figures(records_by_name, root / "results")
    return (records_by_name, trials_by_name), readme, rendered, drawings


def _count(records_by_name, trials_by_name):
    return sum(map(len, [*records_by_name.values(), *trials_by_name.values()]))


def load_evidence(results: Path = RESULTS) -> tuple[Records, Records]:
    """Return the records of runs on the test set, and those of trials on the validation split.

    Raises InputError unless every experiment has the seeds that comparisons need; published steps may have none yet.
    """
    tests = {0: GROUPS["published"], sentences.COMMON_SEEDS: COMPARED, 20: SPRINTS}
    trials = {1: GROUPS["published-choices"], 2: GROUPS["choices"], 6: GROUPS["sprint-choices"]}
    return _load(results, "test", tests), _load(results, "validation", trials)


def _load(results, split, experiments_by_seeds):
    """Return the records of experiments, by the number of seeds that they must have."""
    records_by_name, needed = load_all(results, EXPERIMENTS, split), {}
    for number, experiments in experiments_by_seeds.items():
        group = _of(experiments, records_by_name)
        lacking = [name for name in group if not set(range(number)) <= {record.seed for record in group[name]}]
        if lacking:
            raise InputError(
                f"{results} lacks {split} records of {', '.join(lacking)}; make them with: "
                f"python -m src run {' '.join(lacking)} --seeds 0-{number - 1} --split {split} --jobs 2"
            )
        needed |= group
    return needed


def _of(experiments, records_by_name):
    return {experiment.name: records_by_name[experiment.name] for experiment in experiments}


def readme_blocks(records_by_name: Records, timings: dict[str, str]) -> dict[str, str]:
    """Return the README's generated blocks: name of the marker -> Markdown; timings are speed_statements()."""
    equal_work, sprints = (timings[name].rpartition("\n\n")[2].splitlines() for name in ("throughput", "sprint"))
    return {
        "series": markdown(tables.summary(_of(SERIES.values(), records_by_name))),
        **{name: sentences.log(name, records_by_name) for name in SERIES},
        "ladder": _ladder(records_by_name, "parameters", "McNemar p"),
        "lead": _lead(records_by_name),
        "speed": "\n".join([*sprints, equal_work[0]]),  # the ratios below the tables
        "use": timings["use"],
    }


def _ladder(records_by_name, *hidden):
    """Return the table of the ladder without its hidden columns."""
    rows = tables.ladder_table(tables.ladder(records_by_name))
    return markdown({column: cell for column, cell in row.items() if column not in hidden} for row in rows)


def _lead(records_by_name):
    return f"{logs.lead(STEPS, records_by_name)} {logs.tally(STEPS, records_by_name)}"


def statements(records_by_name: Records, trials_by_name: Records) -> dict[str, str]:
    """Return what the Evidence notebook says: name -> Markdown."""
    return {
        "trust": sentences.trust(records_by_name),
        "ladder": _ladder(records_by_name),
        "leave-one-out": markdown(tables.leave_one_out_table(tables.leave_one_out(records_by_name))),
        "selection-bias": markdown(tables.selection_bias(_of(COMPARED, records_by_name))),
        "choices": markdown(tables.choices(CHOICES, trials_by_name)),
    }


def published_statements(records_by_name: Records, trials_by_name: Records) -> dict[str, str]:
    """Return what the Published notebook says: name -> Markdown; the changes of a log under its letter."""
    letters = sorted({step.log for step in STEPS.values()})
    return {
        "published": markdown(logs.results(STEPS, records_by_name)),
        "lead": _lead(records_by_name),
        **{letter: markdown(logs.claims(of_log(STEPS, letter), records_by_name)) for letter in letters},
        "published-choices": markdown(tables.choices(PUBLISHED_CHOICES, trials_by_name)),
    }


def speed_statements(results: Path = RESULTS) -> dict[str, str]:
    """Return what the Speed notebook says of the timings below results: name -> Markdown."""
    return {name: module.text(timing.load(name, results / "bench")) for name, module in TIMINGS.items()}


def sprint_statements(records_by_name: Records, trials_by_name: Records, results: Path = RESULTS) -> dict[str, str]:
    """Return what the Sprint notebook says of records and timings: name -> Markdown."""
    return {
        "sprint": sprint.text(timing.load("sprint", results / "bench"), records_by_name),
        "sprint-choices": markdown(tables.choices(SPRINT_CHOICES, trials_by_name)),
    }


Drawings = dict[str, tuple[Callable[[], Figure], str]]  # file name -> (function that draws it, hash of its numbers)


def figures(records_by_name: Records) -> Drawings:
    """Return the figures that are drawn from records."""
    drawings = {
        "series.png": partial(series, _of(SERIES.values(), records_by_name)),
        "seeds.png": partial(seeds, records_by_name[MODEL4.name]),
        "ladder.png": partial(effects, tables.ladder(records_by_name), "What does each step of the ladder add?"),
        "leave-one-out.png": partial(
            effects, tables.leave_one_out(records_by_name), "What is each technique worth in Model4?"
        ),
        "published.png": partial(published, logs.points(STEPS, records_by_name)),
        **{f"{name}.png": partial(history, records_by_name[name]) for name in SERIES},
    }
    return _with_source(drawings)


def speed_figures(results: Path = RESULTS) -> Drawings:
    """Return the figures that are drawn from the timings below results."""
    drawn = {name: module for name, module in TIMINGS.items() if hasattr(module, "figure")}
    return _with_source(
        {f"speed-{name}.png": partial(it.figure, timing.load(name, results / "bench")) for name, it in drawn.items()}
    )


def sprint_figures(records_by_name: Records, results: Path = RESULTS) -> Drawings:
    """Return the figure of seconds and accuracies, drawn from records and the timings below results."""
    records_by_name = {experiment.name: records_by_name[experiment.name] for experiment in sprint.WAYS.values()}
    measured = timing.load("sprint", results / "bench")
    return _with_source({"sprint.png": partial(sprint.figure, measured, records_by_name)})


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


def _check_notebooks(root, records_by_name, trials_by_name):
    """Raise InputError unless the notebooks say what is due, and each model shows the record of seed 0."""
    statements_by_notebook = {
        "Evidence": statements(records_by_name, trials_by_name),
        "Published": published_statements(records_by_name, trials_by_name),
        "Speed": speed_statements(root / "results"),
        "Sprint": sprint_statements(records_by_name, trials_by_name, root / "results"),
    }
    for notebook, due in statements_by_notebook.items():
        shown = notebooks.statements(root / "notebooks" / f"{notebook}.ipynb")
        for name in due | shown:
            if shown.get(name) != due.get(name):
                raise InputError(f"notebooks/{notebook}.ipynb disagrees with the records on '{name}'; run make report.")
    for name, experiment in SERIES.items():
        record = records_by_name[name][0]
        due = (record.hash, sentences.analysis(record, experiment.target))
        if notebooks.shown_record(root / "notebooks" / f"{name}.ipynb") != due:
            raise InputError(
                f"notebooks/{name}.ipynb disagrees with the record of seed 0 on 'analysis'; run make notebooks."
            )
