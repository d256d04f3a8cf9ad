"""What all fits of a workload are held to: right answers and bounds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from backends.base import GradientDescent, Stability
from benchmarks.gate import solution, trajectory
from benchmarks.gate.bounds import TF32, DescentBounds, coefficient_bounds, descent_bounds
from benchmarks.gate.rounding import unit_roundoff
from benchmarks.gate.solution import Solution
from benchmarks.gate.trajectory import Trajectory
from benchmarks.problems.problem import Problem
from benchmarks.problems.workloads import TUTORIAL, Workload

#: What the PyTorch tutorial prints: epoch -> (train loss before its step, test loss after it).
#: From about epoch 390 on, rounding decides where the iteration circles the optimum.
PRINTED = {
    0: (0.8663485646247864, 2.121262311935425),
    100: (0.2715910077095032, 0.6603046655654907),
    200: (0.17166011035442352, 0.3427932560443878),
    300: (0.08071128278970718, 0.15863864123821259),
}
#: How far a float32 loss may be from the printed one: the start is known no better.
PRINTED_TOLERANCE = 2e-6


@dataclass(frozen=True)
class Descent:
    """Gradient descent in float64, and how far from it a rounded one can be."""

    method: GradientDescent
    trajectory: Trajectory
    bounds: DescentBounds
    printed: Mapping[int, tuple[float, float]]  # see `PRINTED`; empty for other descents


@dataclass(frozen=True)
class Reference:
    """What the fits of one workload are judged by."""

    problem: Problem
    solution: Solution
    descent: Descent | None  # None for least squares
    tf32: bool = False  # whether products of float32 may be rounded to TF32

    @property
    def truth(self) -> np.ndarray:
        """The known truth: (weight, bias), of shape (n_features + 1,)."""
        weight, bias = self.problem.weight, self.problem.bias
        assert weight is not None
        assert bias is not None
        return np.append(weight, bias)

    @cached_property
    def lengths(self) -> np.ndarray:
        """(n_features + 1,): those of the columns of [X 1]; ones for dependent features.

        The shortest weight of these is another one in other units.
        """
        found = self.solution.lengths
        return np.ones_like(found) if self.solution.conditioning.deficient else found

    @cached_property
    def scaled(self) -> Solution:
        """The solution with each column divided by its length: in units that matter."""
        b, R = self.solution.coefficients * self.lengths, self.solution.triangle / self.lengths
        return replace(self.solution, coefficients=b, triangle=R)

    @property
    def best_r2(self) -> float | None:
        """The share of the targets' variation that can be explained; None if there is none."""
        residual, spread = self.solution.residual_norm, self.solution.spread
        return 1 - min(1.0, residual / spread) ** 2 if spread else None

    def coefficient_bounds(self, stability: Stability, eps: float) -> np.ndarray:
        """Bounds of each coefficient's error times the length of its column, bias last.

        Infinite for dependent features, whose coefficients depend on each other.
        """
        if self.solution.conditioning.deficient:
            return np.full(len(self.solution.coefficients), np.inf)
        return coefficient_bounds(self.scaled, stability, eps)

    @property
    def note(self) -> str:
        """What is special about the problem, in one line; empty if nothing is."""
        p, dtype = self.problem.data.X.shape[1], self.problem.data.X.dtype
        least, most = self.solution.ranks
        features = f"{p} feature{'' if p == 1 else 's'}"
        if least < most:
            return (
                f"the {features} have rank {least} or {most}, and {dtype} is too short to tell: "
                "only the residuals are judged, not the coefficients"
            )
        if least < p:
            return (
                f"the {features} have rank {least}: the right answer is the minimiser with the "
                "shortest weight"
            )
        return ""

    @property
    def unit(self) -> float:
        """Unit round-off of the data's dtype."""
        return unit_roundoff(self.problem.data.X.dtype)

    @property
    def products(self) -> float:
        """Relative error of a product, besides the unit round-off."""
        return 2 * TF32 if self.tf32 else 0.0


def prepare(workload: Workload, problem: Problem) -> Reference:
    """Solve the problem that `workload` made, and derive the bounds.

    Raises:
        Unsolvable: the reference solution does not converge, or the descent diverges.
    """
    found, method = solution.least_squares(problem.data), workload.method
    descent = None
    if isinstance(method, GradientDescent):
        path = trajectory.descent(problem.data, method)
        allowed = descent_bounds(problem.data, method, path)
        is_tutorial = workload.recipe is TUTORIAL.recipe and method == TUTORIAL.method
        descent = Descent(method, path, allowed, PRINTED if is_tutorial else {})
    return Reference(problem, found, descent)


def with_tf32(ref: Reference) -> Reference:
    """The reference for fits on CUDA with TF32 on: the bounds of float32 become wider."""
    data = ref.problem.data
    if data.X.dtype != np.float32:
        return ref
    wider = replace(ref, tf32=True)
    if ref.descent is None:
        return wider
    method, path = ref.descent.method, ref.descent.trajectory
    allowed = descent_bounds(data, method, path, wider.products)
    # The printed losses were computed without TF32.
    return replace(wider, descent=replace(ref.descent, bounds=allowed, printed={}))
