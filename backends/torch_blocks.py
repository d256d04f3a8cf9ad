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

#: Of one block on a CPU: twice what a core's second-level cache usually holds. Smaller blocks make
#: the threads wait for each other: between operations they take turns in Python.
CPU_BYTES = 1 << 21
#: On a GPU, which needs many rows to be busy.
GPU_BYTES = 1 << 28
#: Rows that are added up one after the other. MKL adds up all of them so where columns are few,
#: with an error that grows with the number of rows.
RUN = 256
#: Numbers in a block, at most, of which X'r is computed as if exactly: that takes ten more passes.
EXACT = 1 << 15
#: Columns of X'X that are made at once on a CPU. What lies above the diagonal is left out.
STRIP = 48


def padded(n_columns: int, itemsize: int) -> int:
    """As many columns or a few more, of which BLAS makes products in less time.

    A product is made of tiles; in MKL for AVX2, of 24 x 4 numbers of float32 or 12 x 4 of float64.
    Half a tile takes as long as a whole one, or longer: X'X of 22 columns in float64 takes 1.6
    times as long as that of 24.
    """
    tile = 4 if itemsize == 4 else 12
    more = -n_columns % tile
    return n_columns + more if 2 * more <= n_columns else n_columns


def product(left: torch.Tensor, right: torch.Tensor, run: int) -> torch.Tensor:
    """The product left.T @ right, made for runs of so many rows and added up."""
    n = len(left) // run
    if n <= 1:
        return left.T @ right
    left_runs, right_runs = (a[: n * run].unflatten(0, (n, run)) for a in (left, right))
    rest = left[n * run :].T @ right[n * run :]
    return (left_runs.mT @ right_runs).sum(dim=0) + rest


class Share:
    """[1 X y 0] - shift, as blocks of rows; may be gone through again.

    Each block overwrites the last one, and is not to be written to.
    """

    def __init__(self, X: torch.Tensor, y: torch.Tensor, shift: torch.Tensor) -> None:
        """Nothing is copied yet."""
        self.q = len(shift)  # columns that are not padding
        width = padded(self.q, shift.itemsize)
        size = GPU_BYTES if X.is_cuda else CPU_BYTES
        rows = min(len(y), max(self.q, size // shift.itemsize // width))
        self.parts = list(zip(X.split(rows), y.split(rows), strict=True))
        self.shift = shift
        self.buffer = shift.new_zeros(rows, width)
        self.buffer[:, 0] = 1
        self.filled = False  # with all there is

    def __iter__(self) -> Iterator[torch.Tensor]:
        import torch

        for X, y in self.parts:
            block = self.buffer[: len(y)]
            if not self.filled:
                torch.sub(X, self.shift[1:-1], out=block[:, 1 : self.q - 1])
                # A single number would be subtracted in the precision of y.
                torch.sub(y, self.shift[-1:], out=block[:, self.q - 1])
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
            for block in share:
                yield block[:, : len(self.shift)]

    def sum(
        self, add: Callable[[torch.Tensor, torch.Tensor], object], zero: torch.Tensor
    ) -> torch.Tensor:
        """What `add(total, block)` makes of totals that start as `zero`, summed over threads.

        `zero` itself may be overwritten.
        """
        import torch

        def one(share: Share, total: torch.Tensor) -> torch.Tensor:
            for block in share:
                add(total, block)
            return total

        if len(self.shares) == 1:
            return one(self.shares[0], zero)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # new threads take this over
        try:
            zeros = [zero.clone() for _ in self.shares]
            totals = list(_pool(threads).map(one, self.shares, zeros))
        finally:
            torch.set_num_threads(threads)
        return torch.stack(totals).sum(dim=0)

    def gram(self) -> torch.Tensor:
        """The lower triangle of the product of [1 X y] - shift, transposed, with itself: float64.

        Within a block rounding errors are those of its dtype; over blocks they average out.
        """
        import torch

        q, (n, width) = len(self.shift), self.shares[0].buffer.shape
        strip = width if self.shift.is_cuda else STRIP
        few = 12 if self.shift.dtype == torch.float32 else 24
        run = max(RUN, q) if width < few and not self.shift.is_cuda else n

        def add(total: torch.Tensor, block: torch.Tensor) -> None:
            for i in range(0, width, strip):
                left, right = block[:, i:], block[:, i : i + strip]
                total[i:, i : i + strip] += product(left, right, run)

        total = self.sum(add, self.shift.new_zeros(width, width, dtype=torch.float64))
        return total[:q, :q]

    def gradient(self, b: torch.Tensor, careful: bool = True) -> torch.Tensor:
        """[1 X]'(y - [1 X] b) of the shifted data: (n_features + 1,).

        It is small beside its terms: a matrix product adds these up with an error that grows with
        the number of rows, `torch.sum` in a cascade, where it hardly does (Higham, *Accuracy and
        Stability of Numerical Algorithms*, 4.2). Few numbers are added up without any error.

        Args:
            b: (n_features + 1,).
            careful: whether to do that, or to make a matrix product after all.
        """
        import torch

        def add(total: torch.Tensor, block: torch.Tensor) -> None:
            residual = block @ v
            if not careful:
                torch.addmv(total, block.T, residual, out=total)
            elif block.numel() <= EXACT:
                total += exact_product(block, residual)
            else:
                total += (block * residual[:, None]).sum(dim=0)

        q, width = len(self.shift), self.shares[0].buffer.shape[1]
        v = torch.cat([-b, b.new_ones(1), b.new_zeros(width - q)])
        return self.sum(add, torch.zeros_like(v))[: q - 1]


def exact_product(A: torch.Tensor, r: torch.Tensor) -> torch.Tensor:
    """A.T @ r as if computed with some 20 digits; both are float64.

    The leading bits of both are so few that any sum of their products is exact; the rest is small
    (Ozaki, Ogita, Oishi & Rump, Numer. Algorithms 59, 2012).
    """
    import torch

    def leading(a: torch.Tensor) -> torch.Tensor:
        # Beside a number that is 2**(54 - bits) times as large there is room for so many bits.
        large = torch.linalg.vector_norm(a, float("inf"), dim=0) * 2.0 ** (54 - bits)
        return (a + large) - large

    bits = (53 - (len(r) - 1).bit_length()) // 2
    A_leading, r_leading = leading(A), leading(r)
    rest = A_leading.T @ (r - r_leading) + (A - A_leading).T @ r
    return A_leading.T @ r_leading + rest


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)
