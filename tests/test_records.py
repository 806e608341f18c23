import dataclasses
import json
from dataclasses import replace

import pytest

from src import InputError
from src.augment import Augmentation
from src.experiments import MODEL1, MODEL4, SGD, Constant, Experiment
from src.runs import records
from src.runs.many import run_one
from src.studies.names import with_epochs

SHORT = replace(MODEL1, name="Short", epochs=1)


@pytest.fixture
def record(few_digits, tmp_path):
    return run_one(SHORT, 0, tmp_path)


@pytest.fixture
def path(record, tmp_path):
    return records.path_of(tmp_path, SHORT.name, 0)


def test_a_record_is_read_back_as_it_was_written(record, path):
    assert records.load(path) == record
    assert record.parameters == 10_120 and len(record.predictions) == 200


def test_a_recorded_run_is_not_trained_again(record, path, tmp_path):
    written = path.stat().st_mtime_ns
    assert run_one(SHORT, 0, tmp_path) == record
    assert path.stat().st_mtime_ns == written


def test_the_latest_run_of_a_model_is_found_whatever_its_number_of_epochs(few_digits, tmp_path, monkeypatch):
    monkeypatch.setattr(records, "RUNS", tmp_path)
    others = [replace(SHORT, name=f"{SHORT.name}-wider"), replace(SHORT, name="Shorter")]
    for experiment in [SHORT, with_epochs(SHORT, 2), *others]:
        run_one(experiment, 0, tmp_path, quiet=True)
    run_one(with_epochs(SHORT, 2), 1, tmp_path, quiet=True)
    latest = records.load_latest({"Short": SHORT, "Model2": SHORT})
    assert [(name, len(found), found[0].seed) for name, found in latest.items()] == [("Short-2-epochs", 1, 0)]


OTHER_VALUES = dict(
    layer_line="4 G t10",
    schedule=Constant(0.02),
    epochs=14,
    batch_size=64,
    optimizer=SGD(),
    bias="all",
    batch_normalization="all",
    normalization_scale=False,
    relu_before_bn=True,
    channel_dropout=0.01,
    dropout=0.01,
    dropout_after="3x3",
    augmentation=Augmentation(rotation=10, translation=2, scale=0.1, until=0.9),
    keep_best=True,
    label_smoothing=0.1,
    hardest=0.5,
    bfloat16=True,
    ghost_batches=2,
)


def test_the_hash_follows_every_field_of_the_definition_but_not_its_words():
    assert {field.name for field in dataclasses.fields(Experiment)} == {"name", "target", *OTHER_VALUES}
    hashes = [records.definition_hash(replace(MODEL4, **{name: value})) for name, value in OTHER_VALUES.items()]
    assert len({*hashes, records.definition_hash(MODEL4)}) == len(OTHER_VALUES) + 1
    assert records.definition_hash(replace(MODEL1, name="other", target=())) == records.definition_hash(MODEL1)


def test_the_hash_tells_kinds_of_optimizers_apart_though_their_settings_are_at_their_defaults():
    assert records.definition(replace(MODEL1, optimizer=SGD()))["optimizer"] == {"SGD": {}}


def test_a_stale_record_is_named_and_refused_by_reports_and_replaced_by_a_new_run(record, path, tmp_path):
    changed = replace(SHORT, schedule=Constant(0.002))
    with pytest.raises(InputError, match=f"{path} is stale"):
        records.load_all(tmp_path, {"Short": changed})
    assert run_one(changed, 0, tmp_path).definition_hash == records.definition_hash(changed)
    assert len(records.load_all(tmp_path, {"Short": changed})["Short"]) == 1


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


def test_a_record_copied_to_another_seed_is_refused(record, path, tmp_path):
    fields = json.loads(path.read_text())
    fields["seed"] = 1
    path.with_name("seed-1.json").write_text(json.dumps(fields))
    with pytest.raises(InputError, match="repeats that of seed 0"):
        records.load_all(tmp_path, {"Short": SHORT})
