"""MNIST to 99.4 % and beyond with a few thousand parameters, one technique at a time.

The modules in the order in which data flows through them: experiments (what to run),
model (layer line -> network), data and augment (batches), training (one run),
plots and report (what a reader sees). Notebooks and ``python -m src`` only call these.
"""


class InputError(Exception):
    """What was wrong, where, and what to do, in one sentence meant for the person at the keyboard."""
