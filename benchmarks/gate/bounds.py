"""How far rounding can take a correct fit from the exact answer: bounds from theory.

u is the unit round-off of the dtype, and eps a solver's backward error: see `rounding`.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from backends.base import Data, GradientDescent, Stability
from benchmarks.gate.rounding import UNIT_FLOAT64, sum_error, unit_roundoff
from benchmarks.gate.solution import Conditioning, Solution, design, norm
from benchmarks.gate.trajectory import Trajectory, loss

#: Unit round-off of TF32, the inputs of CUDA's fast float32 products: 11 significant bits.
TF32 = 2.0**-11
#: A relative bound from here on leaves no certain digit: a fit within it may be nonsense.
NO_DIGIT = 0.1


def tf32_error(n_features: int) -> float:
    """Relative change of the data that accounts for products of inputs rounded to TF32.

    Both factors of each product are rounded, but the sum is kept in float32 (Blanchard et al.,
    SIAM J. Sci. Comput. 42, 2020). A factorisation rounds again in the update by each column.
    """
    return sum_error(n_features + 1, TF32)


@dataclass(frozen=True)
class SolverBounds:
    """Relative 2-norm errors of least squares; infinite where rounding may do anything."""

    coefficients: float  # ||b_hat - b|| / ||b||; if `vanishing`, / (||y|| / ||A||)
    fitted: float  # ||A (b_hat - b)|| / ||A b||; if `vanishing`, / ||y||
    source: str
    #: Whether the fitted values are 0 except for rounding.
    vanishing: bool = False

    @property
    def leave_a_digit(self) -> bool:
        """Whether a fit within these bounds has at least one digit right for certain."""
        return max(self.coefficients, self.fitted) < NO_DIGIT


def solver_bounds(c: Conditioning, stability: Stability, eps: float) -> SolverBounds:
    """Bounds for a least-squares solver of this stability, with backward error `eps`.

    *Orthogonal* (QR, SVD): the fit is exact for data changed by eps ||A|| and eps ||y||. The change
    of b is at most eps (kappa (||b|| + ||y||/||A||) + kappa**2 ||r||/||A||) (Wedin; Higham,
    *Accuracy and Stability of Numerical Algorithms*, theorem 20.1). That of the fitted values
    follows from their change, P (dy - dA b) + A (A'A)^-1 dA' r.

    *Normal equations*: the errors are eps ||A||**2 in A'A and eps ||A|| ||y|| in A'y. The change of
    b, db = (A'A)^-1 (dc - dG b), is at most eps kappa**2 (||b|| + ||y||/||A||) (Higham, 20.4).

    For dependent features, kappa is that of their row space. Rounding errors tilt that space as
    well, by another eps kappa (Wedin, BIT 13, 1973; Björck, *Numerical Methods for Least Squares
    Problems*, 1.4), or eps kappa**2 for normal equations.
    """
    kappa, tan, cos, stretch = c.condition, c.tangent, c.cosine, c.stretch
    orthogonal = stability == "orthogonal"
    power = kappa if orthogonal else kappa**2
    used, tilt = eps * power, power if c.deficient else 0.0
    if used >= 1:  # the perturbation reaches a singular matrix
        source = f"kappa = {kappa:.1e}: rounding may leave no digit to such a solver in this dtype"
        return SolverBounds(math.inf, math.inf, source)
    if cos <= eps:  # the same perturbations with b = 0 and r = y
        formula = "y orthogonal to the features"
        growth, growth_fitted = (kappa + kappa**2, 1 + kappa) if orthogonal else (kappa**2, kappa)
    elif orthogonal:
        formula = "QR and SVD: Higham, Accuracy and Stability, theorem 20.1"
        # ||y|| / (||A|| ||b||) and ||r|| / (||A|| ||b||)
        growth = kappa * (1 + 1 / (cos * stretch)) + kappa**2 * tan / stretch + tilt
        growth_fitted = stretch + 1 / cos + kappa * tan
    else:
        formula = "normal equations: Higham, Accuracy and Stability, 20.4"
        growth = kappa**2 * (1 + 1 / (cos * stretch)) + tilt
        growth_fitted = kappa * (stretch + 1 / cos)
    scale = eps / (1 - used)
    return SolverBounds(
        coefficients=scale * growth,
        fitted=scale * growth_fitted,
        source=f"{formula}, at kappa = {kappa:.1e} and backward error {eps:.1e}",
        vanishing=cos <= eps,
    )


def coefficient_bounds(solution: Solution, stability: Stability, eps: float) -> np.ndarray:
    """Bounds of each coefficient's absolute error, bias last, for independent features.

    The perturbations of `solver_bounds`, row by row. Let a be a row of (A'A)^-1 A', and g one of
    (A'A)^-1. The error of an orthogonal solver is at most
    eps (||a|| (||A|| ||b|| + ||y||) + ||g|| ||A|| ||r||), and that of normal equations
    eps ||g|| ||A|| (||A|| ||b|| + ||y||). Where rounding leaves no digit, bounds are infinite.
    """
    c = solution.conditioning
    used = eps * (c.condition if stability == "orthogonal" else c.condition**2)
    if used >= 1:
        return np.full(len(solution.coefficients), math.inf)
    a, g = solution.sensitivities
    both = c.norm * norm(solution.coefficients) + solution.target_norm
    if stability == "orthogonal":
        moved = a * both + g * c.norm * solution.residual_norm
    else:
        moved = g * c.norm * both
    return np.asarray(eps / (1 - used) * moved)


@dataclass(frozen=True)
class DescentBounds:
    """Running bounds of gradient descent, against the float64 trajectory."""

    coefficients: float  # ||b_hat - b||_2 after the last step
    train_losses: np.ndarray  # (epochs,)
    test_losses: np.ndarray  # (epochs,) or (0,)
    #: From this epoch on, one step is the bound; None where it never is.
    circling: int | None


def descent_bounds(
    data: Data, method: GradientDescent, trajectory: Trajectory, products: float = 0.0
) -> DescentBounds:
    """Follow the distance e between a rounded trajectory and the float64 one, step by step.

    *Squared loss*, H = (2/n) A'A: e <- ||I - lr H|| e + rounding of one step.

    *L1 loss*: gradients differ, by dg in all, only where the signs of residuals can differ: where
    |r| is at most ||a|| e + rounding. The loss is convex, so dg'd >= 0 for the difference d of the
    coefficients, and ||d - lr dg||**2 <= e**2 + lr**2 ||dg||**2, plus 2 lr times what rounded
    residuals may take from dg'd. In the end the iteration circles the optimum, and rounding
    decides where. Once e exceeds the largest possible step, lr ||mean |A| ||, that is the bound.

    `products` is the relative error of each product in A'r and A b, besides u.
    """
    train = _Samples(data.X, data.y, method, products)
    test = _Samples(data.X_test, data.y_test, method, products)
    u, lr = train.u, method.learning_rate
    largest_step = lr * norm(train.absolute.mean(axis=0))
    e = u * norm(trajectory.iterates[0])
    circling = None
    train_bounds, test_bounds = [], []
    for epoch, (b, after) in enumerate(itertools.pairwise(trajectory.iterates)):
        train_bounds.append(train.loss_bound(b, e))
        update = u * norm(after)
        e = train.grown(b, e) + update + lr * train.slope_rounding(b)
        if method.loss == "l1" and e > largest_step:
            e = largest_step
            circling = epoch if circling is None else circling
        if len(test.y):
            test_bounds.append(test.loss_bound(after, e))
    return DescentBounds(e, np.array(train_bounds), np.array(test_bounds), circling)


def loss_rounding(
    X: np.ndarray, y: np.ndarray, method: GradientDescent, b: np.ndarray, products: float = 0.0
) -> float:
    """Error of the loss at coefficients `b`, exact or rounded once."""
    samples = _Samples(X, y, method, products)
    return samples.loss_bound(b, samples.u * norm(b))


class _Samples:
    """Samples, and what rounding can do to their loss and its gradient."""

    def __init__(
        self, X: np.ndarray, y: np.ndarray, method: GradientDescent, products: float
    ) -> None:
        self.A, self.y, self.method = design(X), y.astype(np.float64), method
        # The reference is rounded too, to float64.
        self.u, self.products = unit_roundoff(X.dtype) + UNIT_FLOAT64, products
        self.absolute = np.abs(self.A)
        self.lengths = np.linalg.norm(self.A, axis=1)
        curvatures = np.linalg.eigvalsh(self.A.T @ self.A) / max(len(y), 1)
        self.curvature = float(curvatures[-1])
        self.contraction = float(np.abs(1 - 2 * method.learning_rate * curvatures).max())

    def grown(self, b: np.ndarray, e: float) -> float:
        """The largest distance after an exact step, from the distance `e` before it."""
        if self.method.loss == "squared":
            return self.contraction * e
        lr, n, ambiguous = self.method.learning_rate, len(self.y), self._ambiguous(b, e)
        flips = norm(2 * self.absolute.T @ ambiguous / n)
        misjudged = 2 * float(self._residual_rounding(b) @ ambiguous) / n
        return math.sqrt(e**2 + (lr * flips) ** 2 + 2 * lr * misjudged)

    def slope_rounding(self, b: np.ndarray) -> float:
        """Rounding of the gradient in the 2-norm, including that of lr."""
        sums = sum_error(len(self.y), self.u) + 2 * self.u + self.products
        if self.method.loss == "l1":
            return sums * norm(self.absolute.mean(axis=0))
        terms = 2 * self.absolute.T @ self._sizes(b) / len(self.y)
        residuals = sum_error(len(b) + 1, self.u) + self.products
        return (sums + residuals) * norm(terms)

    def loss_bound(self, b: np.ndarray, e: float) -> float:
        """Error of a rounded loss, within the distance `e` from `b`, against that at `b`."""
        n, r = len(self.y), self.A @ b - self.y
        value = loss(self.method, r)
        evaluation = (sum_error(n, self.u) + self.u) * value
        r_error = self._residual_rounding(b)
        if self.method.loss == "squared":
            slope = 2 * norm(self.A.T @ r) / n
            evaluation += float(np.mean(2 * np.abs(r) * r_error + r_error**2))
            return slope * e + self.curvature * e**2 + evaluation
        slope = norm(self.A.T @ np.sign(r)) / n
        kinks = 2 * float(np.mean(self.lengths * self._ambiguous(b, e)))
        # mean |A d| is at most its root mean square.
        steepest = min(slope + kinks, math.sqrt(self.curvature))
        return steepest * e + float(np.mean(r_error)) + evaluation

    def _ambiguous(self, b: np.ndarray, e: float) -> np.ndarray:
        """Whether a residual may have either sign."""
        r = self.A @ b - self.y
        return np.abs(r) <= self.lengths * e + self._residual_rounding(b)

    def _residual_rounding(self, b: np.ndarray) -> np.ndarray:
        return (sum_error(len(b) + 1, self.u) + self.products) * self._sizes(b)

    def _sizes(self, b: np.ndarray) -> np.ndarray:
        """|A| |b| + |y|: the size of the terms in each residual."""
        return self.absolute @ np.abs(b) + np.abs(self.y)
