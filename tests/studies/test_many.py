"""What a sweep promises when it is killed, started twice or spread out: real processes, real digits."""

import contextlib
import io
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import psutil
import pytest
from torch.optim.optimizer import register_optimizer_step_pre_hook

from src import ROOT, InputError
from src.__main__ import main
from src.experiments import MODEL4, Constant, Experiment
from src.runs import checkpoints, records
from src.runs.one import Interrupted, train
from src.runs.progress import EpochBar
from studies import many
from studies.many import run_many

# A moment on all 60,000 digits, because other processes have no fewer.
TINY = Experiment("Tiny", (), "C20 5x4s5 G t10", Constant(0.01), epochs=2, batch_size=2048, channel_dropout=0.1)

# The command line, in a process in which every split is its first few digits, as with few_digits.
PROGRAM = """
import sys
from src import data
load = data.load
data.load = lambda split: load(split)[: 600 if split == "train" else 200]
from src.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def command(folder, epochs, *arguments):
    return ["run", "Model4", "--epochs", str(epochs), "--device", "cpu", "--results", str(folder), *arguments]


def start(*arguments, program=("-c", PROGRAM)):
    """Start a process; with program=("-m", "src") it and its own processes have all digits."""
    streams = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    listen = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a test run in the background may ignore Ctrl-C
    process = [sys.executable, *program, *arguments]
    return subprocess.Popen(process, cwd=ROOT, start_new_session=True, preexec_fn=listen, **streams)


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
    return result


def numbers(record):
    """History without its seconds, and predictions."""
    return [replace(epoch, seconds=0, cpu_seconds=0) for epoch in record.history], record.predictions


def test_a_killed_run_started_again_ends_as_if_nothing_had_happened(few_digits, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    process = start(*command(killed, 6))
    wait_for(lambda: list(killed.glob(".unfinished/*.checkpoint")))
    process.kill()
    process.communicate()
    assert not list(killed.glob("test/*/*.json"))
    for folder in (killed, whole):
        assert main(command(folder, 6)) == 0
    of_whole, of_killed = (records.load_of("Model4-6-epochs", folder) for folder in (whole, killed))
    assert [numbers(record) for record in of_killed] == [numbers(record) for record in of_whole]
    assert not list(killed.glob(".unfinished/*.checkpoint"))


def test_ctrl_c_ends_a_sweep_soon_and_says_what_is_saved_and_how_to_resume(tmp_path):
    process = start(*command(tmp_path, 4, "--seeds", "0-9", "--jobs", "2"), program=("-m", "src"))
    wait_for(lambda: list(tmp_path.glob(".unfinished/*.lock")))
    time.sleep(0.5)
    interrupted = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - interrupted < 10  # seconds; a second or two where nothing else runs
    assert process.returncode == 130 and "Traceback" not in errors and "leaked" not in errors
    assert f"finished runs are in {tmp_path}" in errors and "run the same command again to resume" in errors


def test_ctrl_c_between_runs_one_after_the_other_says_the_same_and_the_next_sweep_resumes(
    few_digits, interrupt, tmp_path, capsys
):
    interrupt(3)  # of the two epochs of each run: in the second epoch of the second
    arguments = command(tmp_path, 2, "--seeds", "0-2")
    assert main(arguments) == 130
    errors = capsys.readouterr().err
    assert f"finished runs are in {tmp_path}" in errors and "run the same command again to resume" in errors
    assert [path.name for path in tmp_path.glob("test/*/*.json")] == ["seed-0.json"]
    assert [path.name for path in tmp_path.glob(".unfinished/*.checkpoint")] == ["test-Model4-2-epochs-1.checkpoint"]
    interrupt(None)
    assert main(arguments) == 0
    assert len(list(tmp_path.glob("test/*/*.json"))) == 3 and not list(tmp_path.glob(".unfinished/*.checkpoint"))


def test_the_workers_of_a_parent_that_is_killed_end_within_seconds(tmp_path):
    process = start(*command(tmp_path, 4, "--seeds", "0-9", "--jobs", "2"), program=("-m", "src"))
    wait_for(lambda: len(list(tmp_path.glob(".unfinished/*.lock"))) == 2)
    workers = [child.pid for child in psutil.Process(process.pid).children() if "spawn_main" in str(child.cmdline())]
    assert len(workers) == 2
    process.kill()
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in workers), seconds=5)
    process.communicate()


def test_two_sweeps_at_once_on_the_same_results_train_every_run_once(few_digits, tmp_path, capsys):
    arguments = command(tmp_path, 1, "--seeds", "0-3")
    process = start(*arguments)
    wait_for(lambda: list(tmp_path.glob(".unfinished/*.lock")))
    assert main(arguments) == 0
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert len(list(tmp_path.glob("test/Model4-1-epoch/seed-?.json"))) == 4
    outputs = [output, capsys.readouterr().out]
    tables = sum(len(re.findall(r"^Model4-1-epoch, seed \d\nepoch", printed, re.MULTILINE)) for printed in outputs)
    assert tables - sum(printed.count("recorded already") for printed in outputs) == 4
    assert outputs[0].splitlines()[-1] == outputs[1].splitlines()[-1]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What is printed of two runs one after the other, and their records."""
    return sweep([(TINY, 0), (TINY, 1)], tmp_path_factory.mktemp("alone"))


