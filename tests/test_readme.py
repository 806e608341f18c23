"""README, figures and notebooks say what the records say; whatever does not is named."""

import json
import shutil
from itertools import pairwise
from statistics import fmean

import pytest

from src import ROOT, InputError
from src.evidence.readme import check, load_evidence, publish
from src.evidence.tables import by_rate, summary, values
from src.experiments import MODEL3, MODEL4, Constant, OneCycle
from src.runs.records import RESULTS, load_all
from src.studies.catalogue import EXPERIMENTS
from src.studies.changed import changes
from src.studies.ladder import LADDER
from src.studies.rates import BY_RATE


@pytest.fixture
def copy(tmp_path):
    """A copy of everything the repository shows, to be tampered with."""
    for name in ["notebooks", "images", "results"]:
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "README.md", tmp_path)
    return tmp_path


def test_readme_figures_and_notebooks_agree_with_the_records():
    assert "agree with" in check()


@pytest.mark.parametrize("step", LADDER, ids=lambda step: step.name)
def test_each_step_of_the_ladder_has_the_rate_that_is_best_on_the_validation_split(step):
    trials = by_rate(step, load_all(RESULTS, EXPERIMENTS, "validation"))
    means = {rate: fmean(values(records, "test accuracy")) for rate, records in trials.items()}
    assert BY_RATE[step][max(means, key=means.get)].schedule == step.schedule
    assert all(len(records) >= 3 for records in trials.values())


def test_each_step_of_the_ladder_changes_one_technique():
    """And its learning rate; pooling adds the classifier that it needs, and augmentation takes dropout's place."""
    techniques = [
        {change.split(":")[0] for change in changes(before, after)} - {"schedule"} for before, after in pairwise(LADDER)
    ]
    dropout = {"channel dropout"}
    assert techniques == [{"batch normalization"}, {"layer line"}, dropout, dropout | {"augmentation"}, set()]
    assert isinstance(MODEL3.schedule, Constant) and isinstance(MODEL4.schedule, OneCycle)


def test_the_readme_is_short_enough_to_be_read():
    content = (ROOT / "README.md").read_bytes()
    assert len(content.splitlines()) <= 250 and len(content) <= 12_288


def test_publishing_again_changes_nothing(copy):
    before = (copy / "README.md").read_text(encoding="utf-8")
    publish(copy)
    assert (copy / "README.md").read_text(encoding="utf-8") == before
    assert "agree with" in check(copy)


def test_a_number_edited_in_the_readme_is_caught_and_its_line_named(copy):
    lines = (copy / "README.md").read_text(encoding="utf-8").split("\n")
    number = next(i for i, line in enumerate(lines) if line.startswith("| Model4 |"))
    lines[number] = lines[number].replace("99.5", "99.9")
    (copy / "README.md").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputError, match=f"README.md, line {number + 1}, says .* run make report"):
        check(copy)


def test_a_readme_without_its_markers_is_refused_and_left_as_it_is(copy):
    text = (copy / "README.md").read_text(encoding="utf-8").replace("<!-- report: lead -->", "")
    (copy / "README.md").write_text(text, encoding="utf-8")
    for command in [check, publish]:
        with pytest.raises(InputError, match="no block between <!-- report: lead -->"):
            command(copy)
    assert (copy / "README.md").read_text(encoding="utf-8") == text


def test_a_figure_drawn_from_other_records_is_caught(copy):
    shutil.copy(copy / "images" / "ladder.png", copy / "images" / "series.png")
    with pytest.raises(InputError, match="images/series.png was not drawn from these records"):
        check(copy)


def edit_output(path, key, name, edit):
    """Change the one output of a notebook whose metadata has key (with the value name, if there is one)."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    [output] = [o for o in outputs if key in o.get("metadata", {}) and name in (None, o["metadata"][key])]
    edit(output)
    path.write_text(json.dumps(notebook), encoding="utf-8")


def change_a_number(output):
    output["data"]["text/markdown"] = "".join(output["data"]["text/markdown"]).replace("99.", "98.", 1)


@pytest.mark.parametrize(
    "notebook, key, name, message",
    [
        ("Evidence", "statement", "ladder", "Evidence.ipynb .*'ladder'; run make report"),
        ("Published", "statement", "published", "Published.ipynb .*'published'; run make report"),
        ("Model4", "record", None, "Model4.ipynb .*'analysis'; run make notebooks"),
    ],
)
def test_a_number_edited_in_a_notebook_is_caught(copy, notebook, key, name, message):
    edit_output(copy / "notebooks" / f"{notebook}.ipynb", key, name, change_a_number)
    with pytest.raises(InputError, match=message):
        check(copy)


def test_a_statement_missing_from_a_notebook_is_caught(copy):
    edit_output(copy / "notebooks" / "Evidence.ipynb", "statement", "trust", lambda output: output["metadata"].clear())
    with pytest.raises(InputError, match="Evidence.ipynb .*'trust'; run make report"):
        check(copy)


@pytest.mark.parametrize("other", ["seed 1", "no record"])
def test_a_model_notebook_that_shows_another_run_is_caught(copy, other):
    hashes = {record.seed: record.hash for record in load_evidence(copy / "results").tests["Model2"]}
    metadata = {"record": hashes[1]} if other == "seed 1" else {}
    edit_output(
        copy / "notebooks" / "Model2.ipynb", "record", hashes[0], lambda output: output.update(metadata=metadata)
    )
    with pytest.raises(InputError, match="Model2.ipynb disagrees with the record of seed 0"):
        check(copy)


def test_a_run_added_by_hand_is_caught(copy):
    folder = copy / "results" / "test" / "Model4"
    forged = json.loads((folder / "seed-0.json").read_text(encoding="utf-8"))
    forged["seed"] = 99
    (folder / "seed-99.json").write_text(json.dumps(forged), encoding="utf-8")
    with pytest.raises(InputError, match="seed-99.json repeats that of seed 0"):
        check(copy)


def test_an_experiment_without_records_is_named_with_the_command_that_records_it(copy):
    shutil.rmtree(copy / "results" / "test" / "Plain")
    with pytest.raises(InputError, match="lacks test records of Plain; .* python -m src run Plain --seeds 0-9"):
        check(copy)


def test_an_empty_results_folder_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="lacks test records of Plain"):
        load_evidence(tmp_path)


def test_a_table_of_no_runs_is_one_sentence():
    with pytest.raises(InputError, match="no runs to show yet; train the models with make run"):
        summary({"Model1": []})


def test_good_records_stay_untouched_beside_a_bad_one(copy):
    folder = copy / "results" / "test" / "Model4"
    good = (folder / "seed-1.json").read_bytes()
    (folder / "seed-0.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="seed-0.json is damaged"):
        load_all(copy / "results", EXPERIMENTS)
    assert (folder / "seed-1.json").read_bytes() == good
