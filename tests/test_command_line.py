import re
import subprocess
import sys

import pytest

from src.__main__ import GROUP_NAMES, main, parse_seeds
from src.data import root
from src.experiments import SERIES
from src.studies.catalogue import GROUPS
from src.studies.published import STEPS


def test_list_shows_every_experiment_with_its_layer_line_and_parameters(capsys):
    assert main(["list"]) == 0
    output = capsys.readouterr().out
    for experiment in SERIES.values():
        assert experiment.name in output and experiment.layer_line in output
    assert "10,120" in output and "7,870" in output


def test_the_help_names_the_groups_that_there_are():
    assert GROUP_NAMES.split(", ") == list(GROUPS)


def test_list_published_shows_all_steps_with_the_counts_that_their_logs_report(capsys):
    assert main(["list", "published"]) == 0
    output = capsys.readouterr().out
    counts = re.findall(r"^  parameters       (.*)$", output, re.MULTILINE)
    assert len(counts) == len(STEPS) >= 18
    for step, count in zip(STEPS.values(), counts, strict=True):
        assert sum(int(number.replace(",", "")) for number in re.findall(r"[\d,]+", count)) == step.parameters
    assert main(["list", "A3", "Model1"]) == 0
    names = [line for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
    assert names == ["A3", "Model1"]


def test_a_published_step_is_run_by_its_name(few_digits, tmp_path, capsys):
    assert main(["run", "D2", "--epochs", "1", "--results", str(tmp_path), "--device", "cpu"]) == 0
    assert "D2-1-epoch" in capsys.readouterr().out.splitlines()[-1]


def test_run_prints_a_table_per_run_and_a_summary_and_keeps_the_records(few_digits, tmp_path, capsys):
    arguments = [
        "run",
        "Model4",
        "--seeds",
        "0-1",
        "--epochs",
        "2",
        "--split",
        "validation",
        "--results",
        str(tmp_path),
    ]
    arguments += ["--device", "cpu"]
    assert main(arguments) == 0
    output = capsys.readouterr().out
    assert output.count("epoch  train loss") == 2 and "Model4-2-epochs, seed 1" in output
    assert re.search(r" \d\d\.\d\d, \d\d\.\d\d ", output.splitlines()[-1])  # two seeds are shown as two numbers
    kept = sorted(path.name for path in (tmp_path / "validation" / "Model4-2-epochs").glob("*.json"))
    assert kept == ["seed-0.json", "seed-1.json"]


@pytest.mark.parametrize(
    "text, seeds", [("3", [3]), ("0-4", [0, 1, 2, 3, 4]), ("0,2,7-9", [0, 2, 7, 8, 9]), ("1,1", [1])]
)
def test_seeds_are_read_as_numbers_and_ranges(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["list", "Model9"], "no experiment 'Model9'; choose from Model1"),
        (["run", "Model9"], "no experiment 'Model9'; choose from Model1"),
        (["run", "Model1", "--device", "tpu"], "no device 'tpu'"),
        (["run", "Model1", "--epochs", "0"], "Experiment.epochs must be a whole number from 1 to 1,000, not 0"),
        (["run", "Model1", "--threads", "0"], "threads must be a whole number from 1 to 256, not 0"),
        (["run", "Model1", "--seeds", "one"], "'one' is not a whole number"),
        (["run", "Model1", "--seeds", "1.5"], "'1.5' is not a whole number"),
        (["run", "Model1", "--seeds", "4-0"], "runs backwards"),
        (["run", "Model1", "--split", "train"], "cannot evaluate on 'train'"),
        (["run", "Model1", "--results", "/dev/null/here"], "/dev/null/here"),
        (["colab", "https://example.org"], "write REPO=owner/name"),
        (["run", "Model1", "--jobs", "0"], "--jobs must be a whole number from 1 to 256, not 0"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(arguments, words, tmp_path, capsys):
    results = ["--results", str(tmp_path)] if arguments[0] == "run" and "--results" not in arguments else []
    assert main(arguments + results) == 2
    errors = capsys.readouterr().err
    assert words in errors and errors.startswith("error: ") and errors.count("\n") == 1


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["run", "Model1", "--epochs", "two"], "invalid int value: 'two'"),
        (["frobnicate"], "invalid choice: 'frobnicate'"),
        (["list", "Model9"], "no experiment 'Model9'; choose from Model1"),
        (["run", "Model9"], "no experiment 'Model9'"),
    ],
)
def test_the_process_exits_with_code_2_and_without_a_traceback(arguments, words):
    done = subprocess.run([sys.executable, "-m", "src", *arguments], capture_output=True, text=True)
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("limit, file", [(20_000, "checkpoint"), (150_000, "seed-0.json")])
def test_a_full_disk_is_one_sentence_and_leaves_nothing_half_written(tmp_path, limit, file):
    """A limit on the size of a file stands for the full disk: it fails in the same call, in the middle of a file."""
    limited = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "from src import data; load = data.load; data.load = lambda split: load(split)[:200]; "
        "from src.runs import records; text = records._text; "
        "records._text = lambda record: text(record) + ' ' * 200_000; "
        "from src.__main__ import main; "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); "
        "sys.exit(main(sys.argv[1:]))"
    )
    arguments = ["run", "Model4", "--epochs", "1", "--results", str(tmp_path)]
    done = subprocess.run([sys.executable, "-c", limited, *arguments], capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert done.stderr.startswith("error: cannot write ") and file in done.stderr and done.stderr.count("\n") == 1
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    whole = {"test-Model4-1-epoch-0.checkpoint"} if file != "checkpoint" else set()
    assert left == {"test-Model4-1-epoch-0.lock"} | whole


def test_data_says_where_the_digits_are(capsys):
    assert main(["data"]) == 0
    assert str(root()) in capsys.readouterr().out
