"""What several tests need: a few hundred real digits in the place of all of them, Ctrl-C, the committed records."""

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from src import data
from src.runs import checkpoints, records


def forget_labels():
    """Have records read the labels of splits again."""
    for each in vars(records).values():
        getattr(each, "cache_clear", lambda: None)()


@pytest.fixture
def few_digits(monkeypatch):
    """Make every split its first few hundred images, so that an epoch takes a moment."""
    sizes = {"train": 600, "validation-rest": 500, "test": 200, "validation": 100}
    load = data.load
    monkeypatch.setattr(data, "load", lambda split: load(split)[: sizes[split]] if split in sizes else load(split))
    forget_labels()
    yield
    forget_labels()


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Tiny batches gain nothing from threads, and lose much on a busy machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def evidence():
    """The committed records of all studies, read once."""
    from studies.evidence import load_evidence

    return load_evidence()


@pytest.fixture
def no_early_reads(monkeypatch):
    """A function: from now on, nothing may be read from the device before a network has seen all of the few_digits."""

    def watch(network):
        passes, read = [], torch.Tensor.item
        network.register_forward_pre_hook(lambda network, images: passes.append(len(images[0])))

        def counted(tensor):
            assert sum(passes) >= 600, "read in the middle of an epoch"
            return read(tensor)

        monkeypatch.setattr(torch.Tensor, "item", counted)

    return watch


@pytest.fixture
def interrupt(monkeypatch):
    """A function: from now on, Ctrl-C comes in the middle of the epoch after so many finished ones; None: no more."""
    save, state = checkpoints.save, dict(after=None, finished=0, steps=0)

    def after(epochs=None):
        state.update(after=epochs, finished=0, steps=0)

    def counted_save(*arguments):
        save(*arguments)
        state.update(finished=state["finished"] + 1, steps=0)

    def count_step(*_):
        state["steps"] += torch.get_default_dtype() == torch.float32  # and not one of a fingerprint
        if (state["finished"], state["steps"]) == (state["after"], 2):
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "save", counted_save)
    hook = register_optimizer_step_pre_hook(count_step)
    yield after
    hook.remove()
