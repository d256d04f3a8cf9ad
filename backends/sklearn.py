"""scikit-learn, and Intel's extension of it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from backends.base import TWO_POINTS, Backend, Data, Fit, Method, Probes
from backends.numpy import blas


class SklearnBackend(Backend):
    """An estimator made, fitted and asked for `coef_` and `intercept_`."""

    framework = "sklearn.linear_model"
    requires: ClassVar[tuple[str, ...]] = ("scikit-learn",)
    methods = ("least squares",)

    def start(self, device: str, threads: int) -> None:
        """Nothing to do: SciPy's BLAS took its threads from the environment when it loaded."""

    def load(self, data: Data, method: Method) -> None:
        self.data = data

    @abstractmethod
    def estimator(self) -> Any:
        """A new one, not fitted."""

    def fit(self) -> Fit:
        self.model = self.estimator().fit(self.data.X, self.data.y)
        return Fit(self.model.coef_, float(self.model.intercept_))

    def describe(self) -> dict[str, Any]:
        import sklearn

        return {
            "version": sklearn.__version__,
            "device": "cpu",
            "dtype": str(self.model.coef_.dtype),
            "algorithm": self.algorithm,
            **blas("scipy"),
        }

    def probes(self, side: int, n_bytes: int, dtype: str) -> Probes:
        import numpy as np

        X, y = np.array([[0], [1]], dtype), np.array([0, 1], dtype)
        return Probes(lambda: self.estimator().fit(X, y), TWO_POINTS)


class SklearnLinear(SklearnBackend):
    """`LinearRegression()` as it comes.

    It centres X and y and calls SciPy's `lstsq` with a rank cut-off of `tol` = 1e-6 (since
    scikit-learn 1.7), so directions in which X varies less than that are dropped.
    """

    name = "sklearn-linear"
    algorithm = "LinearRegression(): centred, LAPACK gelsd (SVD) through SciPy"
    known_failures: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("ill-conditioned", "nist-pontius", "nist-wampler?"),
        "its rank cut-off, tol=1e-6, drops the directions that vary least",
    )

    def estimator(self) -> Any:
        from sklearn.linear_model import LinearRegression

        return LinearRegression()

    def describe(self) -> dict[str, Any]:
        return super().describe() | {"rank": int(self.model.rank_)}


class SklearnLinearTol0(SklearnLinear):
    """The same without a cut-off, which is right wherever the features determine the weight.

    Where they do not, nothing is left that could tell a direction from its rounding.
    """

    name = "sklearn-linear-tol0"
    algorithm = "LinearRegression(tol=0): centred, LAPACK gelsd (SVD) through SciPy, no cut-off"
    style = "tuned"
    known_failures: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("odd-square", "odd-wide", "odd-twice", "odd-sum*"),
        "without a cut-off it takes what rounding leaves of a 0 for a direction of X",
    )

    def estimator(self) -> Any:
        from sklearn.linear_model import LinearRegression

        return LinearRegression(tol=0)


class SklearnRidgeCholesky(SklearnBackend):
    """The normal equations in scikit-learn; its documentation advises against alpha = 0."""

    name = "sklearn-ridge-cholesky"
    algorithm = "Ridge(alpha=0, solver='cholesky'): centred, Cholesky of X'X (normal equations)"
    stability = "normal equations"
    style = "tuned"
    optional = True

    def estimator(self) -> Any:
        from sklearn.linear_model import Ridge

        return Ridge(alpha=0, solver="cholesky")

    def describe(self) -> dict[str, Any]:
        # Where Cholesky fails, Ridge goes on with another solver, and says so here.
        return super().describe() | {"solver": self.model.solver_}


class SklearnexLinear(SklearnBackend):
    """`LinearRegression` of scikit-learn-intelex: oneDAL in place of LAPACK."""

    name = "sklearnex-linear"
    framework = "sklearnex.linear_model"
    requires = ("scikit-learn-intelex",)
    algorithm = "oneDAL: Cholesky of X'X (normal equations), in blocks of rows"
    stability = "normal equations"

    def start(self, device: str, threads: int) -> None:
        import daal4py

        daal4py.daalinit(threads)

    def estimator(self) -> Any:
        from sklearnex.linear_model import LinearRegression

        return LinearRegression()

    def describe(self) -> dict[str, Any]:
        from importlib.metadata import version

        import daal4py

        # What oneDAL cannot do is silently left to scikit-learn, whose estimator has a rank.
        stock = hasattr(self.model, "rank_")
        return super().describe() | {
            "version": version("scikit-learn-intelex"),
            "algorithm": SklearnLinear.algorithm if stock else self.algorithm,
            "dispatched": "scikit-learn's own LinearRegression" if stock else "oneDAL",
            "threads": daal4py.num_threads(),
            "blas": "oneMKL, within oneDAL",
        }
