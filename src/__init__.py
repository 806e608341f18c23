"""MNIST to 99.4 % and beyond with a few thousand parameters, one technique at a time.

The lesson: experiments (what to train), model (layer line -> network), data and augment (batches), training (the loop).
Rooms around it: studies (more experiments), runs (a run that is kept), evidence (what records say), speed (timings).
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent  # of the repository


class InputError(Exception):
    """What was wrong, where, and what to do, in one sentence for the person at the keyboard."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows in the place of a traceback."""
        return [f"error: {self}"]
