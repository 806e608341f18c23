"""How `jupyter nbconvert --config notebooks/nbconvert_config.py --execute` executes a notebook.

As nbconvert does, and beside it a line on the screen for each epoch, a picture in the place of a page, no warnings of
the kernel, and one sentence and an exit code in the place of a traceback: 2 for a cell that fails, 130 for Ctrl-C. Then
nothing is written.
"""

import logging
import re
import subprocess
import sys
import time

from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbconvert.preprocessors import ExecutePreprocessor


class ShowEpochs(ExecutePreprocessor):
    """Executes a notebook and prints the epochs of which src/runs/progress.py tells, behind the notebook's name."""

    def preprocess(self, nb, resources=None, km=None):
        self.name, start = resources["metadata"]["name"], time.monotonic()
        for logger in (self.log, logging.getLogger("asyncio")):  # these tell, too, of a kernel that is dead
            logger.setLevel(logging.CRITICAL)
        self.tell("started")
        try:
            executed = super().preprocess(nb, resources, km)
        except CellExecutionError:
            self.leave(2, f"error: {self.name}: {sentence(nb)}")
        except DeadKernelError:
            why = "was killed, perhaps for lack of memory; run the same command again to resume."
            self.leave(2, f"error: {self.name}: the process of cell {self.code_cells_executed} {why}")
        except KeyboardInterrupt:
            kept = f"{self.name} keeps its finished epochs"
            self.leave(130, f"\ninterrupted: {kept}; run the same command again to resume.")
        self.tell(f"finished in {time.monotonic() - start:.0f} s")
        return executed

    def start_new_kernel(self, **options):
        return super().start_new_kernel(**options, stderr=subprocess.DEVNULL)  # warnings of a cell are in its output

    def process_message(self, msg, cell, cell_index):
        transient = msg["content"].get("transient") or {}
        if "epoch" in transient:
            self.tell(transient["epoch"])
        if "still" in transient:  # a picture in the place of what is alive, as in src/use/page.py
            shown = msg["content"]["data"]
            msg["content"]["data"] = {kind: shown[kind] for kind in shown if kind == transient["still"]} or shown
        return super().process_message(msg, cell, cell_index)

    def tell(self, words):
        print(f"{self.name} | {words}", flush=True)

    def leave(self, code, words):
        print(words, file=sys.stderr, flush=True)
        sys.exit(code)


def sentence(notebook):
    """Return the sentence that a failed cell shows in the place of a traceback, or the traceback without colours."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    failed = [(cell, output) for cell in cells for output in cell.outputs if output.output_type == "error"]
    cell, output = failed[-1]
    if len(output.traceback) == 1:
        return output.traceback[0].removeprefix("error: ")
    return f"cell {cell.execution_count} failed.\n" + re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(output.traceback))


c = get_config()  # noqa: F821  nbconvert executes this file
c.NotebookExporter.default_preprocessors = [ShowEpochs]
c.ShowEpochs.record_timing = False
c.ShowEpochs.shutdown_kernel = "immediate"
c.ShowEpochs.timeout = None
c.NbConvertApp.log_level = logging.WARNING
