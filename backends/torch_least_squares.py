"""Least squares in torch: LAPACK's orthogonal solvers, and the normal equations."""

from __future__ import annotations

from typing import Any

from backends.base import Fit
from backends.torch_base import TorchBackend


class TorchGelsy(TorchBackend):
    """`torch.linalg.lstsq`: QR with column pivoting on the CPU, plain QR on CUDA."""

    name = "torch-gelsy"
    methods = ("least squares",)
    algorithm = "torch.linalg.lstsq of [X 1]: gelsy (pivoted QR); gels (QR) on CUDA"

    @property
    def driver(self) -> str:
        """CUDA has no other driver than gels, which takes X to have full rank."""
        return "gelsy" if self.device.type == "cpu" else "gels"

    def fit(self) -> Fit:
        import torch

        A = torch.cat([self.X, torch.ones_like(self.X[:, :1])], dim=1)
        found = torch.linalg.lstsq(A, self.y[:, None], driver=self.driver)
        self.result = found.solution[:, 0]
        solution = self.result.cpu().numpy()
        return Fit(solution[:-1], float(solution[-1]))

    def describe(self) -> dict[str, Any]:
        name = {"gelsy": "QR with column pivoting", "gels": "QR"}[self.driver]
        return super().describe() | {"algorithm": f"{self.driver} ({name}) of [X 1]"}


class TorchCholesky(TorchBackend):
    """The normal equations: fast, and good for as many digits as X'X keeps."""

    name = "torch-cholesky"
    methods = ("least squares",)
    algorithm = "Cholesky of [X 1]'[X 1] (normal equations)"
    stability = "normal equations"

    def fit(self) -> Fit:
        import torch

        # Block by block, because a copy of X with a column of ones costs more than X'X does.
        X, y = self.X, self.y
        n, p = X.shape
        gram, moment = X.new_empty(p + 1, p + 1), X.new_empty(p + 1)
        torch.mm(X.T, X, out=gram[:p, :p])
        gram[:p, p] = gram[p, :p] = X.sum(dim=0)
        gram[p, p] = n
        torch.mv(X.T, y, out=moment[:p])
        moment[p] = y.sum()
        factor = torch.linalg.cholesky(gram)
        self.result = torch.cholesky_solve(moment[:, None], factor)[:, 0]
        solution = self.result.cpu().numpy()
        return Fit(solution[:-1], float(solution[-1]))
