"""The commands of the studies: list, run, bench, report and weights, and what they refuse in one sentence.

That this is so of a process too is in tests/test_command_line.py.
"""

import re
import resource
import sys
from types import SimpleNamespace

import pytest

from src import InputError, data
from src.__main__ import main
from src.experiments import SERIES
from src.runs import files
from src.runs.progress import HEADER
from studies import catalogue, readme, timing, weights
from studies.catalogue import BENCHES, EXPERIMENTS, GROUPS
from studies.commands import parse_seeds
from studies.published import STEPS

COMMANDS = ["list", "run", "bench", "report", "weights", "sprint"]


def ends_in_help(arguments, capsys):
    """What --help prints, after which it ends without an error."""
    with pytest.raises(SystemExit, check=lambda end: not end.code):
        main([*arguments, "--help"])
    return capsys.readouterr().out


def test_help_lists_the_commands_of_all_studies(capsys):
    shown = ends_in_help([], capsys)
    assert all(re.search(rf"^ +{command} ", shown, re.MULTILINE) for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_of_its_own(command, capsys):
    assert f"python -m src {command}" in ends_in_help([command], capsys)


def test_list_prints_the_groups_and_every_experiment_with_its_layer_line_and_parameters(capsys):
    assert main(["list"]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert all(group in first.replace(",", " ").split() for group in GROUPS)
    assert [line for line in lines if not line.startswith(" ")] == list(EXPERIMENTS)
    output = "\n".join(lines)
    assert all(experiment.layer_line in output for experiment in SERIES.values())
    assert "10,120" in output and "7,870" in output


def test_list_shows_what_a_recipe_has_beyond_the_defaults_and_the_targets(capsys):
    assert main(["list", "Sprint", "Model4"]) == 0
    sprint, model4 = capsys.readouterr().out.split("Model4\n")
    assert all(words in sprint for words in ["hardest 0.25", "label smoothing 0.1", "epochs 4", "none: a comparison"])
    assert "hardest" not in model4 and "test accuracy >= 99.5 %" in model4


def test_list_shows_published_steps_with_the_counts_that_their_logs_report(capsys):
    assert main(["list", "published"]) == 0
    output = capsys.readouterr().out
    notes = re.findall(r"^  published +([\d,]+) parameters.*, train .* test .*: .+$", output, re.MULTILINE)
    assert [int(count.replace(",", "")) for count in notes] == [step.parameters for step in STEPS.values()]
    assert len(notes) == len(STEPS) >= 18


def test_list_shows_the_experiments_that_are_named_in_this_order(capsys):
    assert main(["list", "A3", "Model1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ["A3", "Model1"]


def test_a_step_of_a_study_is_run_by_its_name(few_digits, tmp_path, capsys):
    assert main(["run", "D2", "--epochs", "1", "--results", str(tmp_path), "--device", "cpu"]) == 0
    assert "D2-1-epoch" in capsys.readouterr().out.splitlines()[-1]


def test_run_prints_a_table_per_run_and_a_summary_and_keeps_the_records(few_digits, tmp_path, capsys):
    how = ["--seeds", "0-1", "--epochs", "2", "--split", "validation", "--results", str(tmp_path), "--device", "cpu"]
    assert main(["run", "Model4", *how]) == 0
    output = capsys.readouterr().out
    assert output.count(HEADER) == 2 and "Model4-2-epochs, seed 1" in output
    assert re.search(r" \d\d\.\d\d, \d\d\.\d\d ", output.splitlines()[-1])  # two seeds are shown as two numbers
    kept = sorted(path.name for path in (tmp_path / "validation" / "Model4-2-epochs").glob("*.json"))
    assert kept == ["seed-0.json", "seed-1.json"]


@pytest.mark.parametrize(
    "option, folder",
    [([], "results"), (["--epochs", "1"], "results"), (["--epochs", "2"], "runs"), (["--threads", "2"], "runs")],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_runs_that_are_no_evidence_are_kept_apart_from_records(few_digits, monkeypatch, tmp_path, option, folder):
    load = data.load
    monkeypatch.setattr(data, "load", lambda split: load(split)[:60])
    for name in ("results", "runs"):
        monkeypatch.setattr(f"src.runs.records.{name.upper()}", tmp_path / name)
    assert main(["run", "Sprint-99", "--device", "cpu", *option]) == 0  # which has one epoch
    assert [path.name for path in tmp_path.iterdir()] == [folder]


@pytest.mark.parametrize(
    "text, seeds", [("3", [3]), ("0-4", [0, 1, 2, 3, 4]), ("0,2,7-9", [0, 2, 7, 8, 9]), ("1,1", [1])]
)
def test_seeds_are_read_as_numbers_and_ranges(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["list", "Model9"], "no experiment 'Model9'"),
        (["run", "Model9"], "no experiment 'Model9'"),
        (["run", "Model1", "--device", "tpu"], "no device 'tpu'"),
        (["run", "Model1", "--epochs", "0"], "epochs must be a whole number from 1 to 1,000, not 0"),
        (["run", "Model1", "--threads", "0"], "threads must be a whole number from 1 to 256, not 0"),
        (["run", "Model1", "--seeds", "one"], "'one' is not a whole number"),
        (["run", "Model1", "--seeds", "1.5"], "'1.5' is not a whole number"),
        (["run", "Model1", "--seeds", "4-0"], "runs backwards"),
        (["run", "Model1", "--split", "train"], "cannot evaluate on 'train'"),
        (["run", "Model1", "--results", "/dev/null/here"], "/dev/null/here"),
        (["run", "Model1", "--jobs", "0"], "--jobs must be a whole number from 1 to 256, not 0"),
        (["bench", "everything"], "no bench 'everything'"),
        (["sprint", "Model9"], "no experiment 'Model9'"),
        (["sprint", "--seeds", "0"], "--seeds must be a whole number from 1"),
        (["sprint", "--device", "tpu"], "no device 'tpu'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence_and_exit_code_2(arguments, words, tmp_path, capsys):
    results = ["--results", str(tmp_path)] if arguments[0] == "run" and "--results" not in arguments else []
    assert main(arguments + results) == 2
    errors = capsys.readouterr().err
    assert words in errors and errors.startswith("error: ") and errors.count("\n") == 1


@pytest.mark.parametrize("option, value", [("--epochs", "two"), ("--jobs", "many")])
def test_what_is_no_number_is_refused_with_exit_code_2(option, value, capsys):
    with pytest.raises(SystemExit, check=lambda end: end.code == 2):
        main(["run", "Model1", option, value])
    assert f"invalid int value: '{value}'" in capsys.readouterr().err


@pytest.mark.parametrize("file", ["checkpoint", "seed-0.json"])
def test_a_full_disk_is_one_sentence_and_leaves_nothing_half_written(few_digits, monkeypatch, tmp_path, capsys, file):
    """A limit on the size of a file stands for the full disk: it fails in the same call, in the middle of a file."""
    write, (soft, hard) = files.write, resource.getrlimit(resource.RLIMIT_FSIZE)

    def write_to_a_full_disk(path, content):
        if path.name.endswith(file):
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(content) // 2, hard))
        try:
            write(path, content)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    monkeypatch.setattr(files, "write", write_to_a_full_disk)
    assert main(["run", "Model4", "--epochs", "1", "--device", "cpu", "--results", str(tmp_path)]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("error: cannot write ") and file in errors and errors.count("\n") == 1
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    whole = {"test-Model4-1-epoch-0.checkpoint"} if file != "checkpoint" else set()
    assert left == {"test-Model4-1-epoch-0.lock"} | whole


# bench


@pytest.fixture
def benches(monkeypatch, tmp_path):
    """Benches that take no time: the names of those taken."""
    taken = []
    for name in BENCHES:
        module = SimpleNamespace(
            measure=lambda name=name: taken.append(name) or {"measured": name},
            text=lambda of: f"told: {of['measured']}",
        )
        monkeypatch.setitem(sys.modules, f"stub_{name}", module)
        monkeypatch.setitem(catalogue.BENCHES, name, f"stub_{name}")
    monkeypatch.setattr(timing, "RESULTS", tmp_path)
    return taken


def test_the_names_of_benches_come_from_the_studies():
    assert BENCHES == {
        name: module for face in catalogue.FACES for name, module in getattr(face, "BENCHES", {}).items()
    }
    names = "throughput sprint usual use depthwise gpu doubt hands chip beside"
    assert BENCHES.keys() == set(names.split())


@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_is_taken_by_its_name_kept_and_told(benches, tmp_path, capsys, name):
    assert main(["bench", name]) == 0
    assert benches == [name] and timing.load(name, tmp_path / "bench") == {"measured": name}
    assert capsys.readouterr().out == f"told: {name}\n"


def test_bench_without_a_name_takes_throughput_and_sprint(benches, tmp_path):
    assert main(["bench"]) == 0
    assert benches == ["throughput", "sprint"]


def test_a_bench_that_there_is_not_is_refused_with_the_names_of_all(benches, capsys):
    assert main(["bench", "nothing"]) == 2
    errors = capsys.readouterr().err
    assert all(name in errors for name in BENCHES) and not benches


# report and weights: what they do is in test_readme.py and test_weights.py


@pytest.mark.parametrize("arguments, done", [(["report"], "Written."), (["report", "--check"], "Compared.")])
def test_report_checks_the_code_and_writes_or_only_compares(evidence, monkeypatch, capsys, arguments, done):
    checked = []
    monkeypatch.setattr("studies.evidence.load_evidence", lambda: evidence)
    monkeypatch.setattr("studies.evidence.check_code", checked.append)
    monkeypatch.setattr("src.runs.fingerprint.edited", lambda: "")
    monkeypatch.setattr(readme, "publish", lambda evidence: "Written.")
    monkeypatch.setattr(readme, "check", lambda evidence: "Compared.")
    assert main(arguments) == 0 and checked == [evidence]
    assert capsys.readouterr().out == f"{done} Today's code trains what they claim.\n"


def test_report_check_fails_with_one_sentence_where_something_disagrees(monkeypatch, capsys):
    def disagrees(evidence):
        raise InputError("README.md, line 7, says otherwise.")

    monkeypatch.setattr("studies.evidence.load_evidence", lambda: None)
    monkeypatch.setattr("studies.evidence.check_code", lambda evidence: None)
    monkeypatch.setattr(readme, "check", disagrees)
    assert main(["report", "--check"]) == 2
    assert capsys.readouterr().err == "error: README.md, line 7, says otherwise.\n"


def test_weights_says_what_is_kept(monkeypatch, capsys):
    monkeypatch.setattr(weights, "keep_weights", lambda: "kept")
    assert main(["weights"]) == 0
    assert capsys.readouterr().out == "kept\n"
