"""What several tests need: a few hundred real digits in the place of all of them."""

import pytest
import torch

from src import data
from src.runs import records


@pytest.fixture
def few_digits(monkeypatch):
    """Make every split its first few hundred images, so that an epoch takes a moment."""
    sizes = {"train": 600, "fit": 500, "test": 200, "validation": 100}
    load = data.load
    monkeypatch.setattr(data, "load", lambda split: load(split)[: sizes[split]] if split in sizes else load(split))
    records._labels.cache_clear()
    yield
    records._labels.cache_clear()


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Tiny batches gain nothing from threads, and lose much on a busy machine."""
    torch.set_num_threads(1)
