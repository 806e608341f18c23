"""The format of MNIST's files and of its kin: a header of sizes, then the values."""

import math

import numpy as np

DTYPES = {8: np.dtype(np.uint8), 12: np.dtype(">i4")}
SHAPES = {1: [], 2: [8], 3: [28, 28]}  # of each image or label, by the number of sizes; QMNIST has 8 of a label


def values(content: bytes, name: str) -> np.ndarray:
    """Return the values of a file (N,), (N, 8) or (N, 28, 28), uint8 or int32, as its name says: -idx3-ubyte, idx2-int.

    Raises ValueError, one clause, for a header that does not fit to the name or to the length, and for no values."""
    dimensions, code = int(name.partition("-idx")[2][0]), 12 if name.endswith("int") else 8
    start, magic = 4 + 4 * dimensions, bytes([0, 0, code, dimensions])
    if content[:4] != magic:
        raise ValueError(f"it begins with {content[:4].hex(' ') or 'nothing'}, not with {magic.hex(' ')}")
    count, *shape = (int.from_bytes(content[k : k + 4], "big") for k in range(4, start, 4))
    if shape != SHAPES[dimensions]:
        sizes = (" x ".join(map(str, each)) for each in (shape, SHAPES[dimensions]))
        raise ValueError("each of its parts has {} values, not {}".format(*sizes))
    length = start + count * math.prod(shape) * DTYPES[code].itemsize
    if not count or len(content) != length:
        raise ValueError(f"it has {len(content)} bytes, but its header speaks of {count} parts, {length} bytes")
    return np.frombuffer(content, DTYPES[code], offset=start).reshape(count, *shape)
