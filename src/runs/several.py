"""Several runs at once, each in a process of its own: seeds are independent, and one run keeps one core busy."""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from tqdm import tqdm

from src import InputError
from src.experiments import Experiment
from src.runs import progress
from src.runs.machine import digits_of
from src.runs.one import Interrupted, run_one
from src.runs.progress import EpochBar, title
from src.runs.records import RUNS, Record

Task = tuple[Experiment, int]  # with its seed
MOST_JOBS = 8  # unless told otherwise: each process takes almost a gigabyte


def run_several(tasks: Sequence[Task], folder: Path = RUNS, jobs: int | None = None) -> list[Record]:
    """Return the Records of tasks in their order, trained where a folder has none, with a bar over all their epochs.

    jobs: runs at a time, by default one a core; one at a time are shown epoch by epoch. On a GPU, and with a network
    or a function that only this process knows (one of a notebook), they take turns. Raises as run_one() does."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    jobs = min(jobs or min(cores, MOST_JOBS), len(tasks))
    if jobs < 2 or torch.cuda.is_available() or not all(_travels(experiment) for experiment, _ in tasks):
        return [run_one(*task, folder, device="auto" if torch.cuda.is_available() else "cpu") for task in tasks]
    with EpochBar({title(each.name, seed, "test"): each.epochs for each, seed in tasks}) as bar:
        done, began = {}, time.perf_counter()
        try:
            for record in in_processes(tasks, folder, "test", jobs, bar, device="cpu"):
                done[record.experiment, record.seed] = record
                bar.note(title(record.experiment, record.seed, "test"), len(record.history))
        except KeyboardInterrupt:
            raise Interrupted(f"{len(done)} of {len(tasks)} runs are finished; run the same again to resume.") from None
        bar.say(f"{len(tasks)} runs, {jobs} at a time, were trained in {time.perf_counter() - began:.0f} seconds.")
        return [done[experiment.name, seed] for experiment, seed in tasks]


def _travels(experiment):  # to another process, which does not have what a notebook or a script defines, or was given
    if experiment.data.startswith("given:"):
        return False
    try:
        return b"__main__" not in pickle.dumps(experiment)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False


def in_processes(
    tasks: Sequence[Task], folder: Path, split: str, jobs: int, bar: EpochBar, **how: Any
) -> Iterator[Record]:
    """Yield the Records of tasks as processes of this machine finish them; the bar counts their epochs meanwhile.

    how: as train() is told. Raises InputError for a process that was killed."""
    for experiment in {experiment.data: experiment for experiment, _ in tasks}.values():
        digits_of(experiment, "test")  # once, so that not every process fetches them
    processes = multiprocessing.get_context("spawn")
    notes, others = processes.SimpleQueue(), set(multiprocessing.active_children())  # notes: arguments of bar.note()
    pool = ProcessPoolExecutor(jobs, processes, initializer=_follow_parent, initargs=[notes])
    try:
        with mock.patch.object(sys.modules["__main__"], "__file__", None, create=True):  # a script is not run again
            running = {pool.submit(run_one, *task, folder, split, quiet=True, **how) for task in tasks}
            pool.submit(int)  # an empty task: without it the pool does not watch the process that it started last
        while running:
            done, running = wait(running, timeout=1, return_when=FIRST_COMPLETED)
            while not notes.empty():
                bar.note(*notes.get())
            bar.refresh()
            yield from (future.result() for future in done)
        pool.shutdown()  # processes that end by themselves leave no semaphores behind
    except BrokenProcessPool as error:
        raise InputError(
            "a process was killed in the middle of its run, perhaps for lack of memory; run the same again to resume, "
            "on the command line with fewer --jobs."
        ) from error
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()


def _follow_parent(notes: SimpleQueue) -> None:
    """In a process of the pool: note epochs for the parent, leave Ctrl-C to it, and end when it ends, however."""

    def wait_and_exit() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    progress.report = lambda *note: notes.put(note)
    tqdm.set_lock(threading.RLock())  # its own one for processes would stay behind where this process is stopped
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=wait_and_exit, daemon=True).start()
