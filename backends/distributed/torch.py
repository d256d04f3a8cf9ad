"""Least squares by ranks that exchange sums or triangles through `torch.distributed`."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any, ClassVar

import numpy as np

from backends import rank_deficient
from backends.distributed import remote
from backends.distributed.base import DistributedBackend
from backends.distributed.rank import Deserted, Rank
from backends.torch import torch
from backends.torch.blocks import Blocks
from backends.torch.least_squares import solve_normal_equations

#: Rows of a block whose QR stays in the cache: so many bytes.
_BYTES = 1 << 20


class TorchRank(Rank):
    """A rank in a group of gloo, which copies through the network, or within a machine."""

    store: Any = None  # where ranks find each other

    def open(self, workers: int, host: str) -> str:
        self.store = torch.distributed.TCPStore(host, 0, workers, True, wait_for_workers=False)
        return f"{host}:{self.store.port}"

    def join(self, number: int, workers: int, threads: int, address: str) -> None:
        super().join(number, workers, threads, address)
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision("highest")
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
        host, _, port = address.rpartition(":")
        # Else gloo asks for the address of this machine's name, which need not have one.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", remote.interface(host))
        store = self.store or torch.distributed.TCPStore(host, int(port), workers, False)
        torch.distributed.init_process_group("gloo", store=store, rank=number, world_size=workers)

    def take(self, X: np.ndarray, y: np.ndarray) -> None:
        super().take(X, y)
        self.rows, self.targets = torch.from_numpy(X), torch.from_numpy(y)

    def add(self, sums: torch.Tensor, patience: float) -> None:
        """Add to `sums`, which are contiguous, those of all other ranks."""
        _wait(torch.distributed.all_reduce(sums, async_op=True), patience)

    def gather(self, own: torch.Tensor, patience: float) -> torch.Tensor:
        """`own` of all ranks, one below the other."""
        found = [torch.empty_like(own) for _ in range(self.workers)]
        _wait(torch.distributed.all_gather(found, own, async_op=True), patience)
        return torch.cat(found)

    def add_up(self, n_bytes: int, patience: float) -> None:
        self.add(torch.zeros(max(1, n_bytes // 8), dtype=torch.float64), patience)

    def describe(self) -> dict[str, Any]:
        return {
            "threads": torch.get_num_threads(),
            "tf32": torch.get_float32_matmul_precision() != "highest",
            "transport": torch.distributed.get_backend(),
        }


def _wait(work: Any, patience: float) -> None:
    try:
        work.wait(timedelta(seconds=patience))
    except RuntimeError as error:
        raise Deserted(str(error)) from error


class GramRank(TorchRank):
    """Adds up [1 X y]'[1 X y] of all ranks, and solves the normal equations."""

    def fit(self, patience: float) -> np.ndarray:
        X, y = self.rows, self.targets
        q = X.shape[1] + 2
        sums = X.new_zeros(q, q, dtype=torch.float64)
        if len(y):
            sums += Blocks(X, y).gram()
        self.add(sums, patience)
        n, gram, moment = round(sums[0, 0].item()), sums[:-1, :-1], sums[-1, :-1]
        rank_deficient.refuse_few(n, q - 2)
        solution = solve_normal_equations(gram, moment, n, X.dtype)
        return solution.roll(-1).to(X.dtype).numpy()


class QRRank(TorchRank):
    """Stacks the triangles R of all ranks, and takes R of them: TSQR."""

    def fit(self, patience: float) -> np.ndarray:
        own = _triangle(self.rows, self.targets)
        R = torch.linalg.qr(self.gather(own, patience), mode="r").R
        rank_deficient.refuse_diagonal(R[:-1, :-1].numpy())
        solution = torch.linalg.solve_triangular(R[:-1, :-1], R[:-1, -1:], upper=True)
        return solution[:, 0].roll(-1).numpy()


def _triangle(X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """R of [1 X y]: (n_features + 2, n_features + 2), block by block of rows."""
    q = X.shape[1] + 2
    R = X.new_zeros(q, q)
    length = max(4 * q, _BYTES // (q * X.itemsize))
    rows = X.new_ones(q + length, q)
    for some, targets in zip(X.split(length), y.split(length), strict=True):
        end = q + len(targets)
        rows[:q] = R
        rows[q:end, 0] = 1
        rows[q:end, 1:-1] = some
        rows[q:end, -1] = targets
        R = torch.linalg.qr(rows[:end], mode="r").R
    return R


class TorchDistributedGram(DistributedBackend):
    """The sums that the normal equations need, by all ranks."""

    name = "torch-distributed-gram"
    framework = "torch"
    algorithm = "Cholesky of [1 X]'[1 X], which all ranks add up (torch.distributed.all_reduce)"
    style = "tuned"
    stability = "normal equations"
    rank: ClassVar[type[Rank]] = GramRank
    known_failures = rank_deficient.NEEDS_FULL_RANK


class TorchDistributedQR(DistributedBackend):
    """TSQR (Demmel, Grigori, Hoemmen & Langou, SIAM J. Sci. Comput. 34, 2012)."""

    name = "torch-distributed-qr"
    framework = "torch"
    algorithm = "QR of [1 X y] in each rank, and of all R together (TSQR, all_gather)"
    style = "tuned"
    stability = "orthogonal"
    rank: ClassVar[type[Rank]] = QRRank
    known_failures = rank_deficient.NEEDS_FULL_RANK
