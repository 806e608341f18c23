"""The shape of src/: a small lesson that knows nothing of the rooms around it; public functions say their types."""

import ast

import pytest

from src import ROOT

LESSON = ["experiments", "model", "data", "augment", "training"]
ROOMS = [folder.name for folder in (ROOT / "src").iterdir() if (folder / "__init__.py").exists()]


def imported(path):
    """The modules that a file imports anywhere in it, as dotted names."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where a name comes from"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_rooms_are_there():
    assert {"studies", "runs", "evidence", "speed"} <= set(ROOMS)


@pytest.mark.parametrize("module", [*LESSON, "__init__", "checks", "deskew", "download"])
def test_no_module_of_the_lesson_imports_from_a_room(module):
    names = set(imported(ROOT / "src" / f"{module}.py"))
    assert not [name for name in names for room in ROOMS if f"{name}.".startswith(f"src.{room}.")]


def test_the_lesson_is_short_enough_to_be_read():
    lines = sum(len((ROOT / "src" / f"{module}.py").read_text().splitlines()) for module in LESSON)
    assert lines <= 680  # docstrings included


def public_functions(body):
    """The functions and methods of a module, or of a class in it, whose names have no underscore in front."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node.body)
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node


@pytest.mark.parametrize("path", sorted((ROOT / "src").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_public_function_has_type_hints(path):
    for function in public_functions(ast.parse(path.read_text()).body):
        arguments = [argument for argument in function.args.args + function.args.kwonlyargs if argument.arg != "self"]
        untyped = [argument.arg for argument in arguments if argument.annotation is None and argument.arg != "cls"]
        assert function.returns and not untyped, f"{function.name}: {untyped or 'return'}"
