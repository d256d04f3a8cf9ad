"""Rows of X and y, a block at a time, as rows of [1 X y] in memory that stays in the cache.

A copy of all of X with a column of ones costs as much time as X'X, and as much memory as X. A copy
of a block that is used at once costs next to nothing, can centre and convert on the way, and lets
one product make X'X, X'y and all sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

#: Of one block on a CPU: about what a core's second-level cache holds.
CPU_BYTES = 1 << 20
#: On a GPU, which needs many rows to be busy.
GPU_BYTES = 1 << 28


class Share:
    """[1 X y] - shift, as blocks of rows; may be gone through again.

    Each block overwrites the last one, and is not to be written to.
    """

    def __init__(self, X: torch.Tensor, y: torch.Tensor, shift: torch.Tensor) -> None:
        """Nothing is copied yet."""
        q = len(shift)
        size = GPU_BYTES if X.is_cuda else CPU_BYTES
        rows = min(len(y), max(q, size // shift.itemsize // q))
        self.parts = list(zip(X.split(rows), y.split(rows), strict=True))
        self.shift = shift
        self.buffer = shift.new_empty(rows, q)
        self.buffer[:, 0] = 1
        self.filled = False  # with all there is

    def __iter__(self) -> Iterator[torch.Tensor]:
        import torch

        for X, y in self.parts:
            block = self.buffer[: len(y)]
            if not self.filled:
                torch.sub(X, self.shift[1:-1], out=block[:, 1:-1])
                # A single number would be subtracted in the precision of y.
                torch.sub(y, self.shift[-1:], out=block[:, -1])
            self.filled = len(self.parts) == 1
            yield block


class Blocks:
    """[1 X y] - shift, (n_samples, n_features + 2), as blocks of rows, a share for each thread.

    Each thread sums over its own share, in operations that use that thread alone. The threads meet
    once, and not in every operation on every block.
    """

    def __init__(
        self,
        X: torch.Tensor,
        y: torch.Tensor,
        dtype: torch.dtype | None = None,
        shift: torch.Tensor | None = None,
    ) -> None:
        """Nothing is copied yet.

        Args:
            X: (n_samples, n_features).
            y: (n_samples,).
            dtype: of the blocks; by default that of X.
            shift: (n_features + 2,), what is taken off each column; its first element is 0.
        """
        import torch

        q, dtype = X.shape[1] + 2, dtype or X.dtype
        self.shift = X.new_zeros(q, dtype=dtype) if shift is None else shift.to(dtype)
        # A share of one block or two is better left to threads inside of operations.
        most = len(y) * q * dtype.itemsize // (2 * CPU_BYTES)
        n_shares = 1 if X.is_cuda else max(1, min(torch.get_num_threads(), most))
        pairs = zip(X.chunk(n_shares), y.chunk(n_shares), strict=True)
        self.shares = [Share(*pair, self.shift) for pair in pairs]

    def __iter__(self) -> Iterator[torch.Tensor]:
        for share in self.shares:
            yield from share

    def sum(
        self, add: Callable[[torch.Tensor, torch.Tensor], object], zero: torch.Tensor
    ) -> torch.Tensor:
        """What `add(total, block)` makes of totals that start as `zero`, summed over threads."""
        import torch

        def one(share: Share) -> torch.Tensor:
            total = zero.clone()
            for block in share:
                add(total, block)
            return total

        if len(self.shares) == 1:
            return one(self.shares[0])
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # new threads take this over
        try:
            totals = list(_pool(threads).map(one, self.shares))
        finally:
            torch.set_num_threads(threads)
        return torch.stack(totals).sum(dim=0)

    def gram(self) -> torch.Tensor:
        """The product of [1 X y] - shift, transposed, with itself."""
        zero = self.shift.new_zeros(len(self.shift), len(self.shift))
        return self.sum(lambda total, block: total.addmm_(block.T, block), zero)


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)
