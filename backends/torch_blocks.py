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


def blocks(
    X: torch.Tensor,
    y: torch.Tensor,
    dtype: torch.dtype | None = None,
    shift: torch.Tensor | None = None,
) -> Iterator[torch.Tensor]:
    """[1 X y] - shift, block by block. Each overwrites the last one.

    Args:
        X: (n_samples, n_features).
        y: (n_samples,).
        dtype: of the blocks; by default that of X.
        shift: (n_features + 2,), what is taken off each column; its first element is 0.
    """
    import torch

    p = X.shape[1]
    dtype = dtype or X.dtype
    size = GPU_BYTES if X.is_cuda else CPU_BYTES * torch.get_num_threads()
    rows = min(len(y), max(p, size // dtype.itemsize // (p + 2)))
    buffer = torch.ones(rows, p + 2, dtype=dtype, device=X.device)
    shift = shift.to(dtype) if shift is not None else None
    for X_part, y_part in zip(X.split(rows), y.split(rows), strict=True):
        block = buffer[: len(y_part)]
        features, target = block[:, 1:-1], block[:, -1]
        if shift is None:
            features.copy_(X_part)
            target.copy_(y_part)
        else:
            torch.sub(X_part, shift[1:-1], out=features)
            torch.sub(y_part, shift[-1:], out=target)  # a number would not make it float64
        yield block


def gram(
    X: torch.Tensor,
    y: torch.Tensor,
    dtype: torch.dtype | None = None,
    shift: torch.Tensor | None = None,
) -> torch.Tensor:
    """[1 X y]'[1 X y] of the shifted columns: (n_features + 2, n_features + 2)."""
    q = X.shape[1] + 2
    total = X.new_zeros(q, q, dtype=dtype or X.dtype)
    for block in blocks(X, y, dtype, shift):
        total.addmm_(block.T, block)
    return total
