"""A record is whole, agrees with itself and with its experiment, or is refused."""

import dataclasses
import json
import subprocess
import sys
from dataclasses import replace

import pytest
from torch import nn

from src import ROOT, InputError
from src.augment import Augmentation
from src.experiments import MODEL1, MODEL4, SERIES, AdamW, Constant, Experiment
from src.runs import records
from src.runs.one import run_one

SHORT = replace(MODEL1, name="Short", layer_line="4 P P G t10", epochs=1)


@pytest.fixture
def record(few_digits, tmp_path):
    return run_one(SHORT, 0, tmp_path, quiet=True)


@pytest.fixture
def path(record, tmp_path):
    return records.path_of(tmp_path, SHORT.name, 0)


def test_a_record_is_read_back_as_it_was_written(record, path):
    assert records.load(path) == record
    assert record.parameters == 94 and len(record.predictions) == 200 and record.final == record.history[-1]
    assert sum(record.right) == round(200 * record.final.test_accuracy)


def test_a_recorded_run_is_not_trained_again(record, path, tmp_path):
    written = path.stat().st_mtime_ns
    assert run_one(SHORT, 0, tmp_path) == record
    assert path.stat().st_mtime_ns == written


def test_records_of_a_name_are_read_in_the_order_of_their_seeds(few_digits, tmp_path):
    for seed in (10, 2, 0):
        run_one(SHORT, seed, tmp_path, quiet=True)
    assert [record.seed for record in records.load_of("Short", tmp_path)] == [0, 2, 10]
    assert records.load_of("Other", tmp_path) == []


class Mine(nn.Sequential):
    """A network of a learner's own."""

    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(784, 10))


OTHER_VALUES = dict(
    layer_line="4 G t10",
    schedule=Constant(0.02),
    epochs=14,
    batch_size=64,
    optimizer=AdamW(0.02),
    activation="GELU",
    batch_normalization="none",
    channel_dropout=0.01,
    train_images=1000,
    wrong_labels=0.1,
    augmentation=Augmentation(rotation=10, translation=2, scale=0.1, until=0.9),
    network=Mine,
    data="FashionMNIST",
)


def test_the_hash_follows_every_field_of_the_definition_but_not_its_words():
    assert {field.name for field in dataclasses.fields(Experiment)} == {"name", "target", *OTHER_VALUES}
    hashes = [records.definition_hash(replace(MODEL4, **{name: value})) for name, value in OTHER_VALUES.items()]
    assert len({*hashes, records.definition_hash(MODEL4)}) == len(OTHER_VALUES) + 1
    assert records.definition_hash(replace(MODEL1, name="other", target=())) == records.definition_hash(MODEL1)


def test_a_definition_leaves_out_what_is_at_its_default_and_keeps_the_kind_of_what_is_not():
    definition = records.definition(replace(MODEL1, optimizer=AdamW(0.02)))
    assert definition["optimizer"] == {"AdamW": {"weight_decay": 0.02}}
    assert definition["schedule"] == {"Constant": {"rate": 0.001}}
    assert records.definition(MODEL1).keys() == {"layer_line", "schedule", "epochs", "batch_normalization"}
    assert json.loads(json.dumps(definition)) == definition


@pytest.mark.parametrize("experiment", SERIES.values(), ids=SERIES)
def test_the_committed_records_are_of_the_experiment_as_it_is(experiment):
    found = records.load_of(experiment.name, records.RESULTS)
    assert {record.definition_hash for record in found} == {records.definition_hash(experiment)}


def test_the_hash_of_a_record_follows_what_came_out_but_not_its_seconds(record):
    def changed(**values):
        return replace(record, history=(replace(record.history[0], **values),)).hash

    assert changed(seconds=7.0, cpu_seconds=8.0) == record.hash
    others = [changed(test_loss=0.1), replace(record, seed=1).hash, replace(record, predictions="0" * 200).hash]
    assert len({record.hash, *others}) == 4


def test_a_record_of_another_definition_is_named_and_not_used_and_a_new_one_sets_it_aside(
    record, path, tmp_path, capsys
):
    changed = replace(SHORT, schedule=Constant(0.002))
    assert records.recorded(SHORT, None, tmp_path) == {0: record} == records.recorded(SHORT, range(3), tmp_path)
    assert not capsys.readouterr().out
    assert records.recorded(changed, [0], tmp_path) == {}
    assert (
        f"Short (seeds 0) in {tmp_path / 'test'} have other settings or another network; they are not used."
        in capsys.readouterr().out
    )
    assert run_one(changed, 0, tmp_path, quiet=True).definition_hash == records.definition_hash(changed)
    assert records.recorded(changed, [0], tmp_path) == {0: records.load(path)}
    aside = path.with_name(f"seed-0.json.{record.hash}")
    assert f"it is kept as {aside.name}" in capsys.readouterr().out and aside.read_text() == records._text(record)


def test_a_record_is_saved_over_itself_and_a_damaged_one_is_set_aside(record, path, tmp_path, capsys):
    records.save(replace(record, wall_seconds=7.0), tmp_path)
    assert [each.name for each in path.parent.iterdir()] == ["seed-0.json"] and records.load(path).wall_seconds == 7
    path.write_text("{")
    records.save(record, tmp_path)
    assert records.load(path) == record and len(list(path.parent.iterdir())) == 2


@pytest.mark.parametrize(
    "field, value, words",
    [
        ("seed", 7, "lies elsewhere"),
        ("data_hash", "0", "another data set"),
        ("definition_hash", "0", "does not match its hash"),
        ("history", [], "one line per epoch"),
        ("history", [[1, 2]], "damaged"),
        ("history", [[1, 0.1, 0.99, 0.1, 0.999, 0.1, 1.0, 1.0]], "claims a final accuracy of 0.9990"),
        ("predictions", ["123"], "3 predictions for 200 images"),
        ("predictions", None, "damaged"),
        ("opinion", "good", "unexpected keyword argument 'opinion'"),
        ("device", KeyError, "missing 1 required positional argument: 'device'"),
    ],
)
def test_a_record_that_does_not_agree_with_itself_is_refused(record, path, field, value, words):
    fields = json.loads(path.read_text())
    fields[field] = value
    if value is KeyError:
        del fields[field]
    path.write_text(json.dumps(fields))
    with pytest.raises(InputError, match=words) as error:
        records.load(path)
    assert str(path) in str(error.value)


def test_a_damaged_record_is_named(record, path):
    path.write_text(path.read_text()[:500])
    with pytest.raises(InputError, match=f"{path} is damaged"):
        records.load(path)


def test_a_file_that_is_half_written_when_the_disk_is_full_leaves_nothing_behind(tmp_path):
    """A limit on the size of a file stands for the full disk: it fails in the same call, in the middle of a file."""
    program = (
        "import resource, signal, sys; from pathlib import Path; from src.runs import files; "
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); "
        "files.write(Path(sys.argv[1]), bytes(2000))"
    )
    (tmp_path / "kept").write_bytes(b"as before")
    command = [sys.executable, "-c", program, tmp_path / "kept"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert "InputError: cannot write" in done.stderr and str(tmp_path / "kept") in done.stderr
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"as before"]
