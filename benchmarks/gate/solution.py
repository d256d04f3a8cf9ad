"""The right answer, in higher precision than any fit, and how hard the problem is.

Throughout, A = [X, 1] is the design matrix (n_samples, n_features + 1), and coefficients are
(weight, bias), bias last.
"""

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.linalg import qr, solve_triangular

from backends.base import Data, GradientDescent
from benchmarks.errors import UserError
from benchmarks.gate.rounding import UNIT_FLOAT64, backward_error, dot, unit_roundoff

_ROWS = 1 << 15  # rows converted to float64, or to higher precision, at a time
_STEPS = 60  # of refinement: enough even if each only halves the error


class Unsolvable(UserError):
    """No reference solution for this workload; the others of the run are not affected."""


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

    def in_units_of(self, lengths: np.ndarray) -> Self:
        """The same solution with each column of A divided by its length."""
        return replace(
            self, coefficients=self.coefficients * lengths, triangle=self.triangle / lengths
        )

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
class Trajectory:
    """Gradient descent in float64. Without test samples, `test_losses` is empty."""

    iterates: np.ndarray  # (epochs + 1, n_features + 1): the start, then after each step
    train_losses: np.ndarray  # (epochs,), before each step
    test_losses: np.ndarray  # (epochs,) after each step, or (0,)


def design(X: np.ndarray) -> np.ndarray:
    """A = [X, 1] in float64."""
    return np.column_stack([np.asarray(X, np.float64), np.ones(len(X))])


def norm(v: np.ndarray) -> float:
    """The 2-norm of a vector."""
    return float(np.linalg.norm(v))


def least_squares(data: Data) -> Solution:
    """Minimise ||X w + b - y||_2; of several minimisers (w, b), the one with the shortest w.

    QR goes through blocks of rows (TSQR), so that float32 data are never all in memory as float64.
    Its error, at most 2**-53 kappa**2, is far below the 2**-24 kappa that float32 solvers are held
    to. For float64 data the result is refined to about one unit round-off.

    Raises:
        Unsolvable: the refinement does not converge.
    """
    p = data.X.shape[1] + 1
    R = np.empty((0, p + 1))
    for rows in _blocks(len(data.y)):
        block = np.column_stack([design(data.X[rows]), data.y[rows]])
        R = np.asarray(np.linalg.qr(np.vstack([R, block]), mode="r"))
    triangle, centred = R[:, :p], _centred(R[:, :p])
    ranks = _ranks(centred, len(data.y), data.X.dtype)
    target_norm, spread = norm(R[:, p]), _spread(data.y)
    if ranks[0] == p - 1:
        if data.X.dtype == np.float64:
            coefficients = _refined(design(data.X), data.y)
        else:
            coefficients = solve_triangular(triangle[:p], R[:p, p])
        residual = abs(float(R[p, p])) if len(R) > p else 0.0
        return Solution(coefficients, triangle[:p], residual, target_norm, spread, ranks)
    coefficients, basis = _shortest(data, R, centred, ranks[0])
    residual = norm(triangle @ coefficients - R[:, p])
    if ranks[0] + 1 == len(data.y):
        residual = 0.0  # as many free coefficients as samples
    return Solution(coefficients, triangle[:p], residual, target_norm, spread, ranks, basis)


def _spread(y: np.ndarray) -> float:
    """||y - mean y||_2; 0 where that is nothing but the rounding of the mean."""
    y = y.astype(np.float64)
    found = norm(y - y.mean())
    return found if found > 4 * UNIT_FLOAT64 * norm(y) else 0.0


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
    data: Data, R: np.ndarray, centred: np.ndarray, rank: int
) -> tuple[np.ndarray, np.ndarray]:
    """The minimiser with the shortest weight, and a basis of the row space of the features.

    QR with column pivoting chooses `rank` independent features B; the centred features are B C.
    With z the regression of y on B, the weight is the shortest solution of C w = z. Only z is
    refined: the error of C, 2**-53 kappa, is well below what float64 solvers are held to.
    """
    p = data.X.shape[1]
    order = np.asarray(qr(centred, mode="r", pivoting=True)[1] if centred.size else range(p))
    chosen, others = np.sort(order[:rank]), np.sort(order[rank:])
    Q, triangle = np.linalg.qr(R[:, [*chosen, p]])
    found = solve_triangular(triangle, Q.T @ R[:, [*others, p + 1]])
    made_of, z = found[:, :-1], found[:, -1]
    if data.X.dtype == np.float64:
        z = _refined(design(data.X[:, chosen]), data.y)
    C = np.zeros((rank, p))
    C[:, chosen], C[:, others] = np.eye(rank), made_of[:-1]
    basis, factor = np.linalg.qr(C.T)
    weight = basis @ solve_triangular(factor, z[:-1], trans="T")
    # A feature that was not chosen is a combination of the chosen ones and a constant.
    bias = z[-1] - made_of[-1] @ weight[others]
    return np.append(weight, bias), basis


