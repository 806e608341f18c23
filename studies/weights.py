"""Which networks' weights are kept in results/, and that they are those of the records."""

from src import InputError
from src.experiments import Experiment
from src.runs import checkpoints
from src.runs.one import train
from src.runs.records import RESULTS, Record, recorded
from src.use import weights
from studies.catalogue import FACES

# Name -> Experiment whose weights of seed 0 are kept.
KEPT = {experiment.name: experiment for face in FACES for experiment in getattr(face, "KEPT", [])}


def keep_weights() -> str:
    """Train seed 0 again where the kept weights are not those of its record; return a sentence that says so.

    Raises InputError where there is no record and where training does not repeat it, bit for bit."""
    trained = []
    for name, experiment in KEPT.items():
        record = recorded(experiment, [0], RESULTS).get(0)
        if not record:
            raise InputError(f"there is no record of {name}, seed 0; make it with: python -m src run {name}")
        if not _kept(name, record):
            _train_again(experiment, record)
            trained.append(name)
    return f"{weights.WEIGHTS} has the weights of {', '.join(KEPT)}; trained again: {', '.join(trained) or 'none'}."


def _kept(name: str, record: Record) -> bool:  # whether the weights of a record are kept, undamaged
    try:
        return weights.record_hash(name) == record.hash
    except InputError:
        return False


def _train_again(experiment: Experiment, record: Record) -> None:
    """Train the run of a record again and keep its weights."""
    path = weights.path_of(experiment.name)
    checkpoint = checkpoints.path_of(RESULTS, f"{experiment.name}-weights", record.seed, record.split)
    threads = record.threads // experiment.ghost_batches
    run = train(experiment, record.seed, record.split, record.device, checkpoint, threads=threads)
    checkpoint.unlink()
    if run.record.hash != record.hash:
        raise InputError(
            f"{experiment.name}, seed {record.seed}, does not repeat its record on this machine (another processor or "
            f"version of torch rounds otherwise); take its weights from git: git checkout {path}"
        )
    weights.save(run, path)
