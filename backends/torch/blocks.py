"""Rows of X and y, a block at a time, as rows of [1 X y] in memory that stays in the cache.

A copy of all of X with a column of ones costs as much time as X'X. A copy of a block costs almost
nothing if it is used at once, and lets one product compute X'X, X'y and all sums.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from backends.torch import torch

#: Size of a block for each thread: twice what a core's second-level cache usually holds. With
#: smaller ones the threads synchronise too often, at the end of every operation.
BYTES = 1 << 21
#: A GPU is given as much as this many threads.
GPU_THREADS = 128
#: Rows that MKL adds up one after the other if columns are few, with an error that grows with
#: their number.
RUN = 256
#: Blocks of at most this many numbers compute X'r as if exactly, which takes ten more passes.
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
        few = 12 if dtype == torch.float32 else 24
        run = min(n, RUN if width < few else max(self.q, RUN, math.ceil(n_rows / threads)))
        n_runs = math.ceil(n_rows / run)
        self.rows = self.shift.new_zeros(n_runs * run, width)
        self.block = self.rows if n_runs == 1 else self.rows.unflatten(0, (n_runs, run))
        self.parts = list(zip(X.split(len(self.rows)), y.split(len(self.rows)), strict=True))
        self.filled = False  # with all there is

    def __iter__(self) -> Iterator[torch.Tensor]:
        """Each block overwrites the last one, and must not be written to."""
        rows, q = self.rows, self.q
        if not self.filled:
            rows[:, 0] = 1
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
        width = self.rows.shape[1]
        strip = width if self.rows.is_cuda else STRIP
        total = self.shift.new_zeros(width, width, dtype=torch.float64)
        for block in self:
            for i in range(0, width, strip):
                products = block[..., i:].mT @ block[..., i : i + strip]
                total[i:, i : i + strip] += self._over_runs(products)
        return total[: self.q, : self.q]

    def gradient(self, b: torch.Tensor, careful: bool = True) -> torch.Tensor:
        """[1 X]'(y - [1 X] b) of the shifted data: (n_features + 1,).

        It is small beside its terms. The error of a matrix product grows with the number of rows;
        that of `torch.sum`, a cascade, hardly does (Higham, *Accuracy and Stability of Numerical
        Algorithms*, 4.2). Few numbers are added up without any error.

        Args:
            b: (n_features + 1,).
            careful: False: by a matrix product after all.
        """
        v = torch.cat([-b, b.new_ones(1), b.new_zeros(self.rows.shape[1] - self.q)])
        total = torch.zeros_like(v)
        # As one row for each run: a vector that all share would be multiplied by one thread.
        v = v.expand(*self.block.shape[:-2], 1, -1)
        for block in self:
            residual = v @ block.mT
            if not careful:
                total += self._over_runs(residual @ block).squeeze(0)
            elif block.numel() <= EXACT:
                total += exact_product(self.rows, residual.flatten())
            else:
                total += self._over_runs((block * residual.mT).sum(dim=-2))
        return total[: self.q - 1]

    def _over_runs(self, sums: torch.Tensor) -> torch.Tensor:
        """The sum over all runs of a block: float64 if there are several."""
        return sums if self.block is self.rows else sums.sum(dim=0, dtype=torch.float64)


def exact_product(A: torch.Tensor, r: torch.Tensor) -> torch.Tensor:
    """A.T @ r as if computed with some 20 digits; both are float64.

    The leading parts of both have so few bits that every sum of their products is exact; the rest
    is small (Ozaki, Ogita, Oishi & Rump, Numer. Algorithms 59, 2012).
    """

    def leading(a: torch.Tensor) -> torch.Tensor:
        # Added to a number 2**(54 - bits) times as large, this many bits remain.
        large = torch.linalg.vector_norm(a, float("inf"), dim=0) * 2.0 ** (54 - bits)
        return (a + large) - large

    bits = (53 - (len(r) - 1).bit_length()) // 2
    A_leading, r_leading = leading(A), leading(r)
    rest = A_leading.T @ (r - r_leading) + (A - A_leading).T @ r
    return A_leading.T @ r_leading + rest
