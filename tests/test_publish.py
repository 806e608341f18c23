import json
import shutil

import pytest

from src import InputError, plots, publish, records
from src.publish import check


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of everything the repository shows, to be tampered with."""
    for name in ["notebooks", "images", "results"]:
        shutil.copytree(publish.ROOT / name, tmp_path / name)
    shutil.copy(publish.ROOT / "README.md", tmp_path)
    monkeypatch.setattr(plots, "IMAGES", tmp_path / "images")
    return tmp_path


def test_readme_figures_and_notebooks_agree_with_the_records():
    assert "agree with" in check()


def test_publishing_again_changes_nothing(copy):
    before = (copy / "README.md").read_text()
    publish.publish(copy, copy / "results")
    assert (copy / "README.md").read_text() == before


def test_a_number_edited_in_the_readme_is_caught_and_its_line_named(copy):
    lines = (copy / "README.md").read_text().split("\n")
    number = next(i for i, line in enumerate(lines) if line.startswith("| Model4 |"))
    lines[number] = lines[number].replace("99.5", "99.9")
    (copy / "README.md").write_text("\n".join(lines))
    with pytest.raises(InputError, match=f"README.md, line {number + 1}, says"):
        check(copy, copy / "results")


def test_a_readme_without_its_markers_is_refused(copy):
    text = (copy / "README.md").read_text()
    (copy / "README.md").write_text(text.replace("<!-- report: ladder -->", ""))
    with pytest.raises(InputError, match="no block between <!-- report: ladder -->"):
        check(copy, copy / "results")


def test_a_figure_drawn_from_other_records_is_caught(copy):
    shutil.copy(copy / "images" / "ladder.png", copy / "images" / "series.png")
    with pytest.raises(InputError, match="images/series.png was not drawn from these records"):
        check(copy, copy / "results")


@pytest.mark.parametrize(
    "name, cell_id, old, new",
    [("Evidence", "ladder", "99.", "98."), ("Published", "table", "99.", "98."), ("Model4", "analysis", "99.", "93.")],
)
def test_a_number_edited_in_a_notebook_is_caught(copy, name, cell_id, old, new):
    path = copy / "notebooks" / f"{name}.ipynb"
    notebook = json.loads(path.read_text())
    cell = next(cell for cell in notebook["cells"] if cell["id"] == cell_id)
    output = cell["outputs"][0]
    place = output if "text" in output else output["data"]
    key = "text" if "text" in output else "text/markdown"
    place[key] = "".join(place[key]).replace(old, new)
    path.write_text(json.dumps(notebook))
    with pytest.raises(InputError, match=f"{name}.ipynb"):
        check(copy, copy / "results")


def test_a_run_added_by_hand_is_caught(copy):
    folder = copy / "results" / "test" / "Model4"
    forged = json.loads((folder / "seed-0.json").read_text())
    forged["seed"] = 99
    (folder / "seed-99.json").write_text(json.dumps(forged))
    with pytest.raises(InputError):
        check(copy, copy / "results")


def test_an_experiment_without_records_is_named_with_the_command_that_records_it(copy):
    shutil.rmtree(copy / "results" / "test" / "Plain")
    with pytest.raises(InputError, match="lacks test records of Plain; .* python -m src run Plain --seeds 0-4"):
        check(copy, copy / "results")


def test_an_empty_results_folder_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="lacks test records of Model1"):
        publish.evidence(tmp_path)


def test_good_records_stay_untouched_beside_a_bad_one(copy):
    folder = copy / "results" / "test" / "Model4"
    good = (folder / "seed-1.json").read_bytes()
    (folder / "seed-0.json").write_text("{")
    with pytest.raises(InputError, match="seed-0.json is damaged"):
        records.load_all(copy / "results", publish.EXPERIMENTS)
    assert (folder / "seed-1.json").read_bytes() == good
