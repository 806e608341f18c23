"""Many runs: experiments x seeds, over processes or a cluster, recorded as they finish and never trained twice."""

import _thread
import asyncio
import concurrent.futures
import contextlib
import logging
import threading
from pathlib import Path

import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm import tqdm

from src import InputError, data, files, records
from src.progress import table
from src.training import check_input, train

SCHEDULER_WAIT = 10  # seconds to wait for the answer of a Dask scheduler, and for a first worker

CANCELLED = (asyncio.CancelledError, concurrent.futures.CancelledError)  # what Dask makes of a lost connection

# A run draws from torch's global random generator, so a process does one run at a time.
_one_run = threading.Lock()


def run_many(tasks, folder, device="auto", split="test", jobs=1, scheduler=None):
    """The Records of tasks, a list of (Experiment, seed), in its order; those below folder are not trained again.

    jobs: runs at a time in processes of this machine. scheduler: the address (tcp://host:port) of
    a Dask scheduler whose workers do the runs instead; their records come back and are saved here.
    Raises InputError for jobs < 1, for what train() refuses, for a scheduler that does not answer
    and for processes or workers that are lost; what is recorded by then stays.
    """
    if jobs < 1:
        raise InputError(f"--jobs must be at least 1, not {jobs}.")
    for experiment, _ in tasks:
        check_input(experiment, device, split)
    missing = []
    for task in tasks:
        if record := recorded(*task, folder, split):
            print(table(record), "recorded already; --results FOLDER would train it again there", sep="\n", flush=True)
        else:
            missing.append(task)
    if scheduler:
        finished = _on_cluster(missing, folder, device, split, scheduler)
    elif jobs > 1:
        finished = _in_processes(missing, folder, device, split, jobs)
    else:
        finished = (run_one(experiment, seed, folder, device, split) for experiment, seed in missing)
    shown_while_training = jobs == 1 and not scheduler
    bar = tqdm(total=len(missing), desc="runs", unit="run", smoothing=0, disable=None, leave=False)
    with bar, contextlib.closing(finished):
        bar.refresh()
        for record in finished:
            if not shown_while_training:
                tqdm.write(table(record))
            bar.update()
    return [recorded(*task, folder, split) for task in tasks]


def run_one(experiment, seed, folder, device="auto", split="test", quiet=False):
    """The Record of one run below folder; trained and saved there, unless it is recorded already.

    An interrupted run goes on after its last finished epoch. Of two processes that want the same
    run at once, the second waits for the first and takes its record.
    """
    unfinished = Path(folder) / ".unfinished" / f"{split}-{experiment.name}-{seed}"
    with files.claimed(unfinished):
        if record := recorded(experiment, seed, folder, split):
            return record
        checkpoint = unfinished.with_name(f"{unfinished.name}.checkpoint")
        record = records.of(train(experiment, seed, device, split, checkpoint, quiet))
        records.save(record, folder)
        checkpoint.unlink(missing_ok=True)
        return record


def recorded(experiment, seed, folder, split):
    """The Record of a run if folder has it and it is not stale, else None."""
    path = records.path_of(folder, experiment.name, seed, split)
    record = records.load(path) if path.exists() else None
    return record if record and record.definition_hash == records.definition_hash(experiment) else None


def _in_processes(tasks, folder, device, split, jobs):
    """Yield the Records of tasks as processes of this machine finish them."""
    data.load("test")  # once, lest every process fetches it
    calls = (joblib.delayed(run_one)(experiment, seed, folder, device, split, quiet=True) for experiment, seed in tasks)
    try:
        yield from joblib.Parallel(jobs, return_as="generator_unordered", pre_dispatch=jobs, batch_size=1)(calls)
    except TerminatedWorkerError as error:
        raise InputError(
            "a process was killed in mid-run, perhaps for want of memory; run the same command again to go on, "
            "with fewer --jobs."
        ) from error


def _on_cluster(tasks, folder, device, split, scheduler):
    """Yield the Records of tasks as the workers of a Dask cluster finish them, each saved before."""
    from distributed import Client, KilledWorker
    from joblib._dask import DaskDistributedBackend

    class Cluster(DaskDistributedBackend):
        """joblib would do everything in this process if the cluster had one thread; here a worker does it."""

        def effective_n_jobs(self, n_jobs):
            return max(2, super().effective_n_jobs(n_jobs))

    for name in ["distributed", "distributed.client"]:  # a lost cluster is said below, in one sentence
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client = Client(scheduler, timeout=SCHEDULER_WAIT)
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at {scheduler} within {SCHEDULER_WAIT} seconds; "
            "start one with 'dask scheduler' and give the address that it prints."
        ) from error
    calls = (joblib.delayed(_remotely)(experiment, seed, device, split) for experiment, seed in tasks)
    done = threading.Event()
    threading.Thread(target=_interrupt_when_closed, args=(client, done), daemon=True).start()
    try:
        with client, joblib.parallel_config(Cluster(client=client, wait_for_workers_timeout=SCHEDULER_WAIT)):
            for record in joblib.Parallel(return_as="generator_unordered", pre_dispatch="all", batch_size=1)(calls):
                records.save(record, folder)
                yield record
            done.set()
    except (TimeoutError, OSError, KilledWorker, *CANCELLED, KeyboardInterrupt) as error:
        if isinstance(error, KeyboardInterrupt) and client.status != "closed":
            raise
        raise InputError(
            f"the cluster at {scheduler} was lost or has no worker ({type(error).__name__}); "
            "what came back is recorded: see to the cluster and run the same command again to go on."
        ) from error
    finally:
        done.set()


def _interrupt_when_closed(client, done):
    """Wake the main thread, which would wait for results forever, when the scheduler has been lost."""
    while not done.wait(0.5):
        if client.status == "closed":
            _thread.interrupt_main()
            return


def _remotely(experiment, seed, device, split):
    """The Record of a run in a worker of a cluster, which keeps nothing of it."""
    with _one_run:
        return records.of(train(experiment, seed, device, split, quiet=True))
