"""MNIST to 99.4 % and beyond with a few thousand parameters, step by step.

The lesson: experiments, model, data, augment, training. Around it: runs (kept), show (in notebooks), use (of networks).
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent  # of the repository

# On Linux the threads of PyTorch spin while they wait for each other, for minutes in sum where another program has one
# of the cores. A bound on that is read when PyTorch is imported; after that, only one thread helps.
if "torch" not in sys.modules:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
elif sys.platform == "linux" and "GOMP_SPINCOUNT" not in os.environ and os.getloadavg()[0] > os.cpu_count() / 4:
    sys.modules["torch"].set_num_threads(1)
    print("This machine is busy, and PyTorch was imported before src: it has one thread here.", file=sys.stderr)


class InputError(Exception):
    """What was wrong, where, and what to do, in one sentence for the person at the keyboard."""

    def _render_traceback_(self):  # what IPython shows in the place of a traceback
        return [f"error: {self}"]
