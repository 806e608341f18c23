"""The shape of the house: a small package that knows nothing of the studies, arrows that go down, sizes that stay."""

import ast
import json
import subprocess
import sys
from graphlib import TopologicalSorter

import nbformat
import pytest

from src import ROOT
from studies import STUDIES

LESSON = ["experiments", "model", "data", "augment", "training"]
FILES = sorted([*(ROOT / "src").rglob("*.py"), *(ROOT / "studies").rglob("*.py")])


def name_of(path):
    """The dotted name of a module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}


def imported(tree):
    """The modules of this project that code imports anywhere in it, for type hints too, as dotted names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where a name comes from"
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name in MODULES)


IMPORTS = {name: set(imported(ast.parse(path.read_text(encoding="utf-8")))) for name, path in MODULES.items()}


def lines(paths):
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)


def test_src_imports_nothing_of_the_studies_but_for_the_command_line():
    guilty = {
        name for name, others in IMPORTS.items() if name.startswith("src") and any("studies" in o for o in others)
    }
    assert guilty == {"src.__main__"}
    at_the_top = set(imported(ast.Module(ast.parse(MODULES["src.__main__"].read_text()).body, [])))
    inside = {o for o in at_the_top if o.startswith("studies")}
    top_level = [
        node for node in ast.parse(MODULES["src.__main__"].read_text()).body if isinstance(node, ast.ImportFrom)
    ]
    assert inside and not [node.module for node in top_level if node.module.startswith("studies")]


def test_the_lesson_imports_nothing_but_itself_the_download_and_the_checks():
    allowed = {"src", "src.download", "src.checks", "src.contract", *(f"src.{name}" for name in LESSON)}
    for name in LESSON:
        assert IMPORTS[f"src.{name}"] <= allowed


def test_no_study_imports_the_inside_of_another():
    for name, others in IMPORTS.items():
        of = name.split(".")[1] if name.startswith("studies.") else None
        for other in others:
            parts = other.split(".")
            if parts[0] == "studies" and len(parts) > 2 and parts[1] in STUDIES:
                assert parts[1] == of, f"{name} imports {other}"


def test_what_the_studies_share_knows_them_only_through_one_list():
    shared = [name for name in MODULES if name.startswith("studies.") and name.split(".")[1] not in STUDIES]
    named = {
        name: {o.split(".")[1] for o in IMPORTS[name] if o.startswith("studies.")} & set(STUDIES) for name in shared
    }
    assert not [name for name, studies in named.items() if studies]
    folders = {path.name for path in (ROOT / "studies").iterdir() if (path / "__init__.py").exists()}
    assert folders == set(STUDIES)


def test_no_arrows_go_in_a_circle():
    TopologicalSorter(IMPORTS).prepare()  # raises CycleError
    rooms = {}
    for name, others in IMPORTS.items():
        room = ".".join(name.split(".")[:2]) if name.count(".") > 1 else name
        rooms.setdefault(room, set())
        rooms[room] |= {o for other in others if (o := ".".join(other.split(".")[:2])) != room}
    TopologicalSorter(rooms).prepare()


def test_the_package_is_small():
    src = list((ROOT / "src").rglob("*.py"))
    use, pictures, datasets = ([p for p in src if p.parent.name == room] for room in ("use", "pictures", "datasets"))
    assert lines(MODULES[f"src.{name}"] for name in LESSON) <= 650  # docstrings included
    assert lines(src) - lines(use) - lines(pictures) - lines(datasets) <= 3_745
    assert lines(use) <= 660 and lines(pictures) <= 575 and lines(datasets) <= 620
    assert len(list((ROOT / "src").glob("*.py"))) <= 12
    assert lines(FILES) <= 11_350


def test_the_notebooks_up_to_model3_load_little_and_nothing_of_the_studies():
    imports = []
    for name in ["Model1", "Model2", "Model3"]:
        cells = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4).cells
        trees = [ast.parse(cell.source) for cell in cells[2:] if cell.cell_type == "code"]
        imports += [
            ast.unparse(n) for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)
        ]
    program = "\n".join([*imports, "import json, sys", "print(json.dumps([n for n in sys.modules]))"])
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = [name for name in json.loads(answer.stdout) if name in MODULES]
    assert "src.training" in loaded and not [name for name in loaded if name.startswith("studies")]
    assert lines(MODULES[name] for name in loaded) <= 2_975


def test_the_body_of_the_loop_fits_on_a_screen_and_its_canonical_lines_stand_together():
    body = next(n for n in ast.parse(MODULES["src.training"].read_text()).body if getattr(n, "name", "") == "fit").body[
        1:
    ]
    text = MODULES["src.training"].read_text().splitlines()[body[0].lineno - 1 : body[-1].end_lineno]
    code = [line.strip() for line in text if line.strip()]
    assert len(code) <= 31
    start = next(i for i, line in enumerate(code) if line.startswith("logits = network("))
    starts = [
        "logits =",
        "loss =",
        "optimizer.zero_grad()",
        "loss.backward()",
        "for group",
        "group[",
        "optimizer.step()",
    ]
    assert all(line.startswith(word) for line, word in zip(code[start:], starts, strict=False))


def public_functions(body):
    """The functions and methods of a module, or of a class in it, whose names have no underscore in front."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node.body)
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node


@pytest.mark.parametrize("name", MODULES)
def test_every_public_function_has_type_hints(name):
    for function in public_functions(ast.parse(MODULES[name].read_text(encoding="utf-8")).body):
        arguments = [argument for argument in function.args.args + function.args.kwonlyargs if argument.arg != "self"]
        untyped = [argument.arg for argument in arguments if argument.annotation is None and argument.arg != "cls"]
        assert function.returns and not untyped, f"{function.name}: {untyped or 'return'}"
