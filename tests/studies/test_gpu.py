"""The bench of a GPU: rehearsed on the CPU, kept part by part, told in words also when it was cut short."""

import subprocess
import sys
from functools import partial

import pytest
import torch

from src import ROOT
from src.__main__ import main
from studies import timing
from studies.sprint import gpu, report, usual

TINY = gpu.Setting(repeats=2, epochs=2, seeds=3, at_a_time=2, workers=(0,))


@pytest.fixture
def cut_short(few_digits, monkeypatch, tmp_path):
    """A function that takes the bench on the CPU and stops it after so many times that it saved something."""
    monkeypatch.setattr(timing, "RESULTS", tmp_path)
    monkeypatch.setattr(gpu, "FULL", TINY)
    monkeypatch.setattr(gpu, "in_process", lambda function, *arguments: function(*arguments))
    monkeypatch.setattr(usual, "make_loader", partial(usual.make_loader, images=200))
    save, saved = timing.save, []

    def take(after):
        def counted(name, measured):
            save(name, measured)
            saved.append(name)
            if len(saved) == after:
                raise KeyboardInterrupt

        monkeypatch.setattr(timing, "save", counted)
        return gpu.measure(TINY, device="cpu")

    return take


@pytest.fixture(scope="module")
def full():
    """What a whole bench would leave behind: a GPU that is fast enough and as good as the CPU."""
    usual_loop = dict(experiment="B4", seconds_by_workers={"2": [9.0, 8.0], "8": [9.0, 4.0]})
    accuracies = [0.9955, 0.9957, 0.9956, 0.9954, 0.9958]
    side_by_side = dict(experiment="Model4", at_a_time=25, seconds=150.4, accuracies=accuracies * 20)
    trainings = [
        dict(experiment=name, way=way, seconds=seconds, whole_calls=seconds, accuracies=accuracies)
        for name, way, seconds in [
            ("Sprint", "step by step", [2.0, 2.1, 1.9, 2.0, 2.0]),
            ("Sprint", "recorded graph", [0.7, 0.6, 0.8, 0.7, 0.7]),
            ("Model4", "step by step", [9.0, 9.1, 9.2, 9.3, 9.4]),
            ("Model4", "recorded graph", [2.6, 2.5, 2.7, 2.8, 2.4]),
        ]
    ]
    named = dict(gpu="A GPU", machine="A GPU and its machine")
    return dict(**named, trainings=trainings, side_by_side=side_by_side, usual=usual_loop)


def test_the_whole_bench_runs_is_kept_and_told(cut_short, tmp_path, capsys):
    measured = cut_short(after=None)
    assert timing.load("gpu", tmp_path / "bench") == measured
    assert "3 seeds side by side" in capsys.readouterr().out
    named = [(each["experiment"], each["way"]) for each in measured["trainings"]]
    assert named == [(f"{name}-2-epochs", way) for name in ("Sprint", "Model4") for way in gpu.WAYS]
    for each in measured["trainings"]:
        assert len(each["seconds"]) == len(each["accuracies"]) == 2
        assert all(0 < seconds < call for seconds, call in zip(each["seconds"], each["whole_calls"], strict=True))
        assert each["definition"]["epochs"] == each["epochs"] == 2
    assert len(measured["side_by_side"]["accuracies"]) == 3
    assert len(measured["usual"]["seconds_by_workers"]["0"]) == gpu.USUAL_EPOCHS
    said = gpu.text(measured)
    assert said.count("| Sprint-2-epochs |") == 2 and "no records" in said and "The usual loop" in said
    assert "Goal" not in said  # two epochs are not what the goals speak of


def test_both_ways_of_a_training_reach_about_the_same(few_digits):
    ends = [gpu._end(trained(gpu.with_epochs(gpu.SPRINT, 2), 1, "cpu")) for trained in gpu.WAYS.values()]
    assert ends[0] == pytest.approx(ends[1], abs=0.05)


def test_a_bench_that_is_cut_short_leaves_what_it_measured(full, cut_short, monkeypatch, tmp_path):
    trainings = [each | dict(experiment="Tiny") for each in full["trainings"]]  # which has no records
    monkeypatch.setattr(gpu, "_single", lambda setting, device: [dict(trainings=trainings)])
    with pytest.raises(KeyboardInterrupt):
        cut_short(after=2)
    kept = timing.load("gpu", tmp_path / "bench")
    assert kept["trainings"] == trainings and "usual" not in kept
    assert len(kept["side_by_side"]["accuracies"]) == TINY.at_a_time < TINY.seeds
    assert kept["machine"] in gpu.text(kept)


