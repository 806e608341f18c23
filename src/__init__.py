"""MNIST to 99.4 % and beyond with a few thousand parameters, one technique at a time.

The modules in the order in which data flows through them: experiments (what to run), model (layer
line -> network), data and augment (batches), training with checkpoints and progress (one run),
records (a run on disk), sweep (many runs), statistics, report and plots (what they say), publish
(README and figures). Notebooks and the command line stand outside and only call these.
"""


class InputError(Exception):
    """What was wrong, where, and what to do, in one sentence meant for the person at the keyboard."""
