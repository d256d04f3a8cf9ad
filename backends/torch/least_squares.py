"""Least squares in torch: LAPACK's orthogonal solvers, and the normal equations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from backends.base import Fit
from backends.rank_deficient import (
    CUTOFF,
    DEPENDENT,
    NEEDS_FULL_RANK,
    refuse_pivot,
    refuse_wide,
    shortest,
)
from backends.torch.base import TorchBackend
from backends.torch.blocks import Blocks

if TYPE_CHECKING:
    import torch


def _with_ones(X: torch.Tensor) -> torch.Tensor:
    """A = [X 1]: (n_samples, n_features + 1)."""
    import torch

    return torch.cat([X, torch.ones_like(X[:, :1])], dim=1)


def cholesky(gram: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The lower triangle L with L L' = gram.

    Args:
        gram: X'X; only its lower triangle is used.
        dtype: that it was computed in.

    Raises:
        LinAlgError: a pivot is not positive, or nothing but rounding.
    """
    import torch

    factor, info = torch.linalg.cholesky_ex(gram)
    pivots = factor.diagonal() ** 2 / gram.diagonal()
    refuse_pivot(0.0 if info.item() else float(pivots.min()), torch.finfo(dtype).dtype)
    return factor


class TorchSolver(TorchBackend):
    """Turns coefficients (weight, bias) into a fit."""

    methods = ("least squares",)

    def done(self, coefficients: torch.Tensor) -> Fit:
        """The fit of (weight, bias), (n_features + 1,)."""
        self.result = coefficients
        solution = coefficients.cpu().numpy()
        return Fit(solution[:-1], float(solution[-1]))


class TorchGelsy(TorchSolver):
    """`torch.linalg.lstsq`: QR with column pivoting on the CPU, plain QR on CUDA."""

    name = "torch-gelsy"
    algorithm = "torch.linalg.lstsq of [X 1]: gelsy (pivoted QR); gels (QR) on CUDA"
    known_failures: ClassVar[Mapping[str, str]] = {
        f"{name} on cuda": f"gels is all there is on CUDA, and {reason}"
        for name, reason in NEEDS_FULL_RANK.items()
    }

    @property
    def driver(self) -> str:
        """CUDA has no other driver than gels, which takes X to have full rank."""
        return "gelsy" if self.device.type == "cpu" else "gels"

    def fit(self) -> Fit:
        import torch

        def solve(A: torch.Tensor, b: torch.Tensor, driver: str) -> Any:
            return torch.linalg.lstsq(A, b[:, None], driver=driver)

        if self.driver == "gels":
            refuse_wide(self.X)
        found = solve(_with_ones(self.X), self.y, self.driver)
        # torch hands gelsy its list of pivots uninitialised, with which its answer is wrong at
        # times where the rank is not full: gelsd (SVD) has none.
        if self.driver == "gelsy" and found.rank <= self.X.shape[1]:
            weight, bias = shortest(
                lambda A, b: solve(A, b, "gelsd").solution[:, 0], self.X, self.y
            )
            return self.done(torch.cat([weight, bias[None]]))
        if not bool(found.solution.isfinite().all()):
            raise np.linalg.LinAlgError(DEPENDENT)
        return self.done(found.solution[:, 0])

    def describe(self) -> dict[str, Any]:
        name = {"gelsy": "QR with column pivoting", "gels": "QR"}[self.driver]
        return super().describe() | {"algorithm": f"{self.driver} ({name}) of [X 1]"}


class TorchQR(TorchSolver):
    """QR without pivoting, and a triangular system."""

    name = "torch-qr"
    algorithm = "torch.linalg.qr of [X 1], solve_triangular"
    optional = True
    known_failures = NEEDS_FULL_RANK

    def fit(self) -> Fit:
        import torch

        refuse_wide(self.X)
        Q, R = torch.linalg.qr(_with_ones(self.X))
        # A column that depends on those before it leaves nothing but rounding on the diagonal.
        if bool((R.diagonal().abs() <= CUTOFF * torch.finfo(R.dtype).eps * R.norm(dim=0)).any()):
            raise np.linalg.LinAlgError(DEPENDENT)
        return self.done(torch.linalg.solve_triangular(R, Q.T @ self.y[:, None], upper=True)[:, 0])


class TorchCholesky(TorchSolver):
    """The normal equations as textbooks have them: as many digits as X'X keeps."""

    name = "torch-cholesky"
    algorithm = "Cholesky of [X 1]'[X 1] (normal equations)"
    stability = "normal equations"

    def fit(self) -> Fit:
        import torch

        refuse_wide(self.X)
        A = _with_ones(self.X)
        factor = cholesky(A.T @ A, A.dtype)
        return self.done(torch.cholesky_solve((A.T @ self.y)[:, None], factor)[:, 0])


class TorchCholeskyBlocks(TorchSolver):
    """The same, without copying X and from blocks of rows that stay in the cache."""

    name = "torch-cholesky-blocks"
    algorithm = "Cholesky of [1 X]'[1 X] (normal equations), made from blocks of rows"
    style = "tuned"
    stability = "normal equations"

    def fit(self) -> Fit:
        import torch

        refuse_wide(self.X)
        products = Blocks(self.X, self.y).gram()
        factor = cholesky(products[:-1, :-1], self.X.dtype)
        found = torch.cholesky_solve(products[-1:, :-1].T, factor)[:, 0]
        return self.done(found.roll(-1).to(self.X.dtype))
