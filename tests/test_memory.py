import sys

import pytest
import torch

from src.speed.memory import keep_freed_memory, peak_memory
from src.speed.timing import in_process


def page_faults():
    """How often the system has to provide a page while 96 MB are used and freed ten times, after a first time."""
    import resource

    keep_freed_memory()
    for used in range(11):
        if used == 1:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        held = [torch.ones(6_000_000) for _ in range(4)]
        del held
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(sys.platform != "linux", reason="about glibc")
def test_freed_memory_is_used_again():
    import resource

    page_faults_of_one_time = 96_000_000 // resource.getpagesize()
    # in a process of its own: its heap does not depend on the tests before
    assert in_process(page_faults) < page_faults_of_one_time


def test_the_peak_is_at_least_what_is_held():
    held = torch.ones(25_000_000)
    assert peak_memory() > held.nbytes
