"""Files, and notebooks among them, that are whole or not there: written under a temporary name, then renamed.

A file can also be locked, by one process at a time.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from src import InputError

if TYPE_CHECKING:
    from nbformat import NotebookNode


def write(path: Path, content: bytes) -> None:
    """Write bytes to a file under a temporary name and rename it; raises InputError if that cannot be done."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise InputError(f"cannot write {path}: {error.strerror}; make room there or choose another folder.") from error


def read_notebook(path: Path) -> "NotebookNode":
    """Return the notebook in a file. Raises InputError if it cannot be read."""
    import nbformat  # a run needs none

    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:  # nbformat lets through whatever the damage leads to
        raise InputError(f"cannot read the notebook {path} ({type(error).__name__}); check it out again.") from error


def write_notebook(path: Path, notebook: "NotebookNode") -> None:
    """Write a notebook as Jupyter does. Raises InputError if that cannot be done."""
    import nbformat

    write(path, nbformat.writes(notebook).encode() + b"\n")


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the file path.lock; raises InputError if it cannot be written. A process that ends gives it back."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = FileLock(f"{path}.lock").acquire()
    except OSError as error:
        raise InputError(f"cannot write {path}.lock: {error.strerror}; choose another folder.") from error
    with held:
        yield
