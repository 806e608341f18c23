"""The evidence is whole, of the experiments as they are, and each run counts once; or what is wrong is named."""

import json
from dataclasses import replace

import pytest

from src import InputError
from src.experiments import MODEL1, MODEL4, Constant
from src.runs import records
from src.runs.one import run_one
from studies import evidence as module
from studies.catalogue import EXPERIMENTS, FACES, GROUPS
from studies.evidence import load_all, load_evidence, records_of
from studies.recipes import Plateau, StepDecay

SHORT = replace(MODEL1, name="Short", layer_line="4 P P G t10", epochs=1)


@pytest.fixture
def known(monkeypatch):
    """A function that makes other experiments the catalogue."""
    return lambda *experiments: monkeypatch.setattr(module, "EXPERIMENTS", {each.name: each for each in experiments})


@pytest.fixture
def folder(few_digits, known, tmp_path):
    """A folder with records of the only experiment there is, seeds 10, 2 and 0."""
    known(SHORT)
    for seed in (10, 2, 0):
        run_one(SHORT, seed, tmp_path, quiet=True)
    return tmp_path


def test_records_are_read_by_name_in_the_order_of_their_seeds(folder, known):
    other = replace(SHORT, name="Other")
    known(SHORT, other)
    found = load_all(folder)
    assert list(found) == ["Short", "Other"] and [record.seed for record in found["Short"]] == [0, 2, 10]
    assert found["Other"] == [] and records_of([other], found) == {"Other": []}


def test_a_stale_record_is_named_and_counts_again_when_it_was_run_anew(folder, known):
    changed = replace(SHORT, schedule=Constant(0.002))
    known(changed)
    for seed in (0, 10, 2):
        with pytest.raises(InputError, match=rf"seed-{seed}\.json is stale: Short"):
            load_all(folder)
        run_one(changed, seed, folder, quiet=True)
    assert len(load_all(folder)["Short"]) == 3


def test_a_record_that_the_code_of_today_would_not_make_is_named(evidence):
    shown = replace(evidence, trials={}, resplits={})
    module.check_code(shown)  # all that was evaluated on the test set
    few = {name: evidence.tests[name] for name in ("Model3", "Plain")}
    altered = replace(few["Plain"][3], fingerprint=(*few["Plain"][3].fingerprint[:-1], 1.0))
    with pytest.raises(InputError, match="code of today.* does not train Plain as its records claim"):
        module.check_code(replace(shown, tests=few | {"Plain": [altered]}))


def test_a_record_copied_to_another_seed_is_refused(folder):
    path = records.path_of(folder, "Short", 0)
    fields = json.loads(path.read_text()) | {"seed": 1}
    path.with_name("seed-1.json").write_text(json.dumps(fields))
    with pytest.raises(InputError, match=r"seed-1\.json repeats .* seed 0"):
        load_all(folder)


def test_a_record_of_an_experiment_that_does_not_exist_is_refused(folder, known):
    known(replace(SHORT, name="Other"))
    with pytest.raises(InputError, match=r"Short/seed-0\.json is of an experiment that does not exist"):
        load_all(folder)


def test_a_damaged_record_is_named_and_good_ones_beside_it_stay_untouched(folder):
    good = records.path_of(folder, "Short", 2).read_bytes()
    records.path_of(folder, "Short", 0).write_text("{")
    with pytest.raises(InputError, match=r"seed-0\.json is damaged"):
        load_all(folder)
    assert records.path_of(folder, "Short", 2).read_bytes() == good


def test_records_that_a_study_needs_are_named_with_the_command_that_makes_them(tmp_path):
    with pytest.raises(InputError, match="lacks test records of Plain.*python -m src run Plain .*--seeds 0-9"):
        load_evidence(tmp_path)
    for record in records.load_of("Plain", records.RESULTS):
        records.save(record, tmp_path)
    with pytest.raises(InputError, match="lacks test records of Model1") as error:
        load_evidence(tmp_path)
    assert "Plain" not in str(error.value) and "\n" not in str(error.value)


def test_every_run_was_made_in_one_thread_for_each_ghost_batch_as_the_command_line_says(evidence):
    for records_by_name in (evidence.tests, evidence.trials, evidence.resplits):
        for name, found in records_by_name.items():
            assert {record.threads for record in found} <= {EXPERIMENTS[name].ghost_batches}


def test_the_rates_of_every_record_are_those_of_its_schedule_as_it_is(evidence):
    """A fingerprint has four epochs, too few for a schedule that waits for more before it lowers the rate."""
    seen = 0
    for records_by_name in (evidence.tests, evidence.trials, evidence.resplits):
        for name, found in records_by_name.items():
            schedule = EXPERIMENTS[name].schedule
            for record in found if isinstance(schedule, StepDecay | Plateau) else []:
                chosen = [epoch.held_out_accuracy or epoch.train_accuracy for epoch in record.history]
                for n, epoch in enumerate(record.history):
                    now = schedule.after(chosen[:n]) if isinstance(schedule, Plateau) else schedule
                    assert epoch.learning_rate == pytest.approx(now.learning_rate(0, n), rel=1e-6), (name, n)
                seen += 1
    assert seen > 30


def test_the_evidence_has_every_seed_on_its_split_and_a_resplit_is_run_with_the_seed_of_its_number(evidence):
    for split, records_by_name in [("test", evidence.tests), ("validation", evidence.trials)]:
        groups = {group for face in FACES for group in face.NEEDED[split]}
        assert set(records_by_name) == {experiment.name for group in groups for experiment in GROUPS[group]}
        assert {record.split for found in records_by_name.values() for record in found} == {split}
    assert len(evidence.tests["Model4"]) >= 10
    assert set(evidence.resplits) == {experiment.name for experiment in GROUPS["resplits"]} >= {MODEL4.name}
    for found in evidence.resplits.values():
        assert [(record.seed, record.split) for record in found] == [(k, f"resplit-{k}") for k in range(10)]
    every = [evidence.tests, evidence.trials, evidence.resplits]
    assert len(evidence) == sum(len(found) for records_by_name in every for found in records_by_name.values())
    assert all(set(records_by_name) <= set(EXPERIMENTS) for records_by_name in every)