def conditioning(solution: Solution) -> Conditioning:
    """The quantities in the perturbation theory of least squares (Golub & Van Loan, 5.3.7)."""
    singular = np.linalg.svd(solution.triangle, compute_uv=False)
    smallest = singular[-1]
    if solution.basis is not None:
        p, rank = solution.basis.shape
        within = np.zeros((p + 1, rank + 1))
        within[:p, :rank], within[p, rank] = solution.basis, 1.0
        smallest = np.linalg.svd(solution.triangle @ within, compute_uv=False)[-1]
    fitted = solution.fitted_norm
    size = singular[0] * norm(solution.coefficients)
    return Conditioning(
        condition=float(singular[0] / smallest) if smallest else math.inf,
        norm=float(singular[0]),
        tangent=solution.residual_norm / fitted if fitted else math.inf,
        stretch=float(size / fitted) if fitted else 1.0,
        deficient=solution.basis is not None,
    )


def _refined(A: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Least squares to full float64 accuracy, for kappa up to about 1e13.

    Iterative refinement of the augmented system r + A b = y, A'r = 0 (Björck, BIT 7, 1967;
    Higham, *Accuracy and Stability of Numerical Algorithms*, 20.5). Both residuals are in higher
    precision, because kappa**2 amplifies an error in A'r; r and b themselves need not be.
    """
    # Scaling by powers of 2 is exact, and lets columns differ in magnitude.
    scale = 2.0 ** -np.round(np.log2(np.linalg.norm(A, axis=0)))
    A = A * scale
    Q, R = np.linalg.qr(A)
    b, r = np.zeros(A.shape[1]), np.zeros(len(y))
    for _ in range(_STEPS):
        factors = np.concatenate([[1.0, -1.0], -b])[:, None]
        terms = (np.vstack([y[rows], r[rows], A[rows].T]) for rows in _blocks(len(y)))
        f = np.concatenate([dot(block, factors) for block in terms])  # y - r - A b
        # Column by column, so that only one column at a time is in higher precision.
        g = np.array([-dot(column, r) for column in A.T])
        # Solve [I A; A' 0] [dr; db] = [f; g] with A = QR (Golub & Van Loan, 5.3.8).
        h = solve_triangular(R, g, trans="T")
        projected = Q.T @ f
        db = solve_triangular(R, projected - h)
        r, b = r + (f + Q @ (h - projected)), b + db
        change = norm(db)
        if change <= UNIT_FLOAT64 * norm(b):
            return np.multiply(b, scale)
    raise Unsolvable(
        "the features are so close to dependent that the reference solution does not converge; "
        "drop a feature"
    )


def _blocks(n: int) -> list[slice]:
    return [slice(first, first + _ROWS) for first in range(0, n, _ROWS)]


def descent(data: Data, method: GradientDescent) -> Trajectory:
    """Follow `method` in float64, on the same data.

    Raises:
        Unsolvable: it diverges until float64 overflows.
    """
    A, A_test = design(data.X), design(data.X_test)
    y, y_test = data.y.astype(np.float64), data.y_test.astype(np.float64)
    b = np.array([*method.start_weight, method.start_bias])
    iterates, train, test = [b], [], []
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(method.epochs):
            r = A @ b - y
            train.append(loss(method, r))
            slope = np.sign(r) if method.loss == "l1" else 2 * r
            b = b - method.learning_rate * (A.T @ slope) / len(y)
            iterates.append(b)
            if len(y_test):
                test.append(loss(method, A_test @ b - y_test))
    if not np.isfinite([*train, *test, *b]).all():
        raise Unsolvable(f"descent with learning rate {method.learning_rate:g} diverges; lower it")
    return Trajectory(np.array(iterates), np.array(train), np.array(test))


def relative_errors(iterates: np.ndarray, solution: np.ndarray) -> np.ndarray:
    """||b_k - b|| / ||b|| of iterates (n, n_features + 1) against the solution b."""
    off = np.linalg.norm(iterates - solution, axis=1)
    return np.asarray(off / norm(solution))


def loss(method: GradientDescent, r: np.ndarray) -> float:
    """The mean of |r| or of r**2 over the residuals r."""
    return float(np.mean(np.abs(r) if method.loss == "l1" else r**2))
