"""The right answer, in higher precision than any fit, and how hard the problem is.

Throughout, A = [X, 1] is the design matrix (n_samples, n_features + 1), and coefficients are
(weight, bias), bias last.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from scipy.linalg import qr, solve_triangular

from backends.base import Data
from benchmarks.errors import UserError
from benchmarks.gate.rounding import (
    UNIT_FLOAT64,
    Triple,
    added,
    backward_error,
    long_dot,
    rounded,
    two_sum,
    unit_roundoff,
)
from benchmarks.problems.problem import ROWS, blocks

_STEPS = 60  # of refinement: enough even if each only halves the error
#: Samples up to which float64 solutions are refined. With more of them, the error of QR is two
#: digits smaller than what a solver may err by, which grows with the root of their number.
_REFINED = 1 << 22


#: Makes coefficients on chosen features more accurate, from these features, R and what was found.
Refine = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


class Unsolvable(UserError):
    """No reference solution for this workload; the others of the run are not affected."""


@dataclass(frozen=True)
class Conditioning:
    """How sensitive the least-squares solution is to rounding errors in the data."""

    #: kappa_2(A), the ratio of the largest to the smallest singular value. For dependent features,
    #: the smallest is that of A restricted to the bias and the row space of the centred features.
    condition: float
    norm: float  # ||A||_2
    #: tan(theta) = ||r|| / ||A b||, theta the angle between y and the column space of A;
    #: infinite if all fitted values are 0.
    tangent: float
    #: ||A|| ||b|| / ||A b||, from 1 to kappa: how far fitted values are below their largest size.
    stretch: float
    deficient: bool = False  # whether the features are dependent

    @property
    def cosine(self) -> float:
        """cos(theta) = ||A b|| / ||y||."""
        return 1 / math.hypot(1, self.tangent)


@dataclass(frozen=True)
class Solution:
    """The least-squares solution, far more accurate than a fit in the data's dtype.

    Where there are several minimisers, it is the one with the shortest weight.
    """

    coefficients: np.ndarray  # (n_features + 1,), float64, bias last
    #: R of A = QR in float64, (min(n_samples, n_features + 1), n_features + 1):
    #: ||A d|| = ||R d|| for any d.
    triangle: np.ndarray
    residual_norm: float  # ||y - A coefficients||_2
    target_norm: float  # ||y||_2
    spread: float  # ||y - mean y||_2
    #: The lowest and the highest possible rank of the centred features.
    ranks: tuple[int, int]
    #: Orthonormal basis of the centred features' row space, (n_features, rank).
    #: None for full rank.
    basis: np.ndarray | None = None

    @property
    def lengths(self) -> np.ndarray:
        """The 2-norm of each column of A; 1 for a column of zeros."""
        found = np.linalg.norm(self.triangle, axis=0)
        return np.where(found > 0, found, 1.0)

    @cached_property
    def conditioning(self) -> Conditioning:
        """The quantities in the perturbation theory of least squares (Golub & Van Loan, 5.3.7)."""
        singular = np.linalg.svd(self.triangle, compute_uv=False)
        smallest = singular[-1]
        if self.basis is not None:
            p, rank = self.basis.shape
            within = np.zeros((p + 1, rank + 1))
            within[:p, :rank], within[p, rank] = self.basis, 1.0
            smallest = np.linalg.svd(self.triangle @ within, compute_uv=False)[-1]
        fitted = self.fitted_norm
        size = singular[0] * norm(self.coefficients)
        return Conditioning(
            condition=float(singular[0] / smallest) if smallest else math.inf,
            norm=float(singular[0]),
            tangent=self.residual_norm / fitted if fitted else math.inf,
            stretch=float(size / fitted) if fitted else 1.0,
            deficient=self.basis is not None,
        )

    @cached_property
    def sensitivities(self) -> tuple[np.ndarray, np.ndarray]:
        """The 2-norms of the rows of (A'A)^-1 A' and of (A'A)^-1, for independent features.

        With many features they take longer than all checks.
        """
        inverse = np.linalg.inv(self.triangle)
        return np.linalg.norm(inverse, axis=1), np.linalg.norm(inverse @ inverse.T, axis=1)

    @property
    def fitted_norm(self) -> float:
        """||A coefficients||_2."""
        return norm(self.triangle @ self.coefficients)

    @property
    def rank(self) -> int:
        """The rank that the solution is for."""
        return self.ranks[0]

    @property
    def ambiguous(self) -> bool:
        """Whether the data's dtype is too short to tell the rank."""
        return self.ranks[0] != self.ranks[1]


def design(X: np.ndarray) -> np.ndarray:
    """A = [X, 1] in float64."""
    return np.column_stack([np.asarray(X, np.float64), np.ones(len(X))])


def norm(v: np.ndarray) -> float:
    """The 2-norm of a vector."""
    return float(np.linalg.norm(v))


def least_squares(data: Data, n_rows: int = ROWS) -> Solution:
    """Minimise ||X w + b - y||_2; of several minimisers (w, b), the one with the shortest w.

    Everything goes through blocks of `n_rows` rows, so that memory need not hold the data. QR
    does so as well (TSQR). Its error, at most 2**-53 kappa**2, is far below the 2**-24 kappa that
    float32 solvers are held to. For float64 data the result is refined to about one unit round-off,
    unless there are very many samples.

    Raises:
        Unsolvable: the refinement does not converge.
    """
    n, p = len(data.y), data.X.shape[1] + 1
    R = np.empty((0, p + 1))
    for rows in blocks(n, n_rows):
        block = np.column_stack([design(data.X[rows]), data.y[rows]])
        R = np.asarray(np.linalg.qr(np.vstack([R, block]), mode="r"))
    triangle, centred = R[:, :p], _centred(R[:, :p])
    ranks = _ranks(centred, n, data.X.dtype)
    target_norm, spread = norm(R[:, p]), _spread(data.y, n_rows)
    refine = partial(_refined, data, n_rows)
    if ranks[0] == p - 1:
        coefficients = refine(
            np.arange(p - 1), triangle[:p], solve_triangular(triangle[:p], R[:p, p])
        )
        residual = abs(float(R[p, p])) if len(R) > p else 0.0
        return Solution(coefficients, triangle[:p], residual, target_norm, spread, ranks)
    coefficients, basis = _shortest(R, centred, ranks[0], refine)
    residual = norm(triangle @ coefficients - R[:, p])
    if ranks[0] + 1 == n:
        residual = 0.0  # as many free coefficients as samples
    return Solution(coefficients, triangle[:p], residual, target_norm, spread, ranks, basis)


def residual_norm(data: Data, b: np.ndarray) -> float:
    """||y - A b||_2, from the data themselves."""
    parts = [norm(design(data.X[rows]) @ b - data.y[rows]) for rows in blocks(len(data.y))]
    return math.hypot(*parts)


def _spread(y: np.ndarray, n_rows: int) -> float:
    """||y - mean y||_2; 0 where that is nothing but the rounding of the mean."""
    parts = [y[rows] for rows in blocks(len(y), n_rows)]
    mean = math.fsum(float(part.sum(dtype=np.float64)) for part in parts) / len(y)
    found = math.hypot(*(norm(part.astype(np.float64) - mean) for part in parts))
    size = math.hypot(*(norm(part.astype(np.float64)) for part in parts))
    return found if found > 4 * UNIT_FLOAT64 * size else 0.0


def _centred(triangle: np.ndarray) -> np.ndarray:
    """R of the centred features, each divided by its norm before it was centred."""
    lengths = np.linalg.norm(triangle[:, :-1], axis=0)
    # With the ones in front, all rows of R but the first belong to the centred features.
    ones_first = np.asarray(np.linalg.qr(np.roll(triangle, 1, axis=1), mode="r"))
    return np.asarray(ones_first[1:, 1:] / np.where(lengths > 0, lengths, 1.0))


def _ranks(centred: np.ndarray, n_samples: int, dtype: np.dtype) -> tuple[int, int]:
    """How many singular values are certainly and possibly more than rounding.

    A singular value of the scaled columns counts as 0 within the rounding errors of float64. A
    larger one, within the backward error of a solver in `dtype`, may or may not be 0.
    """
    if not centred.size:
        return 0, 0
    singular = np.linalg.svd(centred, compute_uv=False)
    nothing = 16 * math.sqrt(centred.shape[1]) * UNIT_FLOAT64
    something = max(nothing, backward_error(n_samples, unit_roundoff(dtype)))
    return int(np.sum(singular > something)), int(np.sum(singular > nothing))


def _shortest(
    R: np.ndarray, centred: np.ndarray, rank: int, refine: Refine
) -> tuple[np.ndarray, np.ndarray]:
    """The minimiser with the shortest weight, and a basis of the row space of the features.

    QR with column pivoting chooses `rank` independent features B; the centred features are B C.
    With z the regression of y on B, the weight is the shortest solution of C w = z. Only z is
    refined: the error of C, 2**-53 kappa, is well below what float64 solvers are held to.
    """
    p = R.shape[1] - 2
    order = np.asarray(qr(centred, mode="r", pivoting=True)[1] if centred.size else range(p))
    chosen, others = np.sort(order[:rank]), np.sort(order[rank:])
    Q, triangle = np.linalg.qr(R[:, [*chosen, p]])
    found = solve_triangular(triangle, Q.T @ R[:, [*others, p + 1]])
    made_of, z = found[:, :-1], found[:, -1]
    z = refine(chosen, triangle, z)
    C = np.zeros((rank, p))
    C[:, chosen], C[:, others] = np.eye(rank), made_of[:-1]
    basis, factor = np.linalg.qr(C.T)
    weight = basis @ solve_triangular(factor, z[:-1], trans="T")
    # A feature that was not chosen is a combination of the chosen ones and a constant.
    bias = z[-1] - made_of[-1] @ weight[others]
    return np.append(weight, bias), basis


def _refined(
    data: Data, n_rows: int, chosen: np.ndarray, triangle: np.ndarray, found: np.ndarray
) -> np.ndarray:
    """Least squares on some features to full float64 accuracy, for kappa up to about 1e13.

    A correction solves R'R db = A'(y - A b), R that of A = QR. In the norm ||A db|| it leaves about
    2**-53 kappa of the error (corrected seminormal equations: Björck, Linear Algebra Appl. 88/89,
    1987). b is kept in twice the precision of float64, and the right-hand side is computed in three
    times that: kappa**2 amplifies an error in either.

    Args:
        data: where QR alone is accurate enough for them, `found` is returned.
        n_rows: taken at a time.
        chosen: the features.
        triangle: R, (len(chosen) + 1, len(chosen) + 1).
        found: b by QR alone.
    """
    if data.X.dtype != np.float64 or len(data.y) > _REFINED:
        return found
    # Scaling by powers of 2 is exact, and lets columns differ in magnitude.
    scale = 2.0 ** -np.round(np.log2(np.linalg.norm(triangle, axis=0)))
    R, b, more = triangle * scale, found / scale, np.zeros_like(found)
    for _ in range(_STEPS):
        g = rounded(_gradient(data, n_rows, chosen, scale, np.concatenate([b, more])))
        step = solve_triangular(R, solve_triangular(R, g, trans="T"))
        b, more = two_sum(b, more + step)
        if norm(step) <= UNIT_FLOAT64 * norm(b):
            return np.multiply(b, scale)
    raise Unsolvable(
        "the features are so close to dependent that the reference solution does not converge; "
        "drop a feature"
    )


def _gradient(
    data: Data, n_rows: int, chosen: np.ndarray, scale: np.ndarray, b: np.ndarray
) -> Triple:
    """A'(y - A b) of scaled columns; b in two parts, one after the other."""
    factors = np.concatenate([[1.0], -b])[:, None]
    total: Triple = np.zeros((3, len(scale)))
    for rows in blocks(len(data.y), n_rows):
        A = design(data.X[rows][:, chosen]) * scale
        *r, little = long_dot(np.vstack([data.y[rows], A.T, A.T]), factors)
        for part in r:
            # Column by column, so that only one at a time is in higher precision.
            total = added(total, np.array([long_dot(column, part) for column in A.T]).T)
        total[2] += A.T @ little
    return total
