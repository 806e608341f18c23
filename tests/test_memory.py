import subprocess
import sys

import pytest
import torch

from src import ROOT
from src.runs.machine import peak_memory

# Prints how often the system has to provide a page while 96 MB are used and freed ten times, once the heap has grown.
PAGE_FAULTS = """
import resource, torch
from src.runs.machine import keep_freed_memory

keep_freed_memory()
for used in range(14):
    if used == 4:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    held = [torch.ones(6_000_000) for _ in range(4)]
    del held
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="about glibc")
def test_freed_memory_is_used_again():
    import resource

    page_faults_of_one_time = 96_000_000 // resource.getpagesize()
    # in a process of its own: its heap does not depend on the tests before
    done = subprocess.run([sys.executable, "-c", PAGE_FAULTS], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) < page_faults_of_one_time


def test_the_peak_is_at_least_what_is_held():
    held = torch.ones(25_000_000)
    assert peak_memory() > held.nbytes
