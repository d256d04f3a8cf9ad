"""Least squares as accurate as QR at about the price of Cholesky."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backends.base import Fit
from backends.torch_blocks import Blocks
from backends.torch_least_squares import TorchSolver

if TYPE_CHECKING:
    import torch

#: Rows whose means are taken off; of fewer than twice as many, all.
_SAMPLE = 256
#: A correction leaves about this, times u kappa**2, of the error ...
_GROWTH = 8.0
#: ... and is worth while if that is no more than this.
_SHRINKS = 0.1
_MOST_STEPS = 8
#: Of products whose factors are rounded to 11 significant bits.
_TF32_EPS = 2.0**-10


class TorchRefined(TorchSolver):
    """Cholesky of X'X, its solution corrected by what the residual still holds of X.

    In three attempts, each for data that are too ill-conditioned for the one before:

    1. X'X in the precision of the data; for float32 up to kappa of about 300,
    2. X'X in float64, for kappa up to about 1e6,
    3. QR of [1 X y] in float64, block by block, and the singular values of R. Only this can tell
       whether features depend on each other, and then takes the shortest weight.

    X and y are shifted by about their means first: kappa is that of the centred and scaled
    features, which no offset or unit can spoil. A correction solves X'X d = X'r with the old
    factor and a new residual in float64. It multiplies the error by about u kappa**2, down to the
    error of QR: the corrected seminormal equations (Björck, Linear Algebra Appl. 88/89, 1987;
    Higham, *Accuracy and Stability of Numerical Algorithms*, 20.6).
    """

    name = "torch-refined"
    algorithm = "Cholesky of centred X'X with corrections from the residual; QR where these fail"
    style = "tuned"

    way: str  # that the last fit went

    def fit(self) -> Fit:
        import torch

        shift = self.shift()
        exact = Blocks(self.X, self.y, torch.float64, shift)
        quick = exact if self.X.dtype == torch.float64 else Blocks(self.X, self.y, shift=shift)
        for rows in dict.fromkeys([quick, exact]):
            b = self.corrected(rows.gram(), exact)
            if b is not None:
                break
        else:
            b = self.orthogonal(exact)
        # Back to the origin: y - shift_y = b_0 + (X - shift_X) w.
        weight = b[1:]
        bias = b[:1] + shift[-1] - shift[1:-1] @ weight
        return self.done(torch.cat([weight, bias]).to(self.X.dtype))

    def shift(self) -> torch.Tensor:
        """(0, about mean X, about mean y), float64: (n_features + 2,).

        The mean of one row in k is within sqrt(k) standard deviations of the mean of all rows.
        That is near enough to round it to about whole standard deviations: taking so few digits
        off numbers that have few themselves rounds nothing.
        """
        import torch

        every = max(1, len(self.y) // _SAMPLE)
        X, y = self.X[::every].double(), self.y[::every, None].double()
        rows = torch.cat([torch.zeros_like(y), X, y], dim=1)
        mean = rows.mean(dim=0)
        unit = torch.exp2((rows - mean).abs().mean(dim=0).log2().round())
        rounded = torch.where(unit > 0, (mean / unit).round() * unit, mean)
        return rounded.to(self.X.dtype).double()

    def corrected(self, products: torch.Tensor, rows: Blocks) -> torch.Tensor | None:
        """(b_0, weight) of the shifted data by Cholesky; None if that cannot do.

        Args:
            products: [1 X y]'[1 X y] of the shifted data, in some precision.
            rows: the shifted data, in float64.
        """
        import torch

        limits, data_limits = torch.finfo(products.dtype), torch.finfo(self.X.dtype)
        gram, moment = products[:-1, :-1].double(), products[:-1, -1].double()
        lengths = gram.diagonal().sqrt()
        # Squares that overflow, or lose digits in the smallest numbers there are.
        least = (len(self.y) * limits.tiny / limits.eps) ** 0.5
        if not bool(products.isfinite().all() & (lengths > least).all()):
            return None
        # Powers of 2: scaling by them rounds nothing.
        scale = torch.exp2(-lengths.log2().round())
        gram = gram * scale * scale[:, None]
        factor, info = torch.linalg.cholesky_ex(gram)
        if info.item():
            return None
        inverse = torch.cholesky_inverse(factor)
        condition = float(gram.abs().sum(dim=0).max() * inverse.abs().sum(dim=0).max())
        eps = _TF32_EPS if self.tf32 and products.dtype == torch.float32 else limits.eps
        shrinks = _GROWTH * eps * condition
        if not shrinks <= _SHRINKS:
            return None
        kappa = condition**0.5
        inverse = inverse * scale * scale[:, None]
        b = inverse @ moment
        last, steps = 0.0, 0
        while True:
            step = inverse @ self.gradient(rows, b)
            b, steps = b + step, steps + 1
            size = float((lengths * step).norm() / (lengths * b).norm())
            # The next step would be as much smaller than this one as this one than the last.
            following = size * (min(shrinks, size / last) if last else shrinks)
            enough = not following > data_limits.eps * kappa / 8
            if enough or size > last / 2 > 0 or steps == _MOST_STEPS:
                break
            last = size
        self.way = (
            f"Cholesky of centred X'X in {str(products.dtype).removeprefix('torch.')}, "
            f"kappa about {kappa:.0e}, corrected {steps} times"
        )
        return b if bool(b.isfinite().all()) else None

    def gradient(self, rows: Blocks, b: torch.Tensor) -> torch.Tensor:
        """[1 X]'(y - [1 X] b) of the shifted data: (n_features + 1,)."""
        import torch

        v = torch.cat([-b, b.new_ones(1)])
        return rows.sum(lambda total, block: total.addmv_(block.T, block @ v), torch.zeros_like(v))[
            :-1
        ]

    def orthogonal(self, rows: Blocks) -> torch.Tensor:
        """(b_0, weight) of the shifted data by QR; of several solutions, the shortest weight."""
        import torch

        p, u = self.X.shape[1], torch.finfo(torch.float64).eps / 2
        R = torch.zeros(p + 2, p + 2, dtype=torch.float64, device=self.device)
        for block in rows:
            R = torch.linalg.qr(torch.cat([R, block]), mode="r").R
        # Without the row of the ones, R is that of centred data. What a constant feature leaves
        # there is the rounding of its own mean.
        sizes = R[1:-1, 1:-1].abs().amax(dim=0)
        varies = (sizes > u * rows.shift[1:-1].abs()).nonzero()[:, 0]
        scale = torch.exp2(-sizes[varies].log2().round())
        U, s, Vh = torch.linalg.svd(R[1:-1, 1 + varies] * scale)
        # Features that are twice the same leave up to 2.8 u.
        rank = int((s > (p + 2) * u * s[:1]).sum())
        found = scale * (Vh[:rank].T @ ((U.T @ R[1:-1, -1])[:rank] / s[:rank]))
        if rank < len(varies):
            # It is the shortest as scaled; take off what lies in directions that X does not have.
            unseen = torch.linalg.qr(scale[:, None] * Vh[rank:].T).Q
            found = found - unseen @ (unseen.T @ found)
        weight = sizes.new_zeros(p)
        weight[varies] = found
        self.way = f"QR of centred X in float64, rank {rank} of {p}"
        b_0 = (R[0, -1] - R[0, 1:-1] @ weight) / R[0, 0]
        return torch.cat([b_0[None], weight])

    def describe(self) -> dict[str, Any]:
        return super().describe() | {"algorithm": self.way}
