"""The C programs of ten seeds: how many test images each gets right, by answers that are kept where they are others.

A record holds what a network answers, as PyTorch computes it; its C program answers a handful of images otherwise."""

from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from statistics import fmean

import numpy as np

from src import InputError, data
from src.experiments import Experiment
from src.runs import checkpoints, records
from src.runs.one import Run, train
from src.runs.records import RESULTS, Record
from src.use import weights
from studies import timing
from studies.bytes import BYTES, SEEDS
from studies.bytes.compiled import answers
from studies.bytes.integers import program
from studies.bytes.source import constants, source

NAME, JOBS = "bytes", 2
Differences = dict[str, int]  # number of an image in the split -> another answer than the record's


def measure() -> dict:
    """Train what is not measured yet, two at a time; record it, and what its C program answers, as soon as it is there.

    Raises InputError as train() does, and without a C compiler."""
    measured = kept()
    missing = [
        (experiment, seed)
        for seed in SEEDS
        for experiment in BYTES.values()
        if str(seed) not in measured.get(experiment.name, {})
    ]
    with ProcessPoolExecutor(JOBS, get_context("spawn")) as pool:
        for done in as_completed([pool.submit(_trained, *task) for task in missing]):
            name, seed, said = done.result()
            measured.setdefault(name, {})[str(seed)] = said
            timing.save(NAME, measured)
            print(f"{name}, seed {seed}: {said}", flush=True)
    return measured


def kept() -> dict[str, dict]:
    """Return what is measured so far: name -> seed -> the hash of the record, bytes, and the different answers."""
    return timing.load(NAME, RESULTS / "bench") if (RESULTS / "bench" / f"{NAME}.json").exists() else {}


def _trained(experiment: Experiment, seed: int) -> tuple[str, int, dict]:
    """Train one run, save its record, for seed 0 its weights, and say what its C program answers."""
    checkpoint = checkpoints.path_of(RESULTS, f"{experiment.name}-{NAME}", seed, "test")
    run = train(experiment, seed, checkpoint=checkpoint, quiet=True)
    records.save(run.record, RESULTS)
    if seed == 0:
        weights.save(run, weights.path_of(experiment.name))
    said = of_run(run)
    checkpoint.unlink()
    return experiment.name, seed, said


def of_run(run: Run) -> dict:
    """Return the hash of a run's record, the bytes of its C program, and which images that answers otherwise."""
    of = program(run.network)
    said = answers(source(of, run.experiment.name), run.test_digits.images.numpy()).argmax(axis=1)
    others = np.flatnonzero(said != run.logits.argmax(dim=1).numpy())
    return {
        "record": run.record.hash,
        "constants": constants(of),
        "answers": {str(image): int(said[image]) for image in others},
    }


def accuracy(record: Record, said: dict) -> float:
    """Return the accuracy, in percent, of the C program of a recorded run.

    Raises InputError if it is that of another run."""
    if said["record"] != record.hash:
        raise InputError(
            f"results/bench/{NAME}.json has a C program of another run of {record.experiment}, seed {record.seed}; "
            f"remove its entry there, then: python -m src bench {NAME}"
        )
    answer, truth = list(record.predictions), records.coded(data.load(record.split).labels)
    for image, other in said["answers"].items():
        answer[int(image)] = str(other)
    return 100 * fmean(map(str.__eq__, answer, truth))


def text(measured: dict) -> str:
    """Say how many programs are measured, and how many answers are others than the network's."""
    others = [len(said["answers"]) for of in measured.values() for said in of.values()]
    return f"{len(others)} C programs answer up to {max(others)} of 10,000 images otherwise than their networks."
