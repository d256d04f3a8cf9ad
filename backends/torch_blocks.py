"""Rows of X and y, a block at a time, as rows of [1 X y] in memory that stays in the cache.

A copy of all of X with a column of ones costs as much time as X'X, and as much memory as X. A copy
of a block that is used at once costs next to nothing, can centre and convert on the way, and lets
one product make X'X, X'y and all sums.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

#: Of one block on a CPU, for each thread: about what a core's second-level cache holds.
CPU_BYTES = 1 << 20
#: On a GPU, which needs many rows to be busy.
GPU_BYTES = 1 << 28


class Blocks:
    """[1 X y] - shift, (n_samples, n_features + 2), as blocks of rows; may be gone through again.

    Each block overwrites the last one, and is not to be written to.
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

        q = X.shape[1] + 2
        dtype = dtype or X.dtype
        size = GPU_BYTES if X.is_cuda else CPU_BYTES * torch.get_num_threads()
        rows = min(len(y), max(q, size // dtype.itemsize // q))
        self.parts = list(zip(X.split(rows), y.split(rows), strict=True))
        self.shift = X.new_zeros(q, dtype=dtype) if shift is None else shift.to(dtype)
        self.buffer = torch.empty(rows, q, dtype=dtype, device=X.device)
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

    def gram(self) -> torch.Tensor:
        """The product of [1 X y] - shift, transposed, with itself."""
        q = self.buffer.shape[1]
        total = self.buffer.new_zeros(q, q)
        for block in self:
            total.addmm_(block.T, block)
        return total