def sweep(*arguments, **options):
    with contextlib.redirect_stdout(io.StringIO()) as output:
        swept = run_many(*arguments, **options)
    return output.getvalue(), swept


def interrupted_run(folder):
    """Leave a run of seed 1 as Ctrl-C in its second epoch does."""
    steps = []

    def count(*_):
        steps.append(1)
        if len(steps) > 8 + 35:  # of a fingerprint, and of thirty an epoch
            raise KeyboardInterrupt

    hook = register_optimizer_step_pre_hook(count)
    try:
        with pytest.raises(Interrupted):
            train(TINY, 1, checkpoint=checkpoints.path_of(folder, "Tiny", 1, "test"), quiet=True, device="cpu")
    finally:
        hook.remove()


@pytest.fixture(scope="module")
def side_by_side(tmp_path_factory):
    """The same of the same runs in two processes, of which the second resumes; and what the bar is told."""
    folder, notes = tmp_path_factory.mktemp("side-by-side"), []
    interrupted_run(folder)

    class Bar(EpochBar):
        def note(self, *note):
            notes.append(note)
            super().note(*note)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(many, "EpochBar", Bar)
        return *sweep([(TINY, 0), (TINY, 1)], folder, jobs=2), notes


def test_jobs_give_the_same_records_as_one_after_the_other_also_where_one_resumes(alone, side_by_side):
    output, one_by_one = alone
    other_output, swept, _ = side_by_side
    assert [record.seed for record in swept] == [0, 1]
    assert [numbers(record) for record in swept] == [numbers(record) for record in one_by_one]
    for printed in (output, other_output):  # a table per run, either way
        assert printed.count("Tiny, seed 0\nepoch") == printed.count("Tiny, seed 1\nepoch") == 1


def test_the_bar_is_told_of_every_epoch_of_every_process_and_of_those_that_a_run_resumes(side_by_side):
    *_, notes = side_by_side
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


def test_a_process_that_is_lost_is_one_sentence(tmp_path):
    def kill_one():
        wait_for(lambda: list(tmp_path.glob(".unfinished/*.lock")))
        time.sleep(1)  # until both have started
        max(multiprocessing.active_children(), key=lambda process: process.pid).kill()  # the one started last

    endless = replace(TINY, epochs=1000)
    with ThreadPoolExecutor(1) as thread:
        killed = thread.submit(kill_one)
        with pytest.raises(InputError, match="a process was killed in the middle of its run"):
            run_many([(endless, 0), (endless, 1)], tmp_path, jobs=2)
        killed.result()


