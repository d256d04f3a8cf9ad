"""Workloads of plug-ins, whose data are made in a process of their own."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backends import registry
from backends.base import Data
from backends.description import WorkloadDescription
from benchmarks.engine import inquiry
from benchmarks.errors import UserError
from benchmarks.problems.problem import DType, New, Problem, extreme, in_memory
from benchmarks.problems.workloads import Workload

#: What selects all workloads of plug-ins.
GROUP = "plug-in"
#: Seconds that making the data may take.
_PATIENCE = 60.0


@dataclass(frozen=True)
class Custom:
    """The recipe of such data."""

    source: str  # as `registry.sources` has it
    name: str
    n_samples: int
    n_features: int
    dtype: DType

    @property
    def n_test(self) -> int:
        """There are no test samples."""
        return 0

    def make(self, seed: int, new: New = in_memory) -> Problem:
        """Let the plug-in make the data.

        Raises:
            UserError: it does not, or they are not what it has said of them.
        """
        who = f"{registry.where(self.source)}: workload {self.name!r}"
        with tempfile.TemporaryDirectory(prefix="linreg-bench-") as folder:
            reply = inquiry.ask(
                "backends.worker.making",
                [self.source, self.name, str(seed), folder],
                expected=1,
                patience=_PATIENCE,
            )
            if reply.trouble:
                raise UserError(f"{who} was not made: its process {reply.trouble}")
            try:
                trouble = json.loads(reply.lines[0])["trouble"]
            except (ValueError, TypeError, KeyError, RecursionError):
                trouble = "its process wrote something that is no answer"
            if trouble:
                raise UserError(f"{who} was not made: {trouble}")
            X = self._read(Path(folder, "X.npy"), (self.n_samples, self.n_features), who)
            y = self._read(Path(folder, "y.npy"), (self.n_samples,), who)
        return Problem(Data(X, y, X[:0], y[:0]))

    def _read(self, path: Path, shape: tuple[int, ...], who: str) -> np.ndarray:
        name = path.stem
        if path.is_symlink() or not path.is_file():
            raise UserError(f"{who}: {name} was not written")
        try:
            # Mapped: its size is compared with what it says of itself, before memory is taken.
            found = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise UserError(f"{who}: {name} cannot be read: {error}") from None
        if found.shape != shape or found.dtype != self.dtype:
            is_ = f"{found.dtype} of shape {found.shape}"
            raise UserError(f"{who}: {name} is {is_}, not {self.dtype} of shape {shape}")
        if not np.isfinite(found).all():
            raise UserError(f"{who}: {name} has a number that is not finite")
        for column in np.atleast_2d(found.T):
            if wrong := extreme(column):
                raise UserError(f"{who}: {name}, row {wrong[0]}: {wrong[1]}")
        return np.array(found, order="C")  # whose memory is not that of the file


def workload(description: WorkloadDescription, source: str) -> Workload:
    """The workload that a plug-in describes."""
    one = description
    return Workload(
        one.name,
        f"{one.description} (plug-in {Path(source).name})",
        Custom(source, one.name, one.n_samples, one.n_features, one.dtype),
        threads=one.threads,
        group=GROUP,
    )