def test_a_setting_that_is_not_the_full_one_is_not_kept(full, monkeypatch, tmp_path):
    monkeypatch.setattr(timing, "RESULTS", tmp_path)
    for part in ("_single", "_side_by_side", "_usual"):
        monkeypatch.setattr(gpu, part, lambda setting, device: [dict(usual=full["usual"])])
    gpu.measure(gpu.SMALL, device="cpu")
    assert not list(tmp_path.iterdir())
    gpu.measure(gpu.FULL, device="cpu")
    assert (tmp_path / "bench" / "gpu.json").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="here is a GPU")
def test_without_a_gpu_one_sentence_says_so(capsys):
    assert main(["bench", "gpu"]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("error: this bench needs a GPU") and errors.count("\n") == 1


def test_goals_are_met_or_missed(full):
    assert [goal.endswith("(met).") for goal in gpu.goals(full)] == [True] * 4
    slow = [each | dict(seconds=[9.0] * 5) for each in full["trainings"]]
    bad = full["side_by_side"] | dict(accuracies=[0.98 + i / 1e5 for i in range(100)], seconds=180.0)
    assert all(goal.endswith("(missed).") for goal in gpu.goals(full | dict(trainings=slow, side_by_side=bad)))
    inaccurate = [each | dict(accuracies=[0.99] * 5) for each in full["trainings"]]
    model4, sprint, *_ = gpu.goals(full | dict(trainings=inaccurate))
    assert "(met)" in model4 and "99.00 % in 0.70 s (missed)" in sprint and "recorded graph" in sprint


def test_seeds_that_are_missing_meet_no_goal(full):
    few = full["side_by_side"] | dict(accuracies=full["side_by_side"]["accuracies"][:99])
    assert len(list(gpu.goals(full | dict(side_by_side=few)))) == 2


def test_the_table_has_a_row_for_each_way_beside_the_records_of_the_cpu(full, evidence):
    rows = {tuple(cells[:2]): cells for cells in rows_of(gpu.text(full))}
    cells = rows["Model4", "recorded graph"]
    assert cells[2:5] == ["5", "2.60 (2.40 to 2.80)", "2.60"] and cells[5].startswith("99.56 ± ")
    assert cells[6].endswith(f"({len(evidence.tests['Model4'])} seeds)") and cells[7] == "yes"
    assert rows["Model4", "side by side, 25 at a time"][2:5] == ["100", "", "150.4"]
    assert "4.0 s an epoch with 8 workers" in gpu.text(full)


def rows_of(markdown):
    """The cells of the rows of a table in Markdown."""
    return [line.strip("| ").split(" | ") for line in markdown.splitlines() if line.startswith("| ")]


def test_means_are_equal_where_their_intervals_overlap():
    assert gpu.equal([1, 2, 3], [2, 3, 4]) is True
    assert gpu.equal([1, 1.1, 0.9], [2, 2.1, 1.9]) is False
    assert gpu.equal([1, 2], [1, 2, 3]) is None and gpu.equal([1, 2, 3], []) is None


def test_the_readme_says_what_the_gpu_reached_and_missed(evidence):
    *_, sentence = report.blocks(evidence)["speed"].splitlines()
    assert sentence.startswith(f"- {evidence.timing('gpu')['gpu']}: ") and sentence.count("Goal: ") == 4


def test_the_bench_needs_no_package_of_the_notebooks():
    lacking = ["IPython", "torchsummary", "nbformat", "jupyter", "nbconvert", "onnx", "onnxruntime", "distributed"]
    program = f"""
import sys
from unittest import mock
sys.modules.update(dict.fromkeys({lacking}))
from src import data
from studies.sprint import gpu
load = data.load
with mock.patch.object(data, "load", lambda split: load(split)[:300]):
    measured = gpu.measure(gpu.Setting(repeats=1, epochs=1, seeds=1, at_a_time=1, workers=()), device="cpu")
print(gpu.text(measured))
"""
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert not answer.returncode and "| Model4-1-epoch |" in answer.stdout, answer.stderr
