"""The data of a workload on disk, and the reference of its fits."""

import math
import os
import re
import shutil
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from backends.worker.messages import ARRAYS, sha256
from benchmarks.errors import os_errors
from benchmarks.gate import reference
from benchmarks.gate.reference import Reference
from benchmarks.problems.problem import DType
from benchmarks.problems.workloads import Workload


@dataclass(frozen=True)
class Prepared:
    """A workload whose data are made."""

    workload: Workload
    folder: Path
    sha256: str
    reference: Reference

    @cached_property
    def with_tf32(self) -> Reference:
        """The reference for entries with TF32 on."""
        return reference.with_tf32(self.reference)


def prepare(workload: Workload, seed: int, data: Path) -> Prepared:
    """Make the data of a workload, and its reference; write the data into a folder in `data`.

    Other data there are removed. Arrays are filled where they are to lie, and mapped: memory need
    not hold them.

    Raises:
        UserError: the data cannot be written.
    """
    folder = data / re.sub(r"[^\w.=-]+", "_", workload.name)
    # One thread: at this size LAPACK's QR gets slower with several, and rounds otherwise.
    with threadpool_limits(1):
        with os_errors(f"cannot write the data to {folder}"):
            shutil.rmtree(data, ignore_errors=True)
            folder.mkdir(parents=True)
            problem = workload.make(seed, partial(_mapped, folder))
            for name in ARRAYS:
                if not (path := _path(folder, name)).exists():
                    np.save(path, getattr(problem.data, name))
                path.chmod(0o444)  # workers map them, each for itself
        solved = reference.prepare(workload, problem)
    return Prepared(workload, folder.resolve(), sha256(problem.data), solved)


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.npy"


def _mapped(folder: Path, name: str, shape: tuple[int, ...], dtype: DType) -> np.ndarray:
    """An array in a file of its own; what is empty cannot be mapped.

    Raises:
        OSError: there is no room for it.
    """
    if not math.prod(shape):
        return np.empty(shape, dtype)
    path = _path(folder, name)
    array = np.lib.format.open_memmap(path, "w+", np.dtype(dtype), shape)
    if hasattr(os, "posix_fallocate"):
        # Else a full disk would show when a page is written back, and end this process.
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return np.asarray(array)
