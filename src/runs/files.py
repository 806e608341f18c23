"""Files that are whole or not there, written under a temporary name, then renamed; and locks on them."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock

from src import InputError


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
