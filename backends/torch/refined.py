"""Least squares as accurate as QR at about the price of Cholesky."""

from __future__ import annotations

import math
from typing import Any

from backends.torch import torch
from backends.torch.blocks import Blocks
from backends.torch.doubled import Doubled
from backends.torch.least_squares import TorchSolver

#: The shift is the mean of about this many rows.
_SAMPLE = 256
#: A correction multiplies the error by about this, times u kappa**2 ...
_GROWTH = 8.0
#: ... and is made if that is at most this.
SHRINKS = 0.1
_MOST_STEPS = 8
_PROBES = 8
#: Numbers in [X 1 y] up to which QR at once is followed by corrections from residuals of twice the
#: digits, if each leaves at most this part of an error. They go on until coefficients that matter
#: a thousand times less than others have all digits of float64, too.
_FEW_NUMBERS = 1 << 13
_FEW_SHRINK = 1e-5
_ALL_DIGITS = 2.0**-62
#: Columns with a kappa up to this are so nearly at right angles that QR loses no digit.
_RIGHT_ANGLES = 1.25


class TorchRefined(TorchSolver):
    """Cholesky of X'X, with corrections of its solution from the residual.

    All in float64, whatever the data are; backends/README.md has the steps. kappa is that of the
    centred and scaled features, which does not depend on offsets and units.

    A correction solves X'X d = X'r with the old factor and a new residual. It multiplies the error
    by about u kappa**2, down to the error of QR: the corrected seminormal equations (Björck, Linear
    Algebra Appl. 88/89, 1987; Higham, *Accuracy and Stability of Numerical Algorithms*, 20.6).
    How fast they shrink decides how many there are, as in LAPACK's `dsgesv`.
    """

    name = "torch-refined"
    algorithm = "Cholesky of centred X'X with corrections from the residual; QR where these fail"
    stability = "orthogonal"
    style = "tuned"
    #: `torch-refined-operator` does the same in less time.
    optional = True
    copies = 0.0

    #: n_samples (n_features + 2)**2 up to which QR in float64 takes less time than starting the
    #: other steps.
    few = 200_000

    way: str  # how the last fit was solved

    def solve(self) -> torch.Tensor:
        if (found := self.direct()) is not None:
            return found.to(self.X.dtype)
        shift = self.shift()
        rows = Blocks(self.X, self.y, torch.float64, shift)
        b = self.corrected(rows)
        if b is None:
            b = self.orthogonal(rows)
        # Back to the origin: y - shift_y = b_0 + (X - shift_X) w.
        weight = b[1:]
        bias = b[:1] + shift[-1] - shift[1:-1] @ weight
        return torch.cat([weight, bias]).to(self.X.dtype)

    def direct(self) -> torch.Tensor | None:
        """(weight, bias) by QR at once, for few data that are not ill-conditioned; else None.

        Few data take as long as the number of operations, whatever these do. So the corrections of
        float64 solutions may compute their residuals with twice the digits.
        """
        (n, p), u = self.X.shape, torch.finfo(torch.float64).eps / 2
        if n <= p or n * (p + 2) ** 2 > self.few:
            return None
        A = torch.nn.functional.pad(self.X, (0, 2), value=1.0).double()
        A[:, p + 1] = self.y
        R = torch.linalg.qr(A, mode="r").R
        square, target = R[: p + 1, : p + 1], R[: p + 1, p + 1]
        identity = torch.eye(p + 1, dtype=R.dtype, device=R.device)
        inverse = torch.linalg.solve_triangular(square, identity, upper=True)
        lengths = torch.linalg.vector_norm(square, dim=0)
        kappa = float(torch.linalg.vector_norm(lengths[:, None] * inverse))
        small = A.numel() <= _FEW_NUMBERS
        all_digits = small and self.X.dtype == A.dtype and kappa > _RIGHT_ANGLES * (p + 1) ** 0.5
        enough = _ALL_DIGITS if all_digits else torch.finfo(torch.float32).eps / 8
        # By about how much a correction multiplies the error. That of QR is less.
        shrinks = error = _GROWTH * u * kappa**2
        if not shrinks <= (_FEW_SHRINK if small else enough):
            return None
        b, steps = inverse @ target, 0
        if error > enough:
            doubled, minus = Doubled(A), A.new_full((1,), -1.0)
            while error > enough:
                gradient = doubled.normal_product(torch.cat([b, minus]))[:-1]
                b = b - inverse @ (gradient @ inverse)
                error, steps = shrinks * error, steps + 1
        self.way = f"QR of [X 1] in float64, kappa about {kappa:.0e}, corrected {steps} times"
        return b

    def shift(self) -> torch.Tensor:
        """(0, about mean X, about mean y), float64: (n_features + 2,).

        The mean of one row in k is within sqrt(k) standard deviations of the mean of all, so it may
        be rounded to about whole ones. Subtracting a number of so few digits causes no rounding.
        """
        every = max(1, len(self.y) // _SAMPLE)
        rows = torch.cat([self.X[::every], self.y[::every, None]], dim=1).double()
        mean = rows.mean(dim=0)
        unit = (rows - mean).abs_().mean(dim=0).log2_().round_().exp2_()
        rounded = torch.where(unit > 0, (mean / unit).round_() * unit, mean)
        return torch.nn.functional.pad(rounded, (1, 0))

    def corrected(self, rows: Blocks) -> torch.Tensor | None:
        """(b_0, weight) of the shifted data by Cholesky; None if kappa is too large."""
        limits, data_limits = torch.finfo(torch.float64), torch.finfo(self.X.dtype)
        products = rows.gram()
        gram, moment = products[:-1, :-1], products[-1, :-1]
        factor, info = torch.linalg.cholesky_ex(gram)
        lengths = gram.diagonal().sqrt()
        # Squares of smaller numbers lose digits to underflow.
        least = (len(self.y) * limits.tiny / limits.eps) ** 0.5
        if info.item() or not float(lengths.min()) > least:
            return None
        kappa = self.condition(factor, lengths)
        shrinks = _GROWTH * limits.eps * kappa**2
        if not shrinks <= SHRINKS:
            return None

        def solve(moment: torch.Tensor) -> torch.Tensor:
            return torch.cholesky_solve(moment[:, None], factor)[:, 0]

        b = solve(moment)
        error, last, steps = shrinks, 0.0, 0
        # Less than the error of QR in float64, or than one rounding of float32.
        enough = max(limits.eps * kappa, data_limits.eps) / 8
        while error > enough and steps < _MOST_STEPS:
            # A correction that another one will follow anyway need not be summed carefully.
            careful = steps > 0 or shrinks * error <= enough
            step = solve(rows.gradient(b, careful))
            b, steps = b - step, steps + 1
            changed, whole = (torch.stack([step, b]) * lengths).norm(dim=1).tolist()
            size = changed / whole if whole else math.nan
            if steps == 1 and not size <= SHRINKS:
                return None
            if size > last / 2 > 0:
                break  # nothing but rounding is left
            # Each step shrinks by about the same factor as the last, the first against b.
            shrinks = min(shrinks, size / last if last else 10 * size)
            error, last = shrinks * size if careful else 1.0, size
        self.way = (
            f"Cholesky of centred X'X in float64, kappa about {kappa:.0e}, corrected {steps} times"
        )
        return b if bool(b.isfinite().all()) else None

    def orthogonal(self, rows: Blocks) -> torch.Tensor:
        """(b_0, weight) of the shifted data by QR; of several solutions, the shortest weight."""
        p, u = self.X.shape[1], torch.finfo(torch.float64).eps / 2
        R = torch.zeros(p + 2, p + 2, dtype=torch.float64, device=self.device)
        for block in rows:
            R = torch.linalg.qr(torch.cat([R, block.flatten(0, -2)[:, : p + 2]]), mode="r").R
        # Without the row of the ones, R is that of centred data, where a constant feature leaves
        # only the rounding of its own mean.
        sizes = R[1:-1, 1:-1].abs().amax(dim=0)
        varies = (sizes > u * rows.shift[1:-1].abs()).nonzero()[:, 0]
        scale = torch.exp2(-sizes[varies].log2().round())
        U, s, Vh = torch.linalg.svd(R[1:-1, 1 + varies] * scale)
        # Features that are twice the same leave up to 2.8 u.
        rank = int((s > (p + 2) * u * s[:1]).sum())
        found = scale * (Vh[:rank].T @ ((U.T @ R[1:-1, -1])[:rank] / s[:rank]))
        if rank < len(varies):
            # It is the shortest when scaled: remove its part in the null space of X.
            unseen = torch.linalg.qr(scale[:, None] * Vh[rank:].T).Q
            found = found - unseen @ (unseen.T @ found)
        weight = sizes.new_zeros(p)
        weight[varies] = found
        self.way = f"QR of centred X in float64, rank {rank} of {p}"
        b_0 = (R[0, -1] - R[0, 1:-1] @ weight) / R[0, 0]
        return torch.cat([b_0[None], weight])

    def condition(self, factor: torch.Tensor, lengths: torch.Tensor) -> float:
        """About 1 / sigma, sigma the smallest singular value of A with columns of length 1.

        The Frobenius norm of L^-1 D, D = diag(lengths), is one to sqrt(n_columns) times that. It
        is estimated from the products of L^-1 D with a few random vectors (M. F. Hutchinson,
        Comm. Statist. Simulation Comput. 18, 1989).

        Args:
            factor: L of A'A = L L'.
            lengths: of the columns of A.
        """
        generator = torch.Generator(factor.device).manual_seed(0)
        shape = len(factor), _PROBES
        probes = torch.randn(shape, generator=generator, dtype=factor.dtype, device=factor.device)
        made = torch.linalg.solve_triangular(factor, lengths[:, None] * probes, upper=False)
        return float(made.norm()) / _PROBES**0.5

    def describe(self) -> dict[str, Any]:
        return super().describe() | {"algorithm": self.way}
