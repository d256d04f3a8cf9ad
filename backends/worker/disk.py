"""Data on a disk: mapped, how much this process has read of them, how fast that can be at best."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

_MOST_BYTES = 1 << 30  # that are read of a file
_PIECE = 1 << 22  # bytes that are asked for at a time
_COUNTS = Path("/proc/self/io")


def bytes_read(counts: Path = _COUNTS) -> int | None:
    """Bytes that the system has fetched from disks for this process; None if it does not say.

    Those of mapped files are among them, and what was read ahead.
    """
    try:
        found = re.search(r"^read_bytes: (\d+)$", counts.read_text(), re.M)
    except OSError:
        return None
    return int(found[1]) if found else None


def disk_rate(
    path: Path,
    clock: Callable[[], float] = time.perf_counter,
    count: Callable[[], int | None] = bytes_read,
) -> float | None:
    """Bytes per second that come from the disk when a file is read from its beginning.

    None if the system does not say, or finds all of it in its cache although it was asked to give
    that up: pages that a process has mapped stay.
    """
    piece = memoryview(bytearray(_PIECE))
    with path.open("rb", buffering=0) as file:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, _MOST_BYTES, os.POSIX_FADV_DONTNEED)
        before, began, left = count(), clock(), _MOST_BYTES
        while left > 0 and (got := file.readinto(piece)):
            left -= got
        took, after = clock() - began, count()
    if before is None or after is None or after - before < _MOST_BYTES // 64:
        return None
    return (after - before) / took


def mapped(path: Path) -> np.ndarray:
    """The array of a file that is not read before its numbers are; what is written stays here."""
    try:
        return np.asarray(np.load(path, mmap_mode="c"))
    except ValueError:  # an array without elements cannot be mapped
        return np.asarray(np.load(path))
    except OSError:  # Linux promises no more memory than it has, and nobody may write to these
        return np.asarray(np.load(path, mmap_mode="r"))
