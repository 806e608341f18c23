"""Many runs: experiments x seeds, in processes or on a cluster, recorded as they finish and never trained twice.

A cluster is clones of this repository in which make test ran: on one machine .venv/bin/dask scheduler, on all
PYTHONPATH=. .venv/bin/dask worker ADDRESS --nworkers 2 --nthreads 1, and then python -m src run ... --dask ADDRESS."""

import contextlib
import logging
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path

from src import InputError
from src.checks import check_number
from src.experiments import Experiment
from src.runs import progress, records
from src.runs.names import check_name
from src.runs.one import check_run, run_one, train
from src.runs.progress import EpochBar, title
from src.runs.records import RESULTS, Record, path_of, recorded
from src.runs.several import Task, in_processes
from studies.catalogue import EXPERIMENTS
from studies.together import train_together

SCHEDULER_WAIT = 10  # seconds to wait for the answer of a Dask scheduler, and for a first worker

_one_run = threading.Lock()  # of this process: a run draws from torch's global random generator


def run_many(
    tasks: list[Task],
    folder: Path,
    device: str = "auto",
    split: str = "test",
    jobs: int = 1,
    scheduler: str | None = None,
    threads: int = 1,
    together: bool = False,
) -> list[Record]:
    """Return the Records of tasks in their order; those below the folder are not trained again.

    jobs: runs at a time in processes of this machine, 1 to 256. threads: of each run, as train() takes it.
    scheduler: the address (tcp://host:port) of a Dask scheduler whose workers do the runs instead; their records come
    back and are saved here. together: in this process, the jobs side by side on its GPU, see together.py.
    Raises InputError for what train() refuses, for records that would be replaced in results/ or were made with other
    threads, for a scheduler that does not answer and for processes or workers that are lost; the runs that are recorded
    by then stay."""
    check_number("--jobs", jobs, 1, 256, whole=True)
    if together and threads != 1:
        raise InputError("--threads is for runs on a CPU; leave it or --together out.")
    for experiment, seed in tasks:
        check_name(experiment, EXPERIMENTS)
        check_run(seed, split, device, threads)
    done = _recorded(tasks, folder, split, threads)
    for record in done.values():
        print(_shown(record), "recorded already; --results FOLDER would train it again there", sep="\n", flush=True)
    missing = [(experiment, seed) for experiment, seed in tasks if (experiment.name, seed) not in done]
    bar = EpochBar({title(experiment.name, seed, split): experiment.epochs for experiment, seed in missing})
    if together:
        results = _together(missing, folder, device, split, jobs)
    elif scheduler:
        results = _on_cluster(missing, folder, device, split, scheduler, threads)
    elif jobs > 1:
        results = in_processes(missing, folder, split, jobs, bar, device=device, threads=threads)
    else:
        results = (run_one(*task, folder, split, device=device, threads=threads) for task in missing)
    with bar, contextlib.closing(results):
        bar.refresh()
        for record in results:
            if jobs > 1 or scheduler or together:  # otherwise train() has shown it
                bar.write(_shown(record))
            bar.note(title(record.experiment, record.seed, split), len(record.history))
            done[record.experiment, record.seed] = record
    return [done[experiment.name, seed] for experiment, seed in tasks]


def _recorded(tasks, folder, split, threads):
    """Return what a folder has: (name, seed) -> Record; refuse stale ones that are committed, and other threads."""
    done = {}
    for experiment in dict.fromkeys(experiment for experiment, _ in tasks):
        name, seeds = experiment.name, [seed for each, seed in tasks if each == experiment]
        found = recorded(experiment, seeds, folder, split)
        if folder == RESULTS and any(path_of(folder, name, s, split).exists() for s in seeds if s not in found):
            remedy = "with --results runs the new ones go elsewhere; to replace these, remove them first"
            raise InputError(f"{folder} keeps those records of {name}; {remedy}.")
        used = {record.threads // experiment.ghost_batches for record in found.values() if record.device == "cpu"}
        if used - {threads}:
            raise InputError(f"{folder} has runs of {name} with --threads {max(used)}; choose another --results.")
        done |= {(name, seed): record for seed, record in found.items()}
    return done


def _shown(record: Record) -> str:  # the table that a run prints epoch by epoch
    heading = title(record.experiment, record.seed, record.split)
    return "\n".join([heading, progress.HEADER, *map(progress.row, record.history)])


def _together(tasks: list[Task], folder: Path, device: str, split: str, jobs: int) -> Iterator[Record]:
    """Yield the Records of tasks that are trained side by side on a GPU, each saved when it is done."""
    for run in train_together([(*task, split) for task in tasks], jobs, device):
        record = run.record
        records.save(record, folder)
        yield record


def _on_cluster(
    tasks: list[Task], folder: Path, device: str, split: str, scheduler: str, threads: int
) -> Iterator[Record]:
    """Yield the Records of tasks as the workers of a Dask cluster finish them, each saved before."""
    import distributed  # takes a second

    for name in ["distributed", "distributed.client"]:  # a lost cluster is reported below, in one sentence
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client = distributed.Client(scheduler, timeout=SCHEDULER_WAIT)
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at {scheduler} within {SCHEDULER_WAIT} seconds; "
            "start one with 'dask scheduler' and give the address that it prints."
        ) from error
    try:
        with client:
            client.wait_for_workers(1, timeout=SCHEDULER_WAIT)
            futures = [client.submit(_run_remotely, *task, device, split, threads, pure=False) for task in tasks]
            for future in distributed.as_completed(futures):
                record = future.result()
                records.save(record, folder)
                yield record
    except (TimeoutError, OSError, CancelledError, distributed.KilledWorker) as error:
        raise InputError(
            f"the cluster at {scheduler} was lost or has no worker ({type(error).__name__}); what came back is "
            "recorded: repair the cluster and run the same command again to resume."
        ) from error


def _run_remotely(experiment: Experiment, seed: int, device: str, split: str, threads: int) -> Record:
    """Return the Record of a run in a worker of a cluster, which keeps nothing of it."""
    with _one_run, tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder, "checkpoint")
        return train(experiment, seed, split, device, checkpoint, quiet=True, threads=threads).record
