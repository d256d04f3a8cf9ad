"""What the right answer is, in higher precision, and how hard the problem is.

Throughout, A = [X, 1] is the design matrix (n_samples, n_features + 1), and coefficients are
(weight, bias), bias last.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from backends.base import Data, GradientDescent
from benchmarks.errors import UserError
from benchmarks.precise import dot

_ROWS = 1 << 15  # rows that are brought to float64, or to higher precision, at a time
_UNIT = 2.0**-53  # unit round-off of float64
_DEPENDENT = UserError(
    "the features are linearly dependent (or one is constant), so that least squares has no "
    "single answer; drop a feature"
)


@dataclass(frozen=True)
class Solution:
    """The least-squares solution, correct far beyond what the data's dtype can give."""

    coefficients: np.ndarray  # (n_features + 1,), float64, bias last
    #: R of A = QR in float64, (n_features + 1, n_features + 1): ||A d|| = ||R d|| for any d.
    triangle: np.ndarray
    residual_norm: float  # ||y - A coefficients||_2

    @property
    def fitted_norm(self) -> float:
        """||A coefficients||_2."""
        return float(np.linalg.norm(self.triangle @ self.coefficients))


@dataclass(frozen=True)
class Conditioning:
    """How far rounding errors in the data can move the least-squares solution."""

    condition: float  # kappa_2(A), largest over smallest singular value
    #: tan(theta) = ||r|| / ||A b||, theta the angle between y and the column space of A;
    #: infinite where the fitted values are all 0.
    tangent: float
    #: ||A|| ||b|| / ||A b||, from 1 to kappa: how much smaller the fitted values are than
    #: coefficients of that size could make them.
    stretch: float

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


def least_squares(data: Data) -> Solution:
    """Solve min ||A b - y||_2.

    The QR factorization is made of blocks of rows (TSQR), so that float32 data are never in
    memory as float64 all at once. For them it is reference enough: its error, 2**-53 kappa**2 at
    worst, is far below the 2**-24 kappa to which float32 solvers are held. For float64 data it is
    refined until it is correct to about one unit round-off.

    Raises:
        UserError: A has linearly dependent columns, to working precision.
    """
    p = data.X.shape[1] + 1
    if len(data.y) < p:
        raise _DEPENDENT
    R = np.empty((0, p + 1))
    for rows in _blocks(len(data.y)):
        block = np.column_stack([design(data.X[rows]), data.y[rows]])
        R = np.asarray(np.linalg.qr(np.vstack([R, block]), mode="r"))
    triangle, projected = R[:p, :p], R[:p, p]
    # Column scaling changes nothing in QR, so that it must not decide what is dependent either.
    lengths = np.linalg.norm(triangle, axis=0)
    if not lengths.all() or np.linalg.cond(triangle / lengths) * p * _UNIT > 1:
        raise _DEPENDENT
    if data.X.dtype == np.float64:
        coefficients = _refined(design(data.X), data.y)
    else:
        coefficients = solve_triangular(triangle, projected)
    return Solution(coefficients, triangle, abs(float(R[p, p])) if len(R) > p else 0.0)


def conditioning(solution: Solution) -> Conditioning:
    """The quantities in the perturbation theory of least squares (Golub & Van Loan, 5.3.7)."""
    singular = np.linalg.svd(solution.triangle, compute_uv=False)
    fitted = solution.fitted_norm
    size = singular[0] * np.linalg.norm(solution.coefficients)
    return Conditioning(
        condition=float(singular[0] / singular[-1]),
        tangent=solution.residual_norm / fitted if fitted else math.inf,
        stretch=float(size / fitted) if fitted else 1.0,
    )


def _refined(A: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Least squares to full float64 accuracy, for kappa up to about 1e13.

    Iterative refinement of the augmented system r + A b = y, A'r = 0 (Björck, BIT 7, 1967;
    Higham, *Accuracy and Stability of Numerical Algorithms*, 20.5). Both its residuals are computed
    in higher precision: an error in A'r is amplified by kappa**2. Rounding r and b themselves does
    no harm, since the next correction starts from what they were rounded to.
    """
    # Scaling by powers of 2 is exact, and makes columns of all magnitudes equally welcome.
    scale = 2.0 ** -np.round(np.log2(np.linalg.norm(A, axis=0)))
    A = A * scale
    Q, R = np.linalg.qr(A)
    b, r = np.zeros(A.shape[1]), np.zeros(len(y))
    previous = math.inf
    while True:
        f = _first_residual(A, y, r, b)
        # Column by column: no more than one column is held in higher precision.
        g = np.array([-dot(column, r) for column in A.T])
        # Solve [I A; A' 0] [dr; db] = [f; g] with A = QR (Golub & Van Loan, 5.3.8).
        h = solve_triangular(R, g, trans="T")
        projected = Q.T @ f
        db = solve_triangular(R, projected - h)
        r, b = r + (f + Q @ (h - projected)), b + db
        change = float(np.linalg.norm(db))
        if change <= _UNIT * np.linalg.norm(b):
            return np.multiply(b, scale)
        if not change <= previous / 2:
            raise _DEPENDENT
        previous = change


def _first_residual(A: np.ndarray, y: np.ndarray, r: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The residual y - r - A b, in higher precision."""
    factors = np.concatenate([[1.0, -1.0], -b])[:, None]
    return np.concatenate(
        [dot(np.vstack([y[rows], r[rows], A[rows].T]), factors) for rows in _blocks(len(y))]
    )


def _blocks(n: int) -> list[slice]:
    return [slice(first, first + _ROWS) for first in range(0, n, _ROWS)]


def descent(data: Data, method: GradientDescent) -> Trajectory:
    """Follow `method` in float64, from the same bytes.

    Raises:
        UserError: it diverges beyond what float64 can hold.
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
        raise UserError(f"descent with learning rate {method.learning_rate:g} diverges; lower it")
    return Trajectory(np.array(iterates), np.array(train), np.array(test))


def loss(method: GradientDescent, r: np.ndarray) -> float:
    """The mean of |r| or of r**2 over the residuals r."""
    return float(np.mean(np.abs(r) if method.loss == "l1" else r**2))
