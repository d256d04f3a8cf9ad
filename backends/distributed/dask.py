"""Dask: rows in chunks, on the worker processes of a cluster on this machine.

This process holds the scheduler and the client, and starts the workers (`LocalCluster`).
"""

import os
import uuid
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from backends import rank_deficient as rank
from backends.base import Backend, Data, Fit, Method, Probes, Unavailable, blas
from backends.distributed import remote
from backends.distributed.rank import sha256
from backends.lazy import lazy
from backends.scipy import solve_normal_equations

dask = lazy("dask")
da = lazy("dask.array")
distributed = lazy("distributed")

_SETTINGS: dict[str, Any] = {
    # Processes of the suite are stopped while others are timed, for as long as that takes. A
    # worker that sends no heartbeat would be dropped, and its rows with it.
    "distributed.scheduler.worker-ttl": None,
    "distributed.comm.timeouts.tcp": "1h",
    # Rows stay where they were put.
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.active-memory-manager.start": False,
    # Profiles are not asked for.
    "distributed.worker.profile.enabled": False,
    "distributed.diagnostics.nvml": False,
}
#: Each thread of a worker does a chunk of its own; BLAS starts no further ones.
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
#: Bytes of X in a chunk, at most: Dask's own default.
_CHUNK = 1 << 27
#: Rows that are multiplied at once: they fit into a cache.
_ROWS = 1 << 13


@dataclass(frozen=True)
class Chunk:
    """Some rows of an array, on a worker."""

    worker: int
    future: Any  # distributed.Future
    shape: tuple[int, ...]


@cache
def _cluster(workers: int, threads: int) -> Any:
    """The client of a cluster that ends with this process; its backends share it.

    Args:
        workers: processes.
        threads: of each.
    """
    os.environ |= _ONE_THREAD
    dask.config.set(_SETTINGS)
    cluster = distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=threads,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        memory_limit=0,  # nothing is written to a disk
        silence_logs="ERROR",
    )
    for nanny in cluster.workers.values():
        nanny.close_gracefully()  # from now on: a worker that ends is not started again
    return distributed.Client(cluster)


