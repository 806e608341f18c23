"""README, figures and notebooks say what the records say; whatever does not is named.

The tests tamper with a folder of their own, in which everything agrees; that the repository does is the first test.
"""

import json
import re
import shutil
from importlib.metadata import version

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from packaging.requirements import Requirement

from src import ROOT, InputError
from src.experiments import SERIES
from src.show.figures import GOAL
from src.show.sentences import analysis
from src.show.significance import CONFIDENCE
from studies.catalogue import EXPERIMENTS
from studies.figures import source_of
from studies.readme import REPORTS, check, outputs, publish

BLOCK = re.compile(r"(<!-- report: (\w+) -->\n).*?(\n<!-- end of \2 -->)", re.DOTALL)


def test_readme_figures_and_notebooks_agree_with_the_records(evidence):
    assert f"agree with {len(evidence)} records" in check(ROOT, evidence)


def test_the_readme_is_short_enough_to_be_read():
    content = (ROOT / "README.md").read_bytes()
    assert len(content.splitlines()) <= 236 and len(content) <= 15_900


NOTEBOOKS = sorted([*ROOT.glob("notebooks/**/*.ipynb"), *ROOT.glob("studies/*/*.ipynb")])
CODE = re.compile(r"```.*?```|`[^`]*`|\]\([^)]*\)|arXiv:[\d.]+", re.DOTALL)
AMOUNT = r"(?:\d[\d,]*|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|fifty|hundred)"
UNIT = "seconds?|minutes?|hours?|times|points?|parameters?|runs|records|trainings|MB|GB|µs"
MEASURED = re.compile(
    rf"±\s*\d\S*|\d[\d,]*\.\d+(?:\s*%)?|\d[\d,]*\s*%|\b\d+x\b|\b{AMOUNT}(?: (?:to|or) {AMOUNT})?[\s-]+(?:{UNIT})\b"
)
TYPED = {"3.11": "the oldest Python", "ten times": "how often all digits are split anew"}


def measured_in(text):
    """What looks like a measured number in the prose of a Markdown text, but for targets, the goal, and "95 %"."""
    bounds = {condition.bound for experiment in EXPERIMENTS.values() for condition in experiment.target}
    for match in MEASURED.findall(CODE.sub(" ", BLOCK.sub("", text))):
        number = re.search(r"\d[\d,]*(\.\d+)?", match)
        if not number or float(number[0].replace(",", "")) not in bounds | {GOAL, 100 * CONFIDENCE}:
            yield match


def test_prose_has_no_measured_number_typed_by_hand():
    """Those that are generated from records are in the README's blocks and in the outputs of notebooks."""
    texts = {"README.md": (ROOT / "README.md").read_text(encoding="utf-8")}
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        texts[str(path.relative_to(ROOT))] = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    typed = {name: list(measured_in(text)) for name, text in texts.items()}
    assert not {name: found for name, numbers in typed.items() if (found := set(numbers) - set(TYPED))}
    assert set(TYPED) == {number for numbers in typed.values() for number in numbers}  # no leave that nobody needs


@pytest.mark.parametrize(
    "text",
    ["takes two to four minutes", "ends at 99.56 %", "a gap of 0.29", "is 12 times as fast", "of 147,658 parameters"]
    + ["±0.05", "11 % more", "about 7 seconds", "60x sooner", "in 235 runs", "swung by two points"],
)
def test_a_measured_number_typed_into_prose_is_found(text):
    assert list(measured_in(f"It {text}, see `99.99 %`."))


def test_publishing_writes_the_versions_it_was_done_with_of_all_that_is_required(published):
    files = ["requirements.txt", "requirements-studies.txt"]
    required = {each.name: each.specifier for name in files for each in map(Requirement, lines_of(ROOT / name))}
    written, committed = (
        dict(line.split("==") for line in lines_of(root / "constraints.txt")) for root in (published[1], ROOT)
    )
    assert list(written) == list(committed) == list(required)
    assert written == {name: version(name).split("+")[0] for name in required}
    assert all(specifier.contains(committed[name]) for name, specifier in required.items())


def lines_of(path):
    """The lines of a file but for its comments."""
    return [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]


@pytest.fixture(scope="module")
def published(tmp_path_factory, evidence):
    """The repository's README with empty blocks, published again: what publish() says, and the folder."""
    root = tmp_path_factory.mktemp("published")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (root / "README.md").write_text(BLOCK.sub(r"\1nothing yet\3", readme), encoding="utf-8")
    for study, report in REPORTS.items():
        for notebook, said in report.statements(evidence).items():
            write_notebook(root / "studies" / study / f"{notebook}.ipynb", "statement", said)
    for name, experiment in SERIES.items():
        first = evidence.tests[name][0]
        shown = {first.hash: analysis(first, experiment.target, evidence.resplits[name])}
        write_notebook(root / "notebooks" / f"{name}.ipynb", "record", shown)
    return publish(root, evidence), root


def write_notebook(path, key, texts):
    """Write a notebook with the outputs that show() displays: value of the metadata -> Markdown."""
    shown = [
        new_output("display_data", {"text/markdown": text}, metadata={key: value}) for value, text in texts.items()
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=[new_code_cell(outputs=[output]) for output in shown]), path)


@pytest.fixture
def copy(published, tmp_path):
    """A copy of what was published, to be tampered with."""
    return shutil.copytree(published[1], tmp_path / "copy")


