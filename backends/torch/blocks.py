"""Rows of X and y, a block at a time, as rows of [1 X y] in memory that stays in the cache.

A copy of all of X with a column of ones costs as much time as X'X. A copy of a block costs almost
nothing if it is used at once, and lets one product compute X'X, X'y and all sums.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

from backends.torch import torch
from backends.torch.doubled import Doubled

#: Size of a block for each thread: twice what a core's second-level cache usually holds. With
#: smaller ones the threads synchronise too often, at the end of every operation.
BYTES = 1 << 21
#: A GPU is given as much as this many threads.
GPU_THREADS = 128
#: Rows that are added up by one product, at least. Their sums are in turn added up in float64.
SHORTEST = 256
#: ... and at most, where the error would grow with their number: in float64, and where columns are
#: so few that MKL adds up one row after the other.
LONGEST, FEW_COLUMNS = 1024, 12
#: Blocks of at most this many numbers compute X'r as if exactly, which takes twenty more passes.
EXACT = 1 << 15
#: Columns of X'X that are computed at once on a CPU. What is above the diagonal is left out.
STRIP = 48


def padded(n_columns: int, itemsize: int) -> int:
    """`n_columns` or a few more, so that BLAS computes products in less time.

    A product is made of tiles: in MKL for AVX2, 24 x 4 numbers of float32 or 12 x 4 of float64.
    Half a tile takes as long as a whole one, or longer (backends/README.md).
    """
    tile = 4 if itemsize == 4 else 12
    more = -n_columns % tile
    return n_columns + more if 2 * more <= n_columns else n_columns


def threads_for(X: torch.Tensor) -> int:
    """How many threads work on X at once; a GPU counts as `GPU_THREADS`."""
    return GPU_THREADS if X.is_cuda else torch.get_num_threads()


class Blocks:
    """[1 X y 0] - shift as blocks of rows: (n_runs, run, n_features + 2 or a few more).

    All threads work on the runs of a block at once, each on its own: a product with few columns
    and many rows keeps only one thread busy. After the last row there are rows of zeros. A single
    run has two dimensions: operations on three take longer to start.
    """

    def __init__(
        self,
        X: torch.Tensor,
        y: torch.Tensor,
        dtype: torch.dtype | None = None,
        shift: torch.Tensor | None = None,
        n_bytes: int = BYTES,
    ) -> None:
        """Nothing is copied yet.

        Args:
            X: (n_samples, n_features).
            y: (n_samples,).
            dtype: of the blocks; by default that of X.
            shift: (n_features + 2,), what is subtracted from each column; its first element is 0.
            n_bytes: size of a block for each thread.
        """
        n, dtype = len(y), dtype or X.dtype
        self.q = X.shape[1] + 2  # columns that are not padding
        self.shift = X.new_zeros(self.q, dtype=dtype) if shift is None else shift.to(dtype)
        width = padded(self.q, dtype.itemsize)
        threads = threads_for(X)
        n_blocks = max(1, round(n * width * dtype.itemsize / (threads * n_bytes)))
        n_rows = math.ceil(n / n_blocks)
        limited = dtype == torch.float64 or width < FEW_COLUMNS
        longest = LONGEST if limited else n_rows
        n_runs = threads * math.ceil(n_rows / (threads * longest))  # as many for each thread
        n_runs = min(n_runs, max(1, n_rows // max(self.q, SHORTEST)))
        run = math.ceil(n_rows / n_runs)
        self.rows = self.shift.new_empty(n_runs * run, width)
        self.block = self.rows if n_runs == 1 else self.rows.unflatten(0, (n_runs, run))
        self.parts = list(zip(X.split(len(self.rows)), y.split(len(self.rows)), strict=True))
        self.filled = False  # with all there is

    def __iter__(self) -> Iterator[torch.Tensor]:
        """Each block overwrites the last one, and must not be written to."""
        rows, q = self.rows, self.q
        if not self.filled:
            rows[:, 0] = 1
            rows[:, q:] = 0
        for X, y in self.parts:
            if not self.filled:
                torch.sub(X, self.shift[1:-1], out=rows[: len(y), 1 : q - 1])
                # A single number would be subtracted in the precision of y.
                torch.sub(y, self.shift[-1:], out=rows[: len(y), q - 1])
                rows[len(y) :] = 0
            self.filled = len(self.parts) == 1
            yield self.block

    def gram(self) -> torch.Tensor:
        """The lower triangle of A'A, A = [1 X y] - shift, in float64.

        Within a run, rounding errors are those of the dtype; over runs they average out.
        """
        width, q = self.rows.shape[1], self.q
        strip = width if self.rows.is_cuda else STRIP
        if width <= strip:
            return self._over_blocks(block.mT @ block for block in self)[:q, :q]
        total = self.shift.new_zeros(width, width, dtype=torch.float64)
        for block in self:
            for i in range(0, width, strip):
                products = block[..., i:].mT @ block[..., i : i + strip]
                total[i:, i : i + strip] += self._over_runs(products)
        return total[:q, :q]

    def gradient(self, b: torch.Tensor, careful: bool = True) -> torch.Tensor:
        """[1 X]'([1 X] b - y) of the shifted data, in float64: (n_features + 1,).

        It is small beside its terms: few numbers are added up almost without any error, others in
        runs.

        Args:
            b: (n_features + 1,).
            careful: False: in runs in any case.
        """
        width, q = self.rows.shape[1], self.q
        v = torch.cat([b, b.new_full((1,), -1.0), b.new_zeros(width - q)])
        if careful and self.filled and self.rows.numel() <= EXACT:
            return Doubled(self.rows[:, :q]).normal_product(v[:q])[: q - 1]
        # As one row for each run: a vector that all share would be multiplied by one thread.
        v = v.expand(*self.block.shape[:-2], 1, -1)
        products = ((v @ block.mT @ block).squeeze(-2) for block in self)
        return self._over_blocks(products)[: q - 1]

    def _over_blocks(self, sums: Iterator[torch.Tensor]) -> torch.Tensor:
        """The sum over all runs of all blocks, in float64."""
        return functools.reduce(torch.add, map(self._over_runs, sums))

    def _over_runs(self, sums: torch.Tensor) -> torch.Tensor:
        """The sum over all runs of a block, in float64."""
        return sums.double() if self.block is self.rows else sums.sum(dim=0, dtype=torch.float64)
