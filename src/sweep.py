"""Many runs: experiments x seeds, over processes or a cluster, recorded as they finish and never trained twice."""

import contextlib
import fcntl
import threading
from pathlib import Path

import joblib
from tqdm import tqdm

from src import InputError, data, records
from src.progress import HEADER, row
from src.training import train

SCHEDULER_WAIT = 10  # seconds to wait for the answer of a Dask scheduler

# A run draws from torch's global random generator, so a process does one run at a time.
_one_run = threading.Lock()


def run_many(tasks, folder, device="auto", split="test", jobs=1, scheduler=None):
    """The Records of tasks, a list of (Experiment, seed), in its order; those below folder are not trained again.

    jobs: runs at a time in processes of this machine. scheduler: the address (tcp://host:port) of
    a Dask scheduler whose workers do the runs instead; their records come back and are saved here.
    Raises InputError for jobs < 1 and for a scheduler that does not answer.
    """
    if jobs < 1:
        raise InputError(f"--jobs must be at least 1, not {jobs}.")
    if jobs == 1 and not scheduler:
        return [run_one(experiment, seed, folder, device, split) for experiment, seed in tasks]
    missing = [task for task in tasks if not recorded(*task, folder, split)]
    finished = (
        _on_cluster(missing, folder, split, scheduler) if scheduler else _here(missing, folder, device, split, jobs)
    )
    title = f"{len(tasks)} runs, {len(tasks) - len(missing)} recorded already"
    with contextlib.closing(finished):
        for _ in tqdm(finished, title, total=len(missing), unit="run", smoothing=0):
            pass
    return [recorded(*task, folder, split) for task in tasks]


def run_one(experiment, seed, folder, device="auto", split="test", quiet=False):
    """The Record of one run below folder; trained and saved there, unless it is recorded already.

    An interrupted run goes on after its last finished epoch. Of two processes that want the same
    run at once, the second waits for the first and takes its record.
    """
    unfinished = Path(folder) / ".unfinished" / f"{split}-{experiment.name}-{seed}"
    with _claimed(unfinished):
        if record := recorded(experiment, seed, folder, split):
            if not quiet:
                print(f"{experiment.name}, seed {seed}: recorded already; --results FOLDER would train it again there.")
                print("\n".join([HEADER, *map(row, record.history)]))
            return record
        checkpoint = unfinished.with_name(f"{unfinished.name}.checkpoint")
        record = records.of(train(experiment, seed, device, split, checkpoint, quiet))
        records.save(record, folder)
        checkpoint.unlink(missing_ok=True)
        return record


def recorded(experiment, seed, folder, split):
    """The Record of a run if folder has it and it is not stale, else None."""
    path = records.path_of(folder, experiment, seed, split)
    record = records.load(path) if path.exists() else None
    return record if record and record.definition_hash == records.definition_hash(experiment) else None


def _here(tasks, folder, device, split, jobs):
    """Yield the Records of tasks as processes of this machine finish them."""
    data.load("test")  # once, lest every process fetches it
    calls = (joblib.delayed(run_one)(experiment, seed, folder, device, split, quiet=True) for experiment, seed in tasks)
    yield from joblib.Parallel(jobs, return_as="generator_unordered", pre_dispatch=jobs, batch_size=1)(calls)


def _on_cluster(tasks, folder, split, scheduler):
    """Yield the Records of tasks as the workers of a Dask cluster finish them, each saved before."""
    from distributed import Client

    try:
        client = Client(scheduler, timeout=SCHEDULER_WAIT)
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at {scheduler} within {SCHEDULER_WAIT} seconds; "
            "start one with 'dask scheduler' and give the address that it prints."
        ) from error
    calls = (joblib.delayed(_remotely)(experiment, seed, split) for experiment, seed in tasks)
    with client, joblib.parallel_config("dask", client=client, wait_for_workers_timeout=SCHEDULER_WAIT):
        for record in joblib.Parallel(return_as="generator_unordered", pre_dispatch="all", batch_size=1)(calls):
            records.save(record, folder)
            yield record


def _remotely(experiment, seed, split):
    """The Record of a run in a worker of a cluster, which keeps nothing of it."""
    with _one_run:
        return records.of(train(experiment, seed, split=split, quiet=True))


@contextlib.contextmanager
def _claimed(path):
    """Hold the file path.lock; the system gives it back when the process ends, however it ends."""
    lock = path.with_name(f"{path.name}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = open(lock, "w")
    except OSError as error:
        raise InputError(f"cannot write {lock}: {error.strerror}; free or open that folder.") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
