"""A fingerprint changes with what code trains and with nothing else; what other code made is not used."""

import math
import subprocess
from dataclasses import replace

import pytest
import torch
from torch import nn

from src import augment, training
from src.experiments import MODEL1, MODEL2, MODEL3, MODEL4, Constant
from src.runs import fingerprint as module
from src.runs import one, records
from src.runs.fingerprint import edited, fingerprint, same_code
from src.runs.one import Interrupted, run_one, train

SHORT = replace(MODEL3, name="Short", target=(), layer_line="4 P 6 G t10", epochs=2)


@pytest.mark.parametrize("experiment", [MODEL1, MODEL2, MODEL3, MODEL4], ids=lambda experiment: experiment.name)
def test_the_committed_records_have_the_fingerprint_of_the_code_as_it_is(experiment):
    today = fingerprint(experiment)
    assert len(today) == 5
    for record in records.load_of(experiment.name, records.RESULTS):
        assert same_code(record.fingerprint, today)


def test_a_fingerprint_repeats_itself_whatever_was_drawn_and_draws_nothing_itself():
    torch.manual_seed(5)
    first = fingerprint(MODEL2)
    drawn = torch.rand(3)
    assert fingerprint(MODEL2) == first
    torch.manual_seed(5)
    assert torch.equal(torch.rand(3), drawn)
    assert (
        torch.get_default_dtype() == torch.float32 and torch.zeros(1, dtype=torch.uint8).float().dtype == torch.float32
    )


def test_rounding_does_not_change_a_fingerprint(monkeypatch):
    one_thread, reproducible = fingerprint(MODEL4), module.reproducible
    monkeypatch.setattr(module, "reproducible", lambda: reproducible(2))
    layout = torch.contiguous_format
    make = module.make_network
    monkeypatch.setattr(module, "make_network", lambda *given: make(*given).to(memory_format=layout))
    assert same_code(fingerprint(MODEL4), one_thread)


def darker(images, augmentation, draws=None, background=0.0):
    return 0.999 * augment.augment(images, augmentation, draws, background)


@pytest.mark.parametrize(
    "place, name, changed",
    [
        (training, "augment", darker),
        (training, "normalize", lambda images, of: images.float() / 255 - of.mean),
        (nn.ReLU, "forward", lambda module, maps: torch.sigmoid(maps)),
        (nn.BatchNorm2d, "eps", None),
        (Constant, "learning_rate", lambda schedule, done, epoch: 1.001 * schedule.rate),
        (module, "evaluate", lambda logits, labels: training.evaluate(2 * logits, labels)),
    ],
)
def test_code_that_trains_otherwise_has_another_fingerprint(monkeypatch, place, name, changed):
    before = fingerprint(SHORT)
    if name == "eps":
        monkeypatch.setattr(nn.BatchNorm2d.__init__, "__defaults__", (1e-4, *nn.BatchNorm2d.__init__.__defaults__[1:]))
    else:
        monkeypatch.setattr(place, name, changed)
    assert not same_code(fingerprint(SHORT), before)


@pytest.mark.parametrize(
    "edit",
    [
        lambda batches: batches[:-1],
        lambda batches: batches[:1],
        lambda batches: batches[::-1],
        lambda batches: [batch._replace(learning_rate=batches[0].learning_rate) for batch in batches],
        lambda batches: [batch._replace(augmented=False) for batch in batches],
    ],
    ids=["last batch dropped", "first batch only", "other order", "rate fixed in an epoch", "not augmented"],
)
def test_an_edit_of_the_plan_of_an_epoch_changes_a_fingerprint(monkeypatch, edit):
    experiment, plan = replace(SHORT, schedule=MODEL4.schedule), training.plan_epoch
    before = fingerprint(experiment)
    monkeypatch.setattr(training, "plan_epoch", lambda *given: edit(list(plan(*given))))
    assert not same_code(fingerprint(experiment), before)


class Diverging(nn.Sequential):
    """Its logits are no numbers from the second training step on."""

    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(784, 10))
        self.steps = 0

    def forward(self, images):
        self.steps += self.training
        return super().forward(images) * (math.nan if self.steps > 2 else 1)


def test_a_fingerprint_ends_with_infinity_where_its_training_diverges_and_equals_itself():
    first = fingerprint(replace(SHORT, name="diverging", network=Diverging))
    assert len(first) == 2 and first[1] == math.inf
    assert same_code(first, fingerprint(replace(SHORT, name="diverging", network=Diverging)))


def test_fingerprints_of_other_lengths_differ_and_none_equals_an_empty_one():
    assert same_code((1.0, 2.0), (1.0, 2.0 + 1e-7)) and not same_code((1.0, 2.0), (1.0, 2.00001))
    assert not same_code((1.0, 2.0), (1.0,)) and not same_code((), (1.0,)) and not same_code((), ())


@pytest.mark.parametrize("network", [lambda: nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(784, 10)), None])
def test_dropout_of_one_half_which_torch_leaves_out_of_its_arguments_has_a_fingerprint(network):
    experiment = replace(SHORT, name="half", channel_dropout=0.5, network=network)
    assert len(fingerprint(experiment)) == 5 and fingerprint(experiment) != fingerprint(
        replace(experiment, channel_dropout=0.0, network=None)
    )


def test_code_that_was_edited_after_it_was_read_is_named(monkeypatch):
    assert module.not_reloaded() is None
    monkeypatch.setattr(module, "STARTED", (module.ROOT / "src" / "augment.py").stat().st_mtime - 1)
    assert "src/augment.py" in module.not_reloaded()


@pytest.fixture
def black(monkeypatch):
    """A function: from now on, augmented images are black."""
    return lambda: monkeypatch.setattr(training, "augment", lambda images, *_, **__: 0 * images)


def test_what_other_code_recorded_is_not_used_and_is_kept(few_digits, black, tmp_path, capsys):
    old = run_one(SHORT, 0, tmp_path, quiet=True)
    black()
    capsys.readouterr()
    assert records.recorded(SHORT, [0], tmp_path) == {}
    assert "Records of Short (seeds 0)" in (said := capsys.readouterr().out) and "by other code than today's" in said
    new = run_one(SHORT, 0, tmp_path, quiet=True)
    assert new.hash != old.hash and records.recorded(SHORT, [0], tmp_path) == {0: new}
    assert (tmp_path / "test" / "Short" / f"seed-0.json.{old.hash}").exists()


def test_what_other_code_began_is_not_resumed(few_digits, black, interrupt, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(one, "RUNS", tmp_path)
    interrupt(1)
    with pytest.raises(Interrupted):
        train(SHORT)
    interrupt(None)
    black()
    assert [epoch.epoch for epoch in train(SHORT).history] == [1, 2]
    assert "was made by other code" in capsys.readouterr().out
    assert not list(tmp_path.rglob("*.checkpoint"))


def test_the_edited_files_are_named_where_git_can_tell(monkeypatch, tmp_path):
    git = ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=b"]
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "augment.py").write_text("1")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    assert edited() == ""  # no repository
    for arguments in (["init", "-q"], ["add", "src"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *arguments], check=True)
    assert edited() == ""
    (tmp_path / "src" / "augment.py").write_text("2")
    assert edited() == " (src/augment.py differs from what is committed)"
