"""What several tests need: a few real digits in the place of all of them, a browser, Ctrl-C, the committed records."""

import shutil

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from src import ROOT, data
from src.runs import checkpoints, records

FEW_DIGITS = """
whole = load


def load(split):
    return whole(split)[:3000] if split == "train" else whole(split)
"""
# What is appended to modules of a copy, so that its notebooks take seconds: few digits, one seed, short timings.
QUICK = {
    "src/data.py": FEW_DIGITS,
    "src/show/compare.py": "all_of = checked\n\n\ndef checked(seeds):\n    return all_of(seeds)[:1]\n",
    "src/show/worth.py": "ROUNDS, IMAGES = 3, 256\n",
}
CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


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


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the repository whose notebooks are quick; the real figures and notebooks stay as they are."""
    folder = tmp_path_factory.mktemp("copy")
    unwanted = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", ".unfinished")
    for name in ["src", "studies", "notebooks", "docs"]:
        shutil.copytree(ROOT / name, folder / name, ignore=unwanted)
    (folder / "results").symlink_to(ROOT / "results")
    (folder / "images").mkdir()
    shutil.copy(ROOT / "images" / "rates.png", folder / "images")  # Model4 shows it
    shutil.copy(ROOT / "Makefile", folder)
    for name, code in QUICK.items():
        with open(folder / name, "a", encoding="utf-8") as file:
            file.write(code)
    return folder


@pytest.fixture
def draw():
    """A function: draw a stroke with the mouse of a page on the paper of the page or of a frame; the button stays down.

    corners: fractions of the paper."""

    def draw(page, place, corners):
        box = place.locator("#drawing").bounding_box()
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point, steps=8)

    return draw


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine; install it with: apt-get install chromium")
    from playwright.sync_api import Error, sync_playwright  # few tests need it

    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        except Error as error:
            pytest.skip(f"Chromium does not start: {error}")
        yield browser
        browser.close()
