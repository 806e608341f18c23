"""Every experiment by its name; studies are folders that the rest knows only through studies.STUDIES."""

import ast
import math
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest
import torch

from src import ROOT, InputError, data
from src.experiments import SERIES
from src.runs.names import check_name
from src.runs.records import definition
from studies import STUDIES
from studies.catalogue import BENCHES, EXPERIMENTS, FACES, GROUPS, find
from studies.readme import REPORTS
from studies.recipes import Recipe

FOLDERS = dict(zip(STUDIES, FACES, strict=True))


def test_a_name_means_one_experiment_in_all_groups():
    for group in GROUPS.values():
        assert all(EXPERIMENTS[experiment.name] == experiment for experiment in group)


def test_a_name_is_that_of_a_group_or_of_an_experiment():
    assert not GROUPS.keys() & EXPERIMENTS.keys()


def test_the_catalogue_has_the_series_and_the_experiments_of_every_study():
    assert SERIES.items() <= EXPERIMENTS.items()
    for face in FACES:
        for group, experiments in face.GROUPS.items():
            assert GROUPS[group] == experiments
        assert all(experiment in GROUPS["resplits"] for experiment in face.RESPLIT)


def test_no_two_studies_have_a_group_or_a_bench_of_one_name():
    for of in ("GROUPS", "BENCHES"):
        names = Counter(name for face in FACES for name in getattr(face, of, {}))
        assert set(names.values()) == {1} and names.keys() <= (GROUPS | BENCHES).keys()


def test_experiments_are_found_by_their_names_and_by_groups_each_once():
    assert find(["Model2", "series", "Model2"]) == [SERIES[name] for name in ["Model2", "Model1", "Model3", "Model4"]]
    assert find(list(GROUPS)) == list(dict.fromkeys(find(list(EXPERIMENTS))))
    assert find([]) == []


@pytest.mark.parametrize("name, near", [("Model9", "Model"), ("frontir", "frontier"), ("???", "Model4")])
def test_a_name_that_nothing_has_is_refused_with_those_that_are_near(name, near):
    with pytest.raises(InputError, match=f"no experiment '{name.replace('?', '.')}'.*{near}.*python -m src list"):
        find(["Model1", name])


def test_every_experiment_of_the_catalogue_has_its_name():
    for experiment in EXPERIMENTS.values():
        check_name(experiment, EXPERIMENTS)


@pytest.mark.parametrize(
    "name, change", [("Model4", dict(epochs=14)), ("D2", dict(dropout=0.1)), ("Sprint", dict(hardest=1.0))]
)
def test_a_changed_experiment_under_a_name_of_the_catalogue_is_refused(name, change):
    experiment, (field,) = EXPERIMENTS[name], change
    with pytest.raises(InputError, match=f"called {name} but differs.*{field.replace('_', ' ')}: .* → "):
        check_name(replace(experiment, **change), EXPERIMENTS)
    check_name(replace(experiment, **change, name="mine"), EXPERIMENTS)
    check_name(replace(experiment, target=()), EXPERIMENTS)  # what is expected of a run does not change it


@pytest.mark.parametrize("split", data.TRAINED_ON)
def test_no_recorded_run_has_a_last_batch_of_one_image(split):
    """plan_epoch() joins such a batch to the one before it, which would change the numbers of a run."""
    images = len(data.load(data.TRAINED_ON[split]))
    for experiment in EXPERIMENTS.values():
        recipe = Recipe(**vars(experiment))
        learned, size = round(min(images, recipe.train_images) * (1 - recipe.held_out)), recipe.batch_size
        sizes = [len(batch) for batch in torch.arange(learned).split(size)]
        assert size > 1 and 1 not in sizes, experiment.name
        assert sum(math.ceil(recipe.hardest * each) for each in sizes) % size != 1, experiment.name  # later epochs


def test_an_experiment_and_a_recipe_with_its_fields_are_one():
    for experiment in SERIES.values():
        check_name(Recipe(**vars(experiment)), EXPERIMENTS)
        assert definition(Recipe(**vars(experiment))) == definition(experiment)


