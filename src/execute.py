"""Notebooks executed without a browser: a line for each epoch as it ends, and no file that is half a notebook."""

import logging
import re
import subprocess
import time
from pathlib import Path
from typing import Any

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

from src import InputError
from src.runs import files


def execute(path: Path, folder: Path | None = None) -> Path:
    """Execute a notebook in its own folder, and return the file that has it with its new outputs.

    folder: where that file is written; by default it takes the place of the notebook. On the screen each line
    begins with the notebook's name. Raises InputError, and writes nothing, if the notebook cannot be read, if a
    cell fails and if the kernel dies.
    """
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # after Ctrl-C it tells of the killed kernel
    notebook, start = files.read_notebook(path), time.monotonic()
    client = _Client(notebook, path)
    print(f"{path.stem} | started", flush=True)
    with client.setup_kernel(stderr=subprocess.DEVNULL):  # warnings of the kernel; those of a cell are in its output
        information = client.wait_for_reply(client.kc.kernel_info())
        notebook.metadata["language_info"] = information["content"]["language_info"]
        for index, cell in enumerate(notebook.cells):
            try:
                client.execute_cell(cell, index)
            except CellExecutionError:
                raise InputError(f"{path.stem}: {_error(cell)}") from None
            except DeadKernelError:
                raise InputError(
                    f"{path.stem}: the process of cell {client.code_cells_executed} was killed, perhaps for lack of "
                    "memory; run the same command again to resume."
                ) from None
            except KeyboardInterrupt:
                raise KeyboardInterrupt(f"{path.stem} keeps its finished epochs") from None
    target = (folder or path.parent) / path.name
    files.write_notebook(target, notebook)
    print(f"{path.stem} | finished in {time.monotonic() - start:.0f} s", flush=True)
    return target


class _Client(NotebookClient):
    """Takes what the kernel sends into the notebook, and prints the epochs of which src/runs/progress.py tells."""

    def __init__(self, notebook: NotebookNode, path: Path) -> None:
        start_in = {"metadata": {"path": str(path.parent)}}
        super().__init__(notebook, resources=start_in, record_timing=False, shutdown_kernel="immediate")
        self.name = path.stem

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        transient = msg["content"].get("transient") or {}
        if "epoch" in transient:
            print(f"{self.name} | {transient['epoch']}", flush=True)
        return super().process_message(msg, cell, cell_index)


def _error(cell):
    """Return the sentence that a failed cell shows in the place of a traceback, or the traceback without colours."""
    traceback = next(output.traceback for output in cell.outputs if output.output_type == "error")
    if len(traceback) == 1:
        return traceback[0].removeprefix("error: ")
    return f"cell {cell.execution_count} failed.\n" + re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(traceback))
