"""The checks of a least-squares fit.

Errors are measured, and condition numbers taken, in columns of [X 1] divided by their lengths. QR
and Cholesky are stable column by column: the backward error of column j is relative to ||a_j||
(Higham, *Accuracy and Stability of Numerical Algorithms*, theorems 19.4 and 10.3, section 20.1). So
their bounds do not depend on the units of the features (van der Sluis, Numer. Math. 14, 1969).

An SVD is stable for the matrix as a whole only: of a column shorter than the largest singular value
it may lose as many digits as it is shorter. It is allowed that, as long as a digit is left. Beyond,
where units make it lose a feature that others keep, it fails.

Dependent features are the exception: their shortest weight is that in the units of the data.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import special

from backends.base import Stability
from benchmarks.gate.bounds import NO_DIGIT, SolverBounds, solver_bounds, tf32_error
from benchmarks.gate.checks import check, relative, relative_check
from benchmarks.gate.reference import Reference
from benchmarks.gate.rounding import backward_error
from benchmarks.gate.solution import norm, residual_norm
from benchmarks.verdict import Check

#: The probability that the statistical check refuses a right fit.
SIGNIFICANCE = 1e-6
COEFFICIENTS, FITTED = "coefficients", "fitted values"
RESIDUAL, EACH = "residual norm", "each coefficient"
#: To explain less of the targets' variation than this is to explain nothing.
_LITTLE = 0.01
#: A coefficient that is smaller than this share of the right one was left out.
_GONE = 1e-3
#: A coefficient is determined if its bound is at most this share of its size.
_DETERMINED = 0.01
_UNITS = (
    "in these units of the features, rounding may leave no digit to a solver that is stable for "
    "the matrix as a whole, such as an SVD"
)
_TRUTH = "coefficients against the truth"


@dataclass(frozen=True)
class Judged:
    """Coefficients of a fit beside those of the reference."""

    b: np.ndarray  # (n_features + 1,), bias last
    ref: Reference
    stability: Stability

    @cached_property
    def off(self) -> np.ndarray:
        """The error of each coefficient."""
        return self.b - self.ref.solution.coefficients

    @property
    def eps(self) -> float:
        """The backward error of each column."""
        data = self.ref.problem.data
        extra = tf32_error(data.X.shape[1]) if self.ref.tf32 else 0.0
        return backward_error(len(data.y), self.ref.unit) + extra

    @cached_property
    def residual(self) -> float:
        """||y - A b||_2 of the fit."""
        solution = self.ref.solution
        if solution.ambiguous:
            return residual_norm(self.ref.problem.data, self.b)
        # The reference's residual is orthogonal to A.
        return math.hypot(solution.residual_norm, norm(solution.triangle @ self.off))

    @property
    def r2(self) -> float | None:
        """The share of the targets' variation that the fit explains; None if they do not vary."""
        spread = self.ref.solution.spread
        return float(1 - np.square(self.residual / spread)) if spread else None

    @cached_property
    def by_columns(self) -> SolverBounds:
        """What a solver that is stable column by column may reach."""
        return self._bounds(self.eps)

    @cached_property
    def possible(self) -> SolverBounds:
        """What a solver of this stability may reach: one by SVD errs by the matrix as a whole."""
        whole, columns = self.ref.solution.conditioning, self.ref.scaled.conditioning
        if self.stability != "orthogonal" or whole.deficient:
            return self.by_columns
        longest = whole.norm / columns.norm
        found = self._bounds(self.eps * longest / self.ref.lengths.min())
        if not found.leave_a_digit and self.by_columns.leave_a_digit:
            return replace(found, source=_UNITS)
        return found

    @cached_property
    def allowed(self) -> SolverBounds:
        """The widest bounds that leave a digit, if any do.

        The last ones are for data rounded once more, which any fit may be right for.
        """
        found = self.possible, self.by_columns, self._bounds(self.ref.unit)
        return next((one for one in found if one.leave_a_digit), self.possible)

    def _bounds(self, eps: float) -> SolverBounds:
        return solver_bounds(self.ref.scaled.conditioning, self.stability, eps)

    def lost(self, residual: float) -> float:
        """The share of what can be explained that is lost with such a residual norm.

        0 for the least residual norm, 1 for that of a constant. Where almost nothing can be
        explained it is a share of `_LITTLE` of the variation instead.
        """
        least, spread = self.ref.solution.residual_norm, self.ref.solution.spread
        excess = max(0.0, residual - least)
        return relative(excess, max(spread - least, _LITTLE * spread)) if spread else 0.0

    def lost_features(self) -> list[str]:
        """The features that the fit leaves out, although the data determine their weights.

        Whoever leaves out features and is otherwise right is no worse than a constant.
        """
        names, p = self.ref.problem.names, len(self.b) - 1
        if self.r2 is None or self.r2 < -_LITTLE:
            return []
        gone = self._determined[:-1] & (np.abs(self.b) < _GONE * np.abs(self._known))[:-1]
        return [repr(names[j]) if names else f"feature {j + 1}" for j in range(p) if gone[j]]

    @property
    def _known(self) -> np.ndarray:
        return self.ref.solution.coefficients

    @cached_property
    def _determined(self) -> np.ndarray:
        """Which coefficients a solver that is stable by columns gets right."""
        sizes = np.abs(self._known * self.ref.lengths)
        bounds = self.ref.coefficient_bounds(self.stability, self.eps)
        return np.asarray((bounds <= _DETERMINED * sizes) & (sizes > 0))

    def checks(self) -> list[Check]:
        """All of them; the first is that of the coefficients, if these are judged at all."""
        ref, solution = self.ref, self.ref.solution
        if solution.ambiguous:
            return [self._residual_alone()]
        allowed = self.allowed
        source = allowed.source + (", with products in TF32" if ref.tf32 else "")
        size, fitted_size = norm(ref.scaled.coefficients), solution.fitted_norm
        if allowed.vanishing:
            fitted_size = solution.target_norm
            size = fitted_size / ref.scaled.conditioning.norm
        error = relative(norm(self.off * ref.lengths), size)
        fitted_error = relative(norm(solution.triangle @ self.off), fitted_size)
        fitted, most = allowed.fitted * fitted_size, self.possible
        lost = self._lost_within(most.fitted * fitted_size)
        if self.by_columns.leave_a_digit:
            # Others explain nearly all that can be explained.
            lost = min(lost, NO_DIGIT)
        found = (
            (COEFFICIENTS, error, allowed.coefficients, most.coefficients),
            (FITTED, fitted_error, allowed.fitted, most.fitted),
            (RESIDUAL, self.lost(self.residual), self._lost_within(fitted), lost),
        )
        checks = [
            relative_check(name, error, bound, source, (possible, most.source))
            for name, error, bound, possible in found
        ]
        checks += self._each_coefficient()
        if ref.problem.sigma and allowed.leave_a_digit:
            checks.append(check_truth(self.b, ref, fitted))
        return checks

    def _lost_within(self, fitted: float) -> float:
        """The largest share that is lost if ||A (b_hat - b)|| is `fitted`."""
        return self.lost(math.hypot(self.ref.solution.residual_norm, fitted))

    def _residual_alone(self) -> Check:
        """Whether a fit minimises except for rounding, whatever its coefficients.

        For data changed by eps ||a_j|| and eps ||y||, the minimiser's residual is longer by at most
        eps (||A|| ||b_hat|| + ||y||), to first order.
        """
        ref, solution = self.ref, self.ref.solution
        size = ref.scaled.conditioning.norm * norm(self.b * ref.lengths) + solution.target_norm
        most, least = (
            self.lost(solution.residual_norm + e * size) for e in (self.eps, self.ref.unit)
        )
        allowed = most if most < NO_DIGIT else least
        source = "backward error; the rank is ambiguous, so the coefficients are not judged"
        return relative_check(RESIDUAL, self.lost(self.residual), allowed, source, (most, source))

    def _each_coefficient(self) -> list[Check]:
        """The first digit of each coefficient that the data determine.

        A feature that matters little may be lost within the bound of all coefficients together.
        """
        if not self._determined.any():
            return []
        errors = np.abs(self.off)[self._determined] / np.abs(self._known)[self._determined]
        source = "the first digit of each coefficient that the data determine"
        return [check(EACH, errors.max(), NO_DIGIT, source)]


def check_truth(b: np.ndarray, ref: Reference, numerical: float) -> Check:
    """Chi-squared of the distance from the truth; `numerical` bounds ||A (b_hat - b_ref)||."""
    sigma, terms = ref.problem.sigma, ref.solution.rank + 1
    assert sigma
    # NumPy's power overflows to infinity, where Python's raises.
    distance = np.linalg.norm(ref.solution.triangle @ (b - ref.truth)) / sigma
    largest = float(special.chdtri(terms, SIGNIFICANCE))
    return check(
        _TRUTH,
        distance**2,
        (math.sqrt(largest) + numerical / sigma) ** 2,
        f"chi-squared with {terms} degrees of freedom, at {SIGNIFICANCE:g}",
    )