def test_publishing_fills_the_blocks_and_leaves_the_rest_of_the_readme(published, evidence):
    _, root = published
    before, after = ((folder / "README.md").read_text(encoding="utf-8") for folder in (ROOT, root))
    assert BLOCK.sub("", after) == BLOCK.sub("", before)
    blocks = {name: block for report in REPORTS.values() for name, block in report.blocks(evidence).items()}
    filled = {match[2]: match[0] for match in BLOCK.finditer(after)}
    assert filled.keys() == blocks.keys()
    assert all(f"-->\n{block}\n<!--" in filled[name] for name, block in blocks.items())


def test_what_was_published_agrees_so_that_publishing_again_would_change_nothing(published, evidence):
    said, root = published
    assert f"from {len(evidence)} records" in said
    assert f"agree with {len(evidence)} records" in check(root, evidence)


def test_every_figure_says_what_it_was_drawn_from(published, evidence):
    _, root = published
    due = {name: source for report in REPORTS.values() for name, (_, source) in report.figures(evidence).items()}
    assert {path.name for path in (root / "images").iterdir()} == due.keys()
    assert {name: source_of(name, root / "images") for name in due} == due
    assert source_of("nothing.png", root / "images") is None


def test_the_results_of_the_folder_are_read_unless_evidence_is_given(copy):
    for command in (check, publish):
        with pytest.raises(InputError, match=f"{copy / 'results'} lacks test records of"):
            command(copy)


def test_a_number_edited_in_the_readme_is_caught_and_its_line_named(copy, evidence):
    lines = (copy / "README.md").read_text(encoding="utf-8").split("\n")
    number = next(i for i, line in enumerate(lines) if line.startswith("| [Model4]"))
    lines[number] = lines[number].replace("99.5", "99.9")
    (copy / "README.md").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputError, match=f"README.md, line {number + 1}, says .* run make report"):
        check(copy, evidence)


def test_a_readme_without_its_markers_is_refused_and_left_as_it_is(copy, evidence):
    text = (copy / "README.md").read_text(encoding="utf-8").replace("<!-- report: lead -->", "")
    (copy / "README.md").write_text(text, encoding="utf-8")
    for command in (check, publish):
        with pytest.raises(InputError, match="no block between <!-- report: lead -->"):
            command(copy, evidence)
    assert (copy / "README.md").read_text(encoding="utf-8") == text


def test_a_readme_that_cannot_be_read_is_one_sentence(copy, evidence):
    (copy / "README.md").unlink()
    with pytest.raises(InputError, match="cannot read .*README.md"):
        check(copy, evidence)


@pytest.mark.parametrize("other", ["ladder.png", None])
def test_a_figure_drawn_from_other_records_or_missing_is_caught(copy, evidence, other):
    (copy / "images" / "series.png").unlink()
    if other:
        shutil.copy(copy / "images" / other, copy / "images" / "series.png")
    with pytest.raises(InputError, match="images/series.png was not drawn from these records"):
        check(copy, evidence)


def edit_output(path, value, edit):
    """Change the one output of a notebook whose metadata has a value."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    shown = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    [output] = [output for output in shown if value in output["metadata"].values()]
    edit(output)
    path.write_text(json.dumps(notebook), encoding="utf-8")


def change_a_number(output):
    output["data"]["text/markdown"] = "".join(output["data"]["text/markdown"]).replace("99.", "98.", 1)


@pytest.mark.parametrize("study, notebook, name", [("ladder", "Evidence", "ladder"), ("sprint", "Sprint", "sprint")])
def test_a_number_edited_in_a_notebook_of_a_study_is_caught(copy, evidence, study, notebook, name):
    edit_output(copy / "studies" / study / f"{notebook}.ipynb", name, change_a_number)
    with pytest.raises(InputError, match=f"{notebook}.ipynb .*'{name}'; run make report"):
        check(copy, evidence)


def test_a_statement_missing_from_a_notebook_is_caught(copy, evidence):
    notebook = copy / "studies" / "ladder" / "Evidence.ipynb"
    edit_output(notebook, "trust", lambda output: output["metadata"].clear())
    with pytest.raises(InputError, match="Evidence.ipynb .*'trust'; run make report"):
        check(copy, evidence)


def test_a_statement_that_no_report_makes_any_more_is_caught(copy, evidence):
    notebook = copy / "studies" / "ladder" / "Evidence.ipynb"
    write_notebook(notebook, "statement", dict(outputs(notebook, "statement")) | {"old": "It was so."})
    with pytest.raises(InputError, match="Evidence.ipynb .*'old'; run make report"):
        check(copy, evidence)


def test_a_number_edited_in_the_notebook_of_a_model_is_caught(copy, evidence):
    edit_output(copy / "notebooks" / "Model4.ipynb", evidence.tests["Model4"][0].hash, change_a_number)
    with pytest.raises(InputError, match="Model4.ipynb disagrees with the record of seed 0.* run make notebooks"):
        check(copy, evidence)


@pytest.mark.parametrize("other", ["seed 1", "no record"])
def test_the_notebook_of_a_model_that_shows_another_run_is_caught(copy, evidence, other):
    first, second, *_ = evidence.tests["Model2"]
    metadata = {"record": second.hash} if other == "seed 1" else {}
    edit_output(copy / "notebooks" / "Model2.ipynb", first.hash, lambda output: output.update(metadata=metadata))
    with pytest.raises(InputError, match="Model2.ipynb disagrees with the record of seed 0"):
        check(copy, evidence)


@pytest.mark.parametrize("content", [None, "{"])
def test_a_notebook_that_cannot_be_read_is_one_sentence(copy, evidence, content):
    path = copy / "studies" / "frontier" / "Frontier.ipynb"
    path.unlink()
    if content:
        path.write_text(content)
    with pytest.raises(InputError, match="cannot read the notebook .*Frontier.ipynb"):
        check(copy, evidence)
