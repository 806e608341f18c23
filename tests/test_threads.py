"""Two threads lose little where another program keeps a core busy, and nothing where none does."""

import os
import subprocess
import sys
from statistics import median

import pytest

from src import ROOT

TRAIN = """
import src, time, torch
from src import data
from src.experiments import MODEL4, replace
from src.model import build
from src.training import fit

torch.set_num_threads(2)
digits = data.load("train")[:3000]
print(*(epoch.seconds for epoch in fit(build(MODEL4), replace(MODEL4, epochs=4), digits)))
"""
PROGRAMS = {
    "fit() outside train()": TRAIN,
    "the sprint": "import sys; from src.__main__ import main; sys.exit(main(['sprint', 'Sprint-99', '--seeds', '3']))",
}


def seconds(program, **environment):
    """The median seconds of what a program repeats, in a process with such an environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=kept | environment, capture_output=True, text=True, check=True
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    repeated = [float(line[2]) for line in lines if line[0] == "seed"] or [float(each) for each in lines[0]]
    return median(repeated)


def test_the_bound_is_set_before_torch_is_imported_and_a_persons_own_stays():
    program = "import src, os, sys; print(os.environ['GOMP_SPINCOUNT'], 'torch' in sys.modules)"
    for given, expected in [({}, "1000 False"), ({"GOMP_SPINCOUNT": "7"}, "7 False")]:
        kept = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"} | given
        done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=kept, capture_output=True, text=True)
        assert done.stdout.strip() == expected


@pytest.mark.timed
@pytest.mark.parametrize("what", PROGRAMS)
def test_two_threads_lose_at_most_a_factor_of_five_beside_a_busy_core_and_nothing_beside_none(what):
    program = PROGRAMS[what]
    unbounded = seconds(program, GOMP_SPINCOUNT="infinite")
    idle = seconds(program)
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
        try:
            busy, busy_unbounded = seconds(program), seconds(program, GOMP_SPINCOUNT="infinite")
        finally:
            other.kill()
    print(
        f"\n{what}: idle {idle:.2f} s (unbounded {unbounded:.2f}), beside a busy core {busy:.2f} ({busy_unbounded:.2f})"
    )
    assert busy < 5 * idle and idle < 1.2 * unbounded