def test_a_changed_experiment_under_a_name_of_the_catalogue_is_refused(tmp_path):
    with pytest.raises(InputError, match="called Model4 but differs.*epochs: 15 → 3"):
        run_many([(TINY, 0), (replace(MODEL4, epochs=3), 0)], tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("jobs", [0, -1])
def test_less_than_one_job_is_refused(tmp_path, jobs):
    with pytest.raises(InputError, match="--jobs must be a whole number from 1 to 256"):
        run_many([(TINY, 0)], tmp_path, jobs=jobs)


def test_a_scheduler_that_does_not_answer_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(many, "SCHEDULER_WAIT", 1)
    with pytest.raises(InputError, match="no Dask scheduler answers at tcp://127.0.0.1:9"):
        run_many([(TINY, 0)], tmp_path, scheduler="tcp://127.0.0.1:9")


# One cluster serves the next three tests, in their order: without workers, with one that is killed, and at its end.


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A Dask scheduler on loopback: a function that starts another part of it, and the address."""
    folder, processes = tmp_path_factory.mktemp("cluster"), []
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s"}

    def dask(*arguments):
        program = [sys.executable, "-m", "dask", *arguments, "--host", "127.0.0.1", "--no-dashboard"]
        with open(folder / f"{len(processes)}.log", "w") as log:
            how = dict(env=environment, cwd=folder, start_new_session=True)
            processes.append(subprocess.Popen(program, stderr=log, stdout=log, **how))
        return processes[-1]

    dask("scheduler", "--port", "0")
    address = wait_for(lambda: re.search(r"tcp://127\.0\.0\.1:\d+", (folder / "0.log").read_text()))[0]
    yield dask, address
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def workers(cluster):
    dask, address = cluster
    return [dask("worker", address, "--nthreads", "1", "--no-nanny") for _ in range(2)]


def test_a_cluster_without_workers_is_one_sentence(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(many, "SCHEDULER_WAIT", 1)
    with pytest.raises(InputError, match="was lost or has no worker"):
        run_many([(TINY, 0)], tmp_path, scheduler=cluster[1])


def test_a_cluster_brings_every_record_back_though_a_worker_is_killed_in_mid_run(cluster, workers, alone, tmp_path):
    from distributed import Client

    _, address = cluster
    tasks = [(TINY, seed) for seed in range(3)]
    with Client(address) as client, ThreadPoolExecutor(1) as thread:
        client.wait_for_workers(2, timeout=60)
        swept = thread.submit(run_many, tasks, tmp_path, scheduler=address)
        wait_for(lambda: len(busy := client.processing()) == 2 and all(busy.values()))
        assert not swept.done()
        workers[0].kill()
        assert [record.seed for record in swept.result(timeout=120)] == [0, 1, 2]
    came_back = list(records.recorded(TINY, range(3), tmp_path).values())
    assert [numbers(record) for record in came_back[:2]] == [numbers(record) for record in alone[1]]


def test_a_scheduler_that_dies_in_mid_run_is_one_sentence(cluster, workers, tmp_path):
    from distributed import Client

    _, address = cluster
    program = (
        "import sys; from pathlib import Path; from src import InputError; from src.experiments import *; "
        "from studies.many import run_many\n"
        f"tiny = Experiment('Tiny', (), {TINY.layer_line!r}, Constant(0.01), epochs=90)\n"
        f"try: run_many([(tiny, seed) for seed in range(9)], Path({str(tmp_path)!r}), scheduler={address!r})\n"
        "except InputError as error: sys.exit(str(error))"
    )
    environment = {**os.environ, "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "2s"}
    sweeping = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    )
    with Client(address) as client:
        wait_for(lambda: any(client.processing().values()) or sweeping.poll())
        scheduler = client.run_on_scheduler(os.getpid)
    os.kill(scheduler, signal.SIGKILL)
    _, errors = sweeping.communicate(timeout=60)
    assert "was lost or has no worker" in errors and "Traceback" not in errors
