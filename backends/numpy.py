"""NumPy: the training loop written out, and LAPACK through `numpy.linalg.lstsq`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from backends.base import Backend, Data, Fit, GradientDescent, Method, Probes
from backends.rank_deficient import shortest


def blas(folder: str) -> dict[str, Any]:
    """Library and threads of the BLAS that was loaded from a path that contains `folder`."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return {"threads": None, "blas": "unknown: threadpoolctl is not installed"}
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    pools = [pool for pool in pools if folder in pool["filepath"]] or pools
    if not pools:
        return {"threads": None, "blas": "not found by threadpoolctl"}
    pool = pools[0]
    names = (pool["internal_api"], pool["version"], pool.get("architecture"))
    return {"threads": pool["num_threads"], "blas": " ".join(str(n) for n in names if n)}


class NumpyBackend(Backend):
    """What the NumPy backends share: data stay where they are, on the host."""

    framework = "numpy"
    requires = ("numpy",)

    result_dtype: str  # of the last fit

    def start(self, device: str, threads: int) -> None:
        """Nothing to do: NumPy's BLAS took its threads from the environment when it loaded."""

    def load(self, data: Data, method: Method) -> None:
        self.data, self.method = data, method

    def describe(self) -> dict[str, Any]:
        return {
            "version": np.__version__,
            "device": "cpu",
            "dtype": self.result_dtype,
            "algorithm": self.algorithm,
            **blas("numpy"),
        }

    def probes(self, side: int, n_bytes: int, dtype: str) -> Probes:
        one, A = np.ones(1, dtype), np.ones((side, side), dtype)
        result = np.empty_like(A)
        return Probes(lambda: one + one, product=lambda: np.matmul(A, A, out=result))


class NumpyLoop(NumpyBackend):
    """The gradient written out by hand."""

    name = "numpy-loop"
    methods = ("gradient descent",)
    algorithm = "Python loop, gradient by hand"

    def fit(self) -> Fit:
        data, method = self.data, self.method
        assert isinstance(method, GradientDescent)
        # A NumPy scalar of the data's dtype: a Python float would do too, but a float64 array
        # anywhere would turn everything into float64.
        scalar = data.X.dtype.type
        rate, n = scalar(method.learning_rate), len(data.y)
        weight = np.array(method.start_weight, data.X.dtype)
        bias = scalar(method.start_bias)
        losses, slopes = _LOSSES[method.loss]
        train, test = np.empty(method.epochs), np.empty(method.epochs)
        for epoch in range(method.epochs):
            residual = data.X @ weight + bias - data.y
            train[epoch] = losses(residual).mean()
            slope = slopes(residual) / scalar(n)
            weight -= rate * (data.X.T @ slope)
            bias -= rate * slope.sum()
            test[epoch] = losses(data.X_test @ weight + bias - data.y_test).mean()
        self.result_dtype = str(weight.dtype)
        return Fit(weight, float(bias), train, test)


#: Loss of a residual and its derivative.
_LOSSES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "l1": (np.abs, np.sign),
    "squared": (np.square, lambda residual: 2 * residual),
}


class NumpyGelsd(NumpyBackend):
    """`numpy.linalg.lstsq` as it comes."""

    name = "numpy-gelsd"
    methods = ("least squares",)
    # NumPy has its own gelsd for doubles only, and rounds the result.
    algorithm = "LAPACK gelsd (SVD, divide and conquer) of [X 1], always in float64 inside"

    def fit(self) -> Fit:
        X, y = self.data.X, self.data.y
        solution, _, rank, _ = np.linalg.lstsq(np.column_stack([X, np.ones_like(y)]), y)
        weight, bias = solution[:-1], solution[-1]
        if rank < len(solution):
            weight, bias = shortest(lambda A, b: np.linalg.lstsq(A, b)[0], X, y)
        self.result_dtype = str(weight.dtype)
        return Fit(weight, float(bias))
