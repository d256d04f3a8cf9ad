"""scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from backends.base import Backend, Data, Fit, Method
from backends.numpy_backends import blas


class SklearnLinear(Backend):
    """`LinearRegression()` as it comes.

    It centres X and y and calls SciPy's `lstsq` with a rank cut-off of `tol` = 1e-6 (since
    scikit-learn 1.7), so directions in which X varies less than that are dropped.
    """

    name = "sklearn-linear"
    framework = "sklearn.linear_model"
    requires = ("scikit-learn",)
    methods = ("least squares",)
    algorithm = "LinearRegression(): centred, LAPACK gelsd (SVD) through SciPy"
    known_failures: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("ill-conditioned", "nist-pontius", "nist-wampler?"),
        "its rank cut-off, tol=1e-6, drops the directions that vary least",
    )

    def start(self, device: str, threads: int) -> None:
        """Nothing to do: SciPy's BLAS took its threads from the environment when it loaded."""

    def load(self, data: Data, method: Method) -> None:
        self.data = data

    def fit(self) -> Fit:
        from sklearn.linear_model import LinearRegression

        self.model = LinearRegression().fit(self.data.X, self.data.y)
        return Fit(self.model.coef_, float(self.model.intercept_))

    def describe(self) -> dict[str, Any]:
        import sklearn

        return {
            "version": sklearn.__version__,
            "device": "cpu",
            "dtype": str(self.model.coef_.dtype),
            "algorithm": self.algorithm,
            "rank": int(self.model.rank_),
            **blas("scipy"),
        }
