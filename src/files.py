"""Files that are whole or not there: written by one rename, claimed by one process at a time, refused if damaged."""

import contextlib
import fcntl
import os
from pathlib import Path

from src import InputError


def write(path, content):
    """Write bytes to a file under a temporary name and rename it; raises InputError if that cannot be done."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise InputError(f"cannot write {path}: {error.strerror}; make room there or choose another folder.") from error


def read_notebook(path):
    """The notebook in a file; raises InputError if it cannot be read."""
    import nbformat  # here, lest every training process loads it

    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the notebook {path} ({type(error).__name__}); check it out again.") from error


@contextlib.contextmanager
def claimed(path):
    """Hold the file path.lock; the system gives it back when the process ends, however it ends."""
    lock = path.with_name(f"{path.name}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = open(lock, "w")
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:
        raise InputError(f"cannot write {lock}: {error.strerror}; make room there or choose another folder.") from error
    with file:
        yield
