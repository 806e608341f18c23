"""Many runs: experiments x seeds, recorded as they finish and never trained twice."""

import contextlib
import fcntl
from pathlib import Path

from src import InputError, records
from src.training import train


def run_one(experiment, seed, device, split, folder):
    """The Record of one run below folder; trained and saved there, unless it is recorded already.

    An interrupted run goes on after its last finished epoch. Of two processes that want the same
    run at once, the second waits for the first and takes its record.
    """
    path = records.path_of(folder, experiment, seed, split)
    unfinished = Path(folder) / ".unfinished" / f"{split}-{experiment.name}-{seed}"
    with claimed(unfinished):
        if path.exists():
            record = records.load(path)
            if record.definition_hash == records.definition_hash(experiment):
                return record
        checkpoint = unfinished.with_name(f"{unfinished.name}.checkpoint")
        record = records.of(train(experiment, seed, device, split, checkpoint))
        records.save(record, folder)
        checkpoint.unlink(missing_ok=True)
        return record


@contextlib.contextmanager
def claimed(path):
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
