"""The data of a workload on disk, and the reference of its fits."""

import re
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from backends.worker.messages import ARRAYS, sha256
from benchmarks.errors import os_errors
from benchmarks.gate import reference
from benchmarks.gate.reference import Reference
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
    """Make the data of a workload; write them into a folder in `data`.

    Other data there are removed.

    Raises:
        UserError: the data cannot be written.
    """
    problem = workload.make(seed)
    folder = data / re.sub(r"[^\w.=-]+", "_", workload.name)
    with os_errors(f"cannot write the data to {folder}"):
        shutil.rmtree(data, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ARRAYS:
            np.save(path := folder / f"{name}.npy", getattr(problem.data, name))
            path.chmod(0o444)  # workers map them, each for itself
    # One thread: at this size LAPACK's QR gets slower with several.
    with threadpool_limits(1):
        solved = reference.prepare(workload, problem)
    return Prepared(workload, folder.resolve(), sha256(problem.data), solved)
