"""MNIST to 99.4 % and beyond with a few thousand parameters, one technique at a time.

The lesson: experiments, model, data, augment, training. Around it: runs (kept), show (in notebooks), use (of networks).
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent  # of the repository


class InputError(Exception):
    """What was wrong, where, and what to do, in one sentence for the person at the keyboard."""

    def _render_traceback_(self):  # what IPython shows in the place of a traceback
        return [f"error: {self}"]
