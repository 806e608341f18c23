import sys

import pytest
import torch

from src.speed.memory import keep_freed_memory, peak_memory


@pytest.mark.skipif(sys.platform != "linux", reason="about glibc")
def test_freed_memory_is_used_again():
    import resource

    def page_faults(times):
        """How often the system had to provide a page while 96 MB were used and freed so many times."""
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(times):
            held = [torch.ones(6_000_000) for _ in range(4)]
            del held
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    keep_freed_memory()
    page_faults_of_one_time = 96_000_000 // resource.getpagesize()
    page_faults(times=1)
    # without it every time asks for all of its pages; with it the heap may have to grow once more, beside what it holds
    assert page_faults(times=10) < 3 * page_faults_of_one_time


def test_the_peak_is_at_least_what_is_held():
    held = torch.ones(25_000_000)
    assert peak_memory() > held.nbytes