# What a study gives, and that it need not be named anywhere else.


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_says_which_records_its_report_needs(study):
    face = FOLDERS[study]
    assert face.NEEDED.keys() == {"test", "validation"}
    for split, seeds_of in face.NEEDED.items():
        assert all(group in face.GROUPS and seeds >= 0 for group, seeds in seeds_of.items()), split
    assert all(EXPERIMENTS[experiment.name] == experiment for experiment in face.RESPLIT)


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_says_something_in_each_of_its_notebooks_in_the_readme_and_in_figures(study, evidence):
    report, readme = REPORTS[study], (ROOT / "README.md").read_text(encoding="utf-8")
    notebooks = report.statements(evidence)
    assert {f"{name}.ipynb" for name in notebooks} == {path.name for path in (ROOT / "studies" / study).glob("*.ipynb")}
    for said in notebooks.values():
        assert said and all(isinstance(text, str) and text.strip() for text in said.values())
    for name, block in report.blocks(evidence).items():
        assert f"<!-- report: {name} -->" in readme and block.strip()
    for name, (draw, source) in report.figures(evidence).items():
        assert name.endswith(".png") and callable(draw) and len(source) == 16


def test_no_two_studies_have_a_notebook_a_block_or_a_figure_of_one_name(evidence):
    for give in ("statements", "blocks", "figures"):
        names = Counter(name for report in REPORTS.values() for name in getattr(report, give)(evidence))
        assert set(names.values()) == {1}


def imported(path):
    """The modules that a file imports anywhere in it, as dotted names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(
    "file", ["studies/catalogue.py", "studies/evidence.py", "studies/readme.py", "studies/commands.py"]
)
def test_what_all_studies_share_imports_none_of_them(file):
    names = {part for name in imported(ROOT / file) for part in [name.removeprefix("studies.").split(".")[0]]}
    assert not names & set(STUDIES)


def test_the_lesson_imports_no_study():
    for path in (ROOT / "src").rglob("*.py"):
        studies = {name for name in imported(path) for study in STUDIES if f"{name}.".startswith(f"studies.{study}.")}
        assert not studies, path


STUDY = {
    "__init__.py": """
from dataclasses import replace
from src.experiments import MODEL4
NARROW = replace(MODEL4, name="Narrow", target=(), layer_line="4 4 P 8 8 G t10")
GROUPS = {"width": [NARROW]}
NEEDED = {"test": {"width": 3}, "validation": {}}
RESPLIT = []
BENCHES = {"breath": "studies.width.bench"}
def note(experiment):
    return "a note" if experiment is NARROW else None
""",
    "report.py": """
def statements(evidence):
    return {"Width": {"narrow": "It is narrow."}}
def blocks(evidence):
    return {"width": "It is narrow."}
def figures(evidence):
    return {}
""",
    "bench.py": """
def measure():
    return {"machine": "this one"}
def text(measured):
    return "measured on " + measured["machine"]
""",
    "commands.py": """
def add_commands(commands):
    commands.add_parser("widen", help="wider").set_defaults(do=lambda options: print("wider"))
""",
}
PROGRAM = """
from pathlib import Path
from src import InputError
from src.__main__ import main
from studies import readme, timing
from studies.evidence import load_evidence
timing.RESULTS = Path()
for command in ["list width", "list Narrow", "bench breath", "widen"]:
    assert main(command.split()) == 0
print(list(readme.REPORTS))
try:
    load_evidence(Path())
except InputError as error:
    print(error)
"""


def test_a_new_study_is_a_folder_and_a_name(tmp_path):
    studies = tmp_path / "studies"
    (studies / "width").mkdir(parents=True)
    for name, text in STUDY.items():
        (studies / "width" / name).write_text(text)
    for path in (ROOT / "studies").iterdir():
        if path.name == "__init__.py":
            text = path.read_text(encoding="utf-8") + 'STUDIES = ("width", *STUDIES)\n'
            (studies / path.name).write_text(text, encoding="utf-8")
        else:
            (studies / path.name).symlink_to(path)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    program = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for words in ["Narrow\n", "a note", "measured on this one", "wider", "'width'"]:
        assert words in done.stdout
    assert "lacks test records of Narrow" in done.stdout
    assert (tmp_path / "bench" / "breath.json").exists()
