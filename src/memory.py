"""The memory of this process."""

import ctypes
import resource
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # names and numbers from glibc's malloc.h


def peak():
    """Largest resident size of this process so far, in bytes."""
    kibibytes_or_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kibibytes_or_bytes if sys.platform == "darwin" else kibibytes_or_bytes * 1024


def keep_freed():
    """Have the C library keep freed memory for the next batch; does nothing where that is not glibc.

    By default glibc returns it to the system after each batch and asks for it again page by page, which took
    up to a quarter of the training time. It keeps up to 256 MiB, in pieces of up to 32 MiB.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if hasattr(libc, "mallopt"):  # musl has none
        libc.mallopt(M_MMAP_THRESHOLD, 32 * 2**20)
        libc.mallopt(M_TRIM_THRESHOLD, 256 * 2**20)