class DaskBackend(Backend):
    """Each worker keeps rows of its own, in at least as many chunks as it has threads."""

    framework = "distributed"  # which needs dask, and not the other way round
    requires = ("dask[array,distributed]",)
    methods = ("least squares",)
    optional = True
    distributed = True
    known_failures = rank.NEEDS_FULL_RANK

    X: list[Chunk]
    y: list[Chunk]

    def start(self, device: str, threads: int) -> None:
        if self.workers > 1 and remote.places()[1]:
            raise Unavailable("starts its workers on this machine, and not on those of the cluster")
        self.threads = max(1, threads // self.workers)  # of each worker
        self.client = _cluster(self.workers, self.threads)

    def load(self, data: Data, method: Method) -> None:
        self.data, self.method = data, method
        self.X, self.y = [], []  # the workers free the last ones
        self.X, self.y = self.move(data.X), self.move(data.y)

    def move(self, array: np.ndarray) -> list[Chunk]:
        """Send each worker its rows; returns when they are there."""
        rows = max(1, _CHUNK // self.data.X[:1].nbytes)
        found: list[Chunk] = []
        parts = np.array_split(array, self.workers)
        with self._naming_the_lost():
            for worker, address in enumerate(self._addresses()):
                own = parts[worker]
                count = max(self.threads, -(-len(own) // rows))
                chunks = [chunk for chunk in np.array_split(own, count) if len(chunk)]
                if chunks:
                    futures = self.client.scatter(chunks, workers=address, direct=True, hash=False)
                    for chunk, future in zip(chunks, futures, strict=True):
                        found.append(Chunk(worker, future, chunk.shape))
        return found

    def fit(self) -> Fit:
        rank.refuse_wide(self.data.X)
        with self._naming_the_lost():
            return Fit.of(self.solve())

    @abstractmethod
    def solve(self) -> np.ndarray:
        """(weight, bias), (n_features + 1,), in the dtype of the data."""

    def describe(self) -> dict[str, Any]:
        """What the workers say.

        Raises:
            RuntimeError: a worker has other rows than it was sent.
        """
        for chunks, array in ((self.X, self.data.X), (self.y, self.data.y)):
            digests = self._gather(sha256, [chunk.future for chunk in chunks])
            ends = np.cumsum([chunk.shape[0] for chunk in chunks])
            rows = np.split(array, ends[:-1])
            for chunk, digest, own in zip(chunks, digests, rows, strict=True):
                if digest != sha256(own):
                    which = self._named(chunk.worker)
                    raise RuntimeError(
                        f"{which} works on other rows than it was sent (SHA-256 differs)"
                    )
        found = list(self.client.run(_in_force).values())
        return super().describe() | {
            "workers": len(found),
            "threads": sum(one["threads"] for one in found),
            "blas": found[0]["blas"],
            "chunks": len(self.X),
            "scheduler": f"distributed {distributed.__version__}, in the process of the client",
        }

    def probes(self, side: int, n_bytes: int, dtype: str) -> Probes:
        call = self.client.submit
        return Probes(lambda: call(int, pure=False).result(), "running an empty task on a worker")

    def exchange(self, n_bytes: int) -> Callable[[], object] | None:
        sizes = [max(1, n_bytes // 8)] * self.workers
        return lambda: sum(self._gather(np.zeros, sizes))

    def _gather(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        """What the workers compute, call by call; nothing is taken from earlier calls."""
        return self.client.gather(self.client.map(function, *arguments, pure=False))

    @contextmanager
    def _naming_the_lost(self) -> Iterator[None]:
        """Dask says that something is lost, but not which worker was."""
        try:
            yield
        except Exception:
            self._addresses()
            raise

    def _addresses(self) -> list[str]:
        """Of all workers, in their order.

        Raises:
            RuntimeError: one is gone.
        """
        there = {w.name: w.address for w in self.client.cluster.scheduler.workers.values()}
        for worker in range(self.workers):
            if worker not in there:
                raise RuntimeError(f"{self._named(worker)} has ended in the middle of its work")
        return [there[worker] for worker in range(self.workers)]

    def _named(self, worker: int) -> str:
        return f"worker {worker + 1} of {self.workers}"


class DaskLstsq(DaskBackend):
    """`dask.array.linalg.lstsq`, with the column of ones that dask-glm adds.

    It also returns the rank, and solves as if that were full: only the solution is computed.
    """

    name = "dask-lstsq"
    algorithm = "dask.array.linalg.lstsq of [X 1]: QR of each chunk, and of all R (TSQR)"
    stability = "orthogonal"
    copies = 10.0  # each task keeps what it makes until others have used it

    def solve(self) -> np.ndarray:
        X, y = self._array(self.X), self._array(self.y)
        n, p = X.shape
        ones = da.ones((n, 1), dtype=X.dtype, chunks=(X.chunks[0], 1))
        A = da.concatenate([X, ones], axis=1).rechunk({1: p + 1})
        solution, *_ = da.linalg.lstsq(A, y)
        return np.array(solution.compute())

    def _array(self, chunks: list[Chunk]) -> Any:
        """The Dask array of some chunks.

        Its name is new, and so are those of all that is computed from it: the scheduler does not
        take a result for that of an earlier fit which somebody still holds.
        """
        name, dtype = uuid.uuid4().hex, self.data.X.dtype
        return da.concatenate(
            [
                da.from_delayed(chunk.future, chunk.shape, dtype, name=f"rows-{name}-{number}")
                for number, chunk in enumerate(chunks)
            ]
        )


class DaskGram(DaskBackend):
    """A task for each chunk, and no Dask array: its graph would take longer than many fits."""

    name = "dask-gram"
    algorithm = "Cholesky of [X 1]'[X 1] (normal equations), X'X by a task for each chunk"
    stability = "normal equations"
    style = "tuned"
    copies = 2.0

    def solve(self) -> np.ndarray:
        X, y = ([chunk.future for chunk in chunks] for chunks in (self.X, self.y))
        found = self._gather(_normal_equations, X, y)
        gram, moment = (sum(parts) for parts in zip(*found, strict=True))
        n, dtype = len(self.data.y), self.data.X.dtype
        return solve_normal_equations(gram, moment, n, dtype).astype(dtype)


def _normal_equations(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[X 1]'[X 1] and [X 1]'y in float64, block by block of rows."""
    p = X.shape[1]
    gram, moment = np.zeros((p + 1, p + 1)), np.zeros(p + 1)
    for first in range(0, len(y), _ROWS):
        # Copied: Dask puts arrays that it receives anywhere in memory, and NumPy has no BLAS for
        # those that are not aligned.
        block = (array[first : first + _ROWS].copy() for array in (X, y))
        for total, part in zip((gram, moment), rank.normal_equations(np, *block), strict=True):
            total += part
    return gram, moment


def _in_force(dask_worker: Any) -> dict[str, Any]:
    """Of the worker that runs this: its threads, those of its BLAS included."""
    found = blas("numpy")
    return found | {"threads": dask_worker.state.nthreads * (found["threads"] or 1)}
