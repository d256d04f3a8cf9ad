"""What backends share whose fits are shared by ranks: data, clock, and what each rank says.

The worker is rank 0, and starts the others. It is timed until the slowest of them has finished.
"""

import time
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from backends.base import Backend, Data, Fit, Method
from backends.distributed.rank import Rank, sha256
from backends.distributed.ranks import RankFailed, Ranks, part

#: Seconds that ranks wait for each other: at first, and later at least so long, and so many times
#: as long as the last fit took.
_FIRST, _LEAST, _TIMES = 45.0, 8.0, 50.0


class DistributedBackend(Backend):
    """Least squares by ranks, each with its own rows."""

    methods = ("least squares",)
    optional = True
    distributed = True
    copies = 1.0  # the rows of the other ranks
    rank: ClassVar[type[Rank]]

    ranks: Ranks

    def start(self, device: str, threads: int) -> None:
        self.threads = threads // self.workers  # of each rank
        self.ranks = Ranks(self.rank, self.workers, self.threads)
        self.ranks.join(_FIRST)

    def load(self, data: Data, method: Method) -> None:
        if self.ranks.broken:  # by the last workload
            self.start("cpu", self.threads * self.workers)
        self.usual = 0.0  # seconds of a fit; 0 before the first
        self.renew(data, method)

    def renew(self, data: Data, method: Method) -> None:
        self.data, self.method = data, method
        self.ranks.share("take", (data.X, data.y), _FIRST)

    def move(self, array: np.ndarray) -> Any:
        self.ranks.share("hold", (array,), _FIRST)

    @property
    def patience(self) -> float:
        """Seconds that a rank waits for the others."""
        return max(_LEAST, _TIMES * self.usual) if self.usual else _FIRST

    def fit(self) -> Fit:
        began = time.monotonic()
        own, *others = self._ask("fit", self.patience)
        for number, other in enumerate(others, start=1):
            if not np.array_equal(own, other) and not _alike(own, other):
                self.ranks.close()
                raise RankFailed(f"rank {number} of {self.workers} has another answer than rank 0")
        self.usual = time.monotonic() - began
        return Fit.of(own)

    def exchange(self, n_bytes: int) -> Callable[[], object] | None:
        if self.workers == 1:
            return None
        return lambda: self._ask("add_up", n_bytes, _LEAST)

    def describe(self) -> dict[str, Any]:
        """Of rank 0, and the threads of all.

        Raises:
            RankFailed: a rank has other rows than it was given.
        """
        for number, digest in enumerate(self._ask("digest")):
            arrays = self.data.X, self.data.y
            if digest != sha256(*(part(array, number, self.workers) for array in arrays)):
                rank = f"rank {number} of {self.workers}"
                raise RankFailed(f"{rank} works on other rows than it was given (SHA-256 differs)")
        found = self._ask("describe")
        threads = sum(one["threads"] for one in found)
        own = {"workers": len(found), "threads": threads}
        return super().describe() | found[0] | own

    def _ask(self, name: str, *arguments: Any) -> list[Any]:
        return self.ranks.ask(name, [arguments] * self.workers, self.patience)


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two answers differ by no more than processors round differently."""
    if one.shape != other.shape:
        return False
    return bool(abs(one - other).max() <= np.finfo(one.dtype).eps ** 0.5 * abs(one).max())
