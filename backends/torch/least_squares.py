"""Least squares in torch: LAPACK's orthogonal solvers, and the normal equations."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from backends import rank_deficient as rank
from backends.base import Fit
from backends.torch import torch
from backends.torch.base import TorchBackend
from backends.torch.blocks import Blocks


def _with_ones(X: torch.Tensor) -> torch.Tensor:
    """A = [X 1]: (n_samples, n_features + 1)."""
    return torch.nn.functional.pad(X, (0, 1), value=1.0)


def _to_host(tensor: torch.Tensor) -> np.ndarray:
    return tensor.cpu().numpy()


class TorchSolver(TorchBackend):
    """Turns coefficients on the device into a fit."""

    methods = ("least squares",)

    @abstractmethod
    def solve(self) -> torch.Tensor:
        """(weight, bias): (n_features + 1,)."""

    def fit(self) -> Fit:
        self.result = self.solve()
        return Fit.of(_to_host(self.result))


class TorchGelsy(TorchBackend):
    """`torch.linalg.lstsq`: QR with column pivoting on the CPU, plain QR on CUDA."""

    name = "torch-gelsy"
    methods = ("least squares",)
    algorithm = "torch.linalg.lstsq of [X 1]: gelsy (pivoted QR); gels (QR) on CUDA"
    copies = 2.5
    stability = "orthogonal"
    known_failures: ClassVar[Mapping[str, str]] = {
        f"{name} on cuda": f"gels is all there is on CUDA, and {reason}"
        for name, reason in rank.NEEDS_FULL_RANK.items()
    }

    @property
    def driver(self) -> str:
        """CUDA has no driver but gels, which assumes that [X 1] has full rank."""
        return "gelsy" if self.device.type == "cpu" else "gels"

    def lstsq(self, A: torch.Tensor, b: torch.Tensor, driver: str) -> tuple[torch.Tensor, Any]:
        """The minimiser of ||A w - b||_2, and the rank of A; gels takes it for full."""
        found = torch.linalg.lstsq(A, b[:, None], driver=driver)
        self.result = found.solution[:, 0]
        return self.result, A.shape[1] if driver == "gels" else found.rank

    def fit(self) -> Fit:
        if self.driver == "gels":
            rank.refuse_wide(self.X)
        found = self.lstsq(_with_ones(self.X), self.y, self.driver)
        # torch hands gelsy its list of pivots uninitialised, which makes its answer wrong at times
        # where the rank is not full: gelsd (SVD) has none.
        fit = rank.checked_fit(
            found, lambda A, b: self.lstsq(A, b, "gelsd"), self.X, self.y, to_host=_to_host
        )
        if not (np.isfinite(fit.weight).all() and np.isfinite(fit.bias)):
            raise np.linalg.LinAlgError(rank.DEPENDENT)
        return fit

    def describe(self) -> dict[str, Any]:
        name = {"gelsy": "QR with column pivoting", "gels": "QR"}[self.driver]
        return super().describe() | {"algorithm": f"{self.driver} ({name}) of [X 1]"}


class TorchQR(TorchSolver):
    """QR without pivoting, and a triangular system."""

    name = "torch-qr"
    algorithm = "torch.linalg.qr of [X 1], solve_triangular"
    copies = 2.5
    stability = "orthogonal"
    optional = True
    known_failures = rank.NEEDS_FULL_RANK

    def solve(self) -> torch.Tensor:
        rank.refuse_wide(self.X)
        Q, R = torch.linalg.qr(_with_ones(self.X))
        least = rank.CUTOFF * torch.finfo(R.dtype).eps * R.norm(dim=0)
        # A column that depends on those before it leaves nothing but rounding on the diagonal.
        if bool((R.diagonal().abs() <= least).any()):
            raise np.linalg.LinAlgError(rank.DEPENDENT)
        return torch.linalg.solve_triangular(R, Q.T @ self.y[:, None], upper=True)[:, 0]


def solve_normal_equations(
    gram: torch.Tensor, moment: torch.Tensor, n: int, dtype: torch.dtype
) -> torch.Tensor:
    """The solution b of `gram` b = `moment`, (n_features + 1,), by Cholesky.

    Args:
        gram: A'A, (n_features + 1, n_features + 1), of which the lower triangle is used.
        moment: A'y, (n_features + 1,).
        n: rows of A.
        dtype: that their sums were computed in.

    Raises:
        LinAlgError: A'A is not positive definite, or nearly so.
    """
    factor, info = torch.linalg.cholesky_ex(gram)
    shares = factor.diagonal().square() / gram.diagonal()
    pivot = 0.0 if info.item() else shares.min().item()
    rank.refuse_pivot(pivot, n, torch.finfo(dtype).dtype)
    return torch.cholesky_solve(moment.unsqueeze(1), factor).squeeze(1)


class TorchCholesky(TorchSolver):
    """The normal equations as textbooks have them: as many digits as X'X keeps."""

    name = "torch-cholesky"
    algorithm = "Cholesky of [X 1]'[X 1] (normal equations)"
    copies = 1.2
    stability = "normal equations"

    def normal_equations(self) -> tuple[torch.Tensor, torch.Tensor]:
        """A'A, of which the lower triangle is used, and A'y."""
        A = _with_ones(self.X)
        return A.T @ A, A.T @ self.y

    def solve(self) -> torch.Tensor:
        rank.refuse_wide(self.X)
        return solve_normal_equations(*self.normal_equations(), len(self.y), self.X.dtype)


class TorchCholeskyBlocks(TorchCholesky):
    """The same, without copying X and from blocks of rows that stay in the cache."""

    name = "torch-cholesky-blocks"
    algorithm = "Cholesky of [1 X]'[1 X] (normal equations), made from blocks of rows"
    style = "tuned"
    copies = 0.0

    def normal_equations(self) -> tuple[torch.Tensor, torch.Tensor]:
        products = Blocks(self.X, self.y).gram()
        return products[:-1, :-1], products[-1, :-1]

    def solve(self) -> torch.Tensor:
        return super().solve().roll(-1).to(self.X.dtype)
