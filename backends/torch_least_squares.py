"""Least squares in torch: LAPACK's orthogonal solvers, and the normal equations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from backends.base import Fit
from backends.rank import NEEDS_FULL_RANK, refuse_wide, shortest
from backends.torch_base import TorchBackend
from backends.torch_blocks import Blocks

if TYPE_CHECKING:
    import torch


class DependentFeatures(Exception):
    """The features are linearly dependent, and this solver cannot choose a solution."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}: the features are linearly dependent to working precision")


def _with_ones(X: torch.Tensor) -> torch.Tensor:
    """A = [X 1]: (n_samples, n_features + 1)."""
    import torch

    return torch.cat([X, torch.ones_like(X[:, :1])], dim=1)


def cholesky(gram: torch.Tensor) -> torch.Tensor:
    """The lower triangle L with L L' = gram.

    Raises:
        DependentFeatures: a pivot is not positive, or nothing but rounding: at most p u of what
            stood there, which is where LAPACK's pivoted Cholesky (xPSTRF) stops.
    """
    import torch

    factor, info = torch.linalg.cholesky_ex(gram)
    least = len(gram) * torch.finfo(gram.dtype).eps * gram.diagonal()
    if info.item() or not bool((factor.diagonal() ** 2 > least).all()):
        raise DependentFeatures("X'X is not positive definite")
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
            raise DependentFeatures("R of [X 1] is singular")
        return self.done(found.solution[:, 0])

    def describe(self) -> dict[str, Any]:
        name = {"gelsy": "QR with column pivoting", "gels": "QR"}[self.driver]
        return super().describe() | {"algorithm": f"{self.driver} ({name}) of [X 1]"}


class TorchQR(TorchSolver):
    """QR without pivoting, and a triangular system."""

    name = "torch-qr"
    algorithm = "torch.linalg.qr of [X 1], solve_triangular"
    optional = True

    def fit(self) -> Fit:
        import torch

        Q, R = torch.linalg.qr(_with_ones(self.X))
        pivots = R.diagonal().abs()
        # A column that depends on those before it leaves nothing but rounding on the diagonal.
        least = len(pivots) * torch.finfo(R.dtype).eps * R.norm(dim=0)
        if len(R) < R.shape[1] or bool((pivots <= least).any()):
            raise DependentFeatures("R of [X 1] is singular")
        return self.done(torch.linalg.solve_triangular(R, Q.T @ self.y[:, None], upper=True)[:, 0])


class TorchCholesky(TorchSolver):
    """The normal equations as textbooks have them: as many digits as X'X keeps."""

    name = "torch-cholesky"
    algorithm = "Cholesky of [X 1]'[X 1] (normal equations)"
    stability = "normal equations"

    def fit(self) -> Fit:
        import torch

        A = _with_ones(self.X)
        factor = cholesky(A.T @ A)
        return self.done(torch.cholesky_solve((A.T @ self.y)[:, None], factor)[:, 0])


class TorchCholeskyBlocks(TorchSolver):
    """The same, without copying X and from blocks of rows that stay in the cache."""

    name = "torch-cholesky-blocks"
    algorithm = "Cholesky of [1 X]'[1 X] (normal equations), made from blocks of rows"
    style = "tuned"
    stability = "normal equations"

    def fit(self) -> Fit:
        import torch

        products = Blocks(self.X, self.y).gram()
        factor = cholesky(products[:-1, :-1])
        return self.done(torch.cholesky_solve(products[:-1, -1:], factor)[:, 0].roll(-1))
