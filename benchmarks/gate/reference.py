"""What the fits of a workload are held to: the right answers and the bounds, made once for all."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from backends.base import GradientDescent
from benchmarks.gate import bounds, roundoff
from benchmarks.gate import solution as reference
from benchmarks.gate.solution import Conditioning, Solution, Trajectory
from benchmarks.problems import tutorial
from benchmarks.problems.problem import Problem
from benchmarks.problems.workloads import WORKLOADS, Workload


@dataclass(frozen=True)
class Descent:
    """Gradient descent in float64, and how far from it a rounded one can be."""

    method: GradientDescent
    trajectory: Trajectory
    bounds: bounds.DescentBounds
    printed: dict[int, tuple[float, float]]  # epoch -> train and test loss, from a document


@dataclass(frozen=True)
class Reference:
    """All that the fits of one workload are judged by; made once."""

    problem: Problem
    solution: Solution
    conditioning: Conditioning
    descent: Descent | None  # None for least squares
    tf32: bool = False  # whether products of float32 may be rounded to TF32

    @property
    def truth(self) -> np.ndarray:
        """(weight, bias) that the data were made from, where that is known."""
        weight, bias = self.problem.weight, self.problem.bias
        assert weight is not None
        assert bias is not None
        return np.append(weight, bias)

    @property
    def note(self) -> str:
        """What is special about the problem, in one line; empty if nothing is."""
        p, dtype = self.problem.data.X.shape[1], self.problem.data.X.dtype
        least, most = self.solution.ranks
        features = f"{p} feature{'' if p == 1 else 's'}"
        if least < most:
            return (
                f"the {features} have rank {least} or {most}, {dtype} is too short to tell: "
                "coefficients are not judged, only that they minimise"
            )
        if least < p:
            return f"the {features} have rank {least}: of all minimisers, the shortest weight"
        return ""

    @property
    def unit(self) -> float:
        """Unit round-off of the data's dtype."""
        return roundoff.unit(self.problem.data.X.dtype)

    @property
    def products(self) -> float:
        """Relative error of a product, besides the unit round-off."""
        return 2 * bounds.TF32 if self.tf32 else 0.0


def prepare(workload: Workload, problem: Problem) -> Reference:
    """Solve `problem`, made by `workload`, in higher precision, and derive the bounds.

    Raises:
        Unsolvable: the reference solution is out of reach, or the descent diverges.
    """
    solution = reference.least_squares(problem.data)
    descent = None
    if isinstance(workload.method, GradientDescent):
        trajectory = reference.descent(problem.data, workload.method)
        unit = roundoff.unit(problem.data.X.dtype)
        allowed = bounds.descent(problem.data, workload.method, trajectory, unit)
        original = WORKLOADS["tutorial"]
        is_tutorial = (workload.recipe, workload.method) == (original.recipe, original.method)
        printed = tutorial.PRINTED if is_tutorial else {}
        descent = Descent(workload.method, trajectory, allowed, printed)
    return Reference(problem, solution, reference.conditioning(solution), descent)


def with_tf32(ref: Reference) -> Reference:
    """The reference for fits on CUDA with TF32 on: the bounds of float32 become wider."""
    data = ref.problem.data
    if data.X.dtype != np.float32:
        return ref
    wider = replace(ref, tf32=True)
    if ref.descent is None:
        return wider
    path, method = ref.descent.trajectory, ref.descent.method
    allowed = bounds.descent(data, method, path, ref.unit, wider.products)
    # A printed table is of full precision.
    return replace(wider, descent=replace(ref.descent, bounds=allowed, printed={}))
