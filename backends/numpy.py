"""NumPy: the training loop written out, and LAPACK through `numpy.linalg.lstsq`."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from backends.base import Backend, Fit, GradientDescent, Probes
from backends.rank_deficient import checked_fit


class NumpyBackend(Backend):
    """Data stay where they are, on the host."""

    framework = "numpy"

    def probes(self, side: int, n_bytes: int, dtype: str) -> Probes:
        one, A = np.ones(1, dtype), np.ones((side, side), dtype)
        result = np.empty_like(A)
        return Probes(lambda: one + one, product=lambda: np.matmul(A, A, out=result))


class NumpyLoop(NumpyBackend):
    """The gradient written out by hand."""

    name = "numpy-loop"
    methods = ("gradient descent",)
    algorithm = "Python loop, gradient by hand"

    method: GradientDescent

    def fit(self) -> Fit:
        data, method = self.data, self.method
        # A NumPy scalar of the data's dtype: a Python float would do too, but a float64 array
        # anywhere would turn everything into float64.
        scalar = data.X.dtype.type
        rate, n = scalar(method.learning_rate), len(data.y)
        weight = np.array(method.start_weight, data.X.dtype)
        bias = scalar(method.start_bias)
        l1 = method.loss == "l1"
        losses = np.abs if l1 else np.square
        train, test = np.empty(method.epochs), np.empty(method.epochs)
        for epoch in range(method.epochs):
            residual = data.X @ weight + bias - data.y
            train[epoch] = losses(residual).mean()
            slope = (np.sign(residual) if l1 else 2 * residual) / scalar(n)
            weight -= rate * (data.X.T @ slope)
            bias -= rate * slope.sum()
            test[epoch] = losses(data.X_test @ weight + bias - data.y_test).mean()
        return Fit(weight, float(bias), train, test)


class RankRevealing(NumpyBackend):
    """Solvers on the host that report the rank of [X 1]."""

    methods = ("least squares",)
    stability = "orthogonal"

    @abstractmethod
    def solve(self, A: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, int]:
        """The shortest minimiser of ||A b - y||_2, and the rank of A."""

    def fit(self) -> Fit:
        X, y = self.data.X, self.data.y
        found = self.solve(np.column_stack([X, np.ones_like(y)]), y)
        return checked_fit(found, self.solve, X, y)


class NumpyGelsd(RankRevealing):
    """`numpy.linalg.lstsq` as it comes."""

    name = "numpy-gelsd"
    # NumPy has its own gelsd for doubles only, and rounds the result.
    algorithm = "LAPACK gelsd (SVD, divide and conquer) of [X 1], always in float64 inside"
    copies = 5.5

    def solve(self, A: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, int]:
        solution, _, rank, _ = np.linalg.lstsq(A, y)
        return solution, int(rank)
