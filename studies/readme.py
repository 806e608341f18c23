"""What the repository shows of the records: the README's generated blocks, the figures and the notebooks.

All of it is rendered in one way; publish() writes it, check() compares it with what is there."""

import re
from importlib import import_module
from importlib.metadata import version
from itertools import zip_longest
from pathlib import Path

import nbformat

from src import ROOT, InputError
from src.experiments import SERIES
from src.runs import files
from src.show.figures import save
from src.show.sentences import analysis
from studies import STUDIES
from studies.evidence import Evidence, load_evidence
from studies.figures import source_of

REPORTS = {name: import_module(f"studies.{name}.report") for name in STUDIES}
CONSTRAINTS = """\
# The versions with which `python -m src report` wrote the figures last. It writes this file, too. To install them:
#   pip install -r requirements.txt -r requirements-studies.txt -c constraints.txt
# `versions` in each record below results/ says what that run was trained with.
"""


def publish(root: Path = ROOT, evidence: Evidence | None = None) -> str:
    """Write the blocks of README.md, the figures and constraints.txt; return a sentence that says so.

    root: the folder of README.md, images/, notebooks/, studies/ and results/. evidence: of these results, if loaded.
    Raises InputError for a bad record, for an experiment without records and for a README without its markers."""
    evidence = evidence or load_evidence(root / "results")
    _, rendered = _readme(root, evidence)
    drawings = _drawings(evidence)
    for name, (draw, source) in drawings.items():
        save(draw(), name, source, root / "images")
    files.write(root / "README.md", rendered.encode())
    files.write(root / "constraints.txt", constraints().encode())
    return f"README.md, constraints.txt and {len(drawings)} figures written from {len(evidence)} records."


def check(root: Path = ROOT, evidence: Evidence | None = None) -> str:
    """Compare README.md, figures and notebooks with the records; return a sentence if all agree.

    Raises InputError that names the first line, figure or notebook that does not, and otherwise as publish() does."""
    evidence = evidence or load_evidence(root / "results")
    lines = zip_longest(*(text.splitlines() for text in _readme(root, evidence)), fillvalue="nothing")
    for number, (line, due) in enumerate(lines, start=1):
        if line != due:
            raise InputError(f"README.md, line {number}, says '{line}', but the records say '{due}'; run make report.")
    for name, (_, source) in _drawings(evidence).items():
        if source_of(name, root / "images") != source:
            raise InputError(f"images/{name} was not drawn from these records; run make report.")
    _check_notebooks(root, evidence)
    return f"README, figures and notebooks agree with {len(evidence)} records."


def constraints() -> str:
    """Return what constraints.txt says: the versions here of all packages that the requirements name."""
    required = "".join((ROOT / f"requirements{ending}.txt").read_text() for ending in ("", "-studies"))
    names = re.findall(r"^[\w-]+", required, re.MULTILINE)
    return CONSTRAINTS + "".join(f"{name}=={version(name).split('+')[0]}\n" for name in names)


def _drawings(evidence):  # the figures of all studies
    return {name: drawing for report in REPORTS.values() for name, drawing in report.figures(evidence).items()}


def _readme(root, evidence):
    """Return the text of README.md as it is, and as it should be: with new content between the markers of blocks."""
    try:
        rendered = readme = (root / "README.md").read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {root / 'README.md'} ({error}); check it out again.") from error
    for name, block in [item for report in REPORTS.values() for item in report.blocks(evidence).items()]:
        opening, closing = f"<!-- report: {name} -->", f"<!-- end of {name} -->"
        before, opened, rest = rendered.partition(f"{opening}\n")
        _, closed, after = rest.partition(f"\n{closing}")
        if not (opened and closed):
            raise InputError(f"README.md has no block between {opening} and {closing}; add it.")
        rendered = before + opened + block + closed + after
    return readme, rendered


def _check_notebooks(root, evidence):
    """Raise InputError unless the notebooks say what is due, and each model shows the record of seed 0."""
    for study, report in REPORTS.items():
        for notebook, due in report.statements(evidence).items():
            said = dict(outputs(root / "studies" / study / f"{notebook}.ipynb", "statement"))
            for name in due | said:
                if said.get(name) != due.get(name):
                    raise InputError(f"{notebook}.ipynb disagrees with the records on '{name}'; run make report.")
    for name, experiment in SERIES.items():
        record = evidence.tests[name][0]
        due = [(record.hash, analysis(record, experiment.target, evidence.resplits[name]))]
        if outputs(root / "notebooks" / f"{name}.ipynb", "record") != due:
            raise InputError(f"notebooks/{name}.ipynb disagrees with the record of seed 0; run make notebooks.")


def outputs(path: Path, key: str) -> list[tuple[str, str]]:
    """Return (metadata[key], Markdown) of the outputs of a notebook to which show() gave "statement" or "record"."""
    try:
        cells = nbformat.read(path, as_version=4).cells
    except Exception as error:  # nbformat lets through whatever the damage leads to
        raise InputError(f"cannot read the notebook {path} ({type(error).__name__}); check it out again.") from error
    return [
        (output.metadata[key], output.data.get("text/markdown", ""))
        for cell in cells
        for output in cell.get("outputs", [])
        if key in output.get("metadata", {})
    ]
