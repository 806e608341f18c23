"""What a sweep promises when it is killed, started twice or spread out: real processes, real digits."""

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest
from distributed import Client

from src import InputError
from src.experiments import MODEL4
from src.runs import checkpoints, many, one, records
from src.runs.many import run_many
from src.runs.one import Interrupted, train
from src.runs.progress import EpochBar
from src.training import fit

ROOT = Path(__file__).resolve().parent.parent
TINY = replace(MODEL4, name="Tiny", layer_line="4 P P G t10", batch_size=512, epochs=1)

# The command line, in a process in which every split is its first few digits.
PROGRAM = """
import sys
from src import data
load = data.load
data.load = lambda split: load(split)[: 3000 if split == "train" else 200]
from src.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def start(folder, *arguments, program=("-c", PROGRAM)):
    command = [sys.executable, *program, "run", "Model4", "--epochs", "4", "--results", str(folder), *arguments]
    streams = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    listen = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a test run in the background may ignore Ctrl-C
    return subprocess.Popen(command, cwd=ROOT, start_new_session=True, preexec_fn=listen, **streams)


def finish(process):
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return output


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
    return result


def numbers(folder, seed=0):
    """History without its seconds, and predictions, of a record."""
    fields = json.loads((folder / "test" / "Model4-4-epochs" / f"seed-{seed}.json").read_text())
    return [epoch[:6] + epoch[8:] for epoch in fields["history"]], fields["predictions"]


def test_a_killed_run_started_again_ends_as_if_nothing_had_happened(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(start(whole))
    process = start(killed)
    wait_for(lambda: list(killed.glob(".unfinished/*.checkpoint")))
    process.kill()
    process.communicate()
    assert not list(killed.glob("test/*/*.json"))
    finish(start(killed))
    assert numbers(killed) == numbers(whole)
    assert not list(killed.glob(".unfinished/*.checkpoint"))


@pytest.mark.parametrize("arguments", [[], ["--jobs", "2"]], ids=["one job", "two jobs"])
def test_ctrl_c_ends_soon_and_says_what_is_saved_and_how_to_resume(tmp_path, arguments):
    program = ("-m", "src") if arguments else ("-c", PROGRAM)
    process = start(tmp_path, "--seeds", "0-9", *arguments, program=program)
    wait_for(lambda: list(tmp_path.glob(".unfinished/*.lock")))
    time.sleep(1)
    interrupted = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - interrupted < 10  # seconds; a second or two where nothing else runs
    assert process.returncode == 130 and "Traceback" not in errors
    assert f"finished runs are in {tmp_path}" in errors and "run the same command again to resume" in errors


def test_the_workers_of_a_parent_that_is_killed_end_within_seconds(tmp_path):
    process = start(tmp_path, "--seeds", "0-9", "--jobs", "2", program=("-m", "src"))
    wait_for(lambda: len(list(tmp_path.glob(".unfinished/*.lock"))) == 2)
    workers = [child.pid for child in psutil.Process(process.pid).children() if "spawn_main" in str(child.cmdline())]
    assert len(workers) == 2
    process.kill()
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in workers), seconds=5)
    process.communicate()


def test_two_sweeps_at_once_on_the_same_results_train_every_run_once(tmp_path):
    outputs = [finish(process) for process in [start(tmp_path, "--seeds", "0-2"), start(tmp_path, "--seeds", "0-2")]]
    assert len(list(tmp_path.glob("test/Model4-4-epochs/seed-?.json"))) == 3
    trained = sum(len(re.findall(r"^Model4-4-epochs, seed \d\nepoch", output, re.MULTILINE)) for output in outputs)
    assert trained == 3
    assert outputs[0].splitlines()[-1] == outputs[1].splitlines()[-1]


def test_jobs_give_the_same_records_as_one_after_the_other(tmp_path, capsys):
    tasks = [(TINY, seed) for seed in range(2)]
    alone, together = run_many(tasks, tmp_path / "alone"), run_many(tasks, tmp_path / "together", jobs=2)
    assert [record.seed for record in together] == [0, 1]
    for first, other in zip(alone, together, strict=True):
        assert first.predictions == other.predictions and first.final.train_loss == other.final.train_loss
    assert capsys.readouterr().out.count("Tiny, seed 1\nepoch") == 2  # a table per run, either way


def test_the_bar_is_told_of_every_epoch_of_every_process_and_of_those_that_a_run_resumes(tmp_path, monkeypatch):
    def interrupted(*arguments):
        yield next(fit(*arguments))
        raise KeyboardInterrupt

    class Bar(EpochBar):
        def note(self, *note):
            notes.append(note)
            super().note(*note)

    short, notes = replace(TINY, epochs=2), []
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(one, "fit", interrupted)
        train(short, seed=1, checkpoint=checkpoints.path_of(tmp_path, "Tiny", 1, "test"))
    monkeypatch.setattr(many, "EpochBar", Bar)
    run_many([(short, 0), (short, 1)], tmp_path, jobs=2)
    *trained, _ = [note[1:] for note in notes if note[0] == "Tiny, seed 0"]
    *resumed, _ = [note[1:] for note in notes if note[0] == "Tiny, seed 1"]
    assert trained == [(0, True), (1, False), (2, False)] and resumed == [(1, True), (2, False)]


def test_resumed_epochs_are_done_but_say_nothing_of_the_time_that_is_left(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    with EpochBar({"a": 40, "b": 10}) as bar:
        bar.note("a", 38, resumed=True)
        bar.note("b", 0, resumed=True)
        time.sleep(0.1)
        bar.note("b", 1)
        assert bar.n == 39 and bar.format_dict["rate"] <= 10  # a second
        bar.note("b", 10)
    assert " 39/50 " in sys.stderr.getvalue() and " 48/50 " in sys.stderr.getvalue()


def test_a_process_that_is_lost_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(many, "run_one", _killed)
    with pytest.raises(InputError, match="a process was killed in the middle of its run"):
        run_many([(TINY, 0), (TINY, 1)], tmp_path, jobs=2)


def _killed(*arguments, **options):
    os.kill(os.getpid(), signal.SIGKILL)


@contextlib.contextmanager
def cluster(folder, workers):
    """A Dask scheduler and single-threaded workers on loopback: yields its address and their processes."""
    log = folder / "scheduler.log"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s"}

    def dask(*arguments, **options):
        command = [sys.executable, "-m", "dask", *arguments, "--host", "127.0.0.1"]
        return subprocess.Popen(command, env=environment, cwd=folder, start_new_session=True, **options)

    with open(log, "w") as output:
        processes = [dask("scheduler", "--port", "0", "--no-dashboard", stderr=output)]
    address = wait_for(lambda: re.search(r"tcp://127\.0\.0\.1:\d+", log.read_text()))[0]
    arguments = ["--nthreads", "1", "--no-dashboard", "--no-nanny"]
    processes += [dask("worker", address, *arguments, stderr=subprocess.DEVNULL) for _ in range(workers)]
    try:
        yield address, processes[1:]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_a_cluster_brings_every_record_back_though_a_worker_is_killed_in_mid_run(tmp_path):
    tasks = [(TINY, seed) for seed in range(3)]
    with cluster(tmp_path, workers=2) as (address, workers):
        program = (
            "from dataclasses import replace; from pathlib import Path; from src.experiments import MODEL4; "
            "from src.runs.many import run_many; "
            f"tiny = replace(MODEL4, name='Tiny', layer_line={TINY.layer_line!r}, batch_size=512, epochs=1); "
            f"run_many([(tiny, seed) for seed in range(3)], Path({str(tmp_path)!r}), scheduler={address!r})"
        )
        sweeping = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        with Client(address) as client:
            wait_for(lambda: len(busy := client.processing()) == 2 and all(busy.values()))
        assert sweeping.poll() is None
        workers[0].kill()
        _, errors = sweeping.communicate(timeout=120)
        assert sweeping.returncode == 0, errors
    came_back = [records.recorded(*task, tmp_path) for task in tasks]
    alone = run_many(tasks[:1], tmp_path / "alone")
    assert [record.seed for record in came_back] == [0, 1, 2]
    assert came_back[0].predictions == alone[0].predictions


def test_a_cluster_without_workers_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(many, "SCHEDULER_WAIT", 2)
    with cluster(tmp_path, workers=0) as (address, _), pytest.raises(InputError, match="was lost or has no worker"):
        run_many([(TINY, 0)], tmp_path, scheduler=address)


def test_a_scheduler_that_dies_in_mid_run_is_one_sentence(tmp_path):
    with cluster(tmp_path, workers=1) as (address, _):
        tasks = f"[(replace(MODEL4, name='Tiny', layer_line={TINY.layer_line!r}), seed) for seed in range(9)]"
        program = (
            "import sys; from dataclasses import replace; from pathlib import Path; from src import InputError; "
            "from src.experiments import MODEL4; from src.runs.many import run_many\n"
            f"try: run_many({tasks}, Path({str(tmp_path)!r}), scheduler={address!r})\n"
            "except InputError as error: sys.exit(str(error))"
        )
        environment = {**os.environ, "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "2s"}
        command = [sys.executable, "-c", program]
        sweeping = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
        with Client(address) as client:
            wait_for(lambda: any(client.processing().values()) or sweeping.poll())
            scheduler = client.run_on_scheduler(os.getpid)
        os.kill(scheduler, signal.SIGKILL)
        _, errors = sweeping.communicate(timeout=60)
    assert "was lost or has no worker" in errors and "Traceback" not in errors


def test_a_scheduler_that_does_not_answer_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(many, "SCHEDULER_WAIT", 1)
    with pytest.raises(InputError, match="no Dask scheduler answers at tcp://127.0.0.1:9"):
        run_many([(TINY, 0)], tmp_path, scheduler="tcp://127.0.0.1:9")


@pytest.mark.parametrize("jobs", [0, -1])
def test_less_than_one_job_is_refused(tmp_path, jobs):
    with pytest.raises(InputError, match="--jobs must be a whole number from 1 to 256"):
        run_many([(TINY, 0)], tmp_path, jobs=jobs)
