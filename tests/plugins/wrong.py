"""Backends that are fast and wrong, each in its own way: none of them may be ranked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from backends.base import Data, Fit, Method
from backends.numpy import NumpyBackend, NumpyGelsd, NumpyLoop


class SwappedSign(NumpyGelsd):
    name = "wrong-sign"

    def fit(self) -> Fit:
        fit = super().fit()
        return replace(fit, weight=-fit.weight)


class OffByAThousandth(NumpyGelsd):
    name = "wrong-thousandth"

    def fit(self) -> Fit:
        fit = super().fit()
        return replace(fit, weight=fit.weight * 1.001)


class NotANumber(NumpyGelsd):
    name = "wrong-nan"

    def fit(self) -> Fit:
        fit = super().fit()
        return replace(fit, weight=np.full_like(fit.weight, np.nan))


class FitsTheTestSplit(NumpyGelsd):
    name = "wrong-split"

    def load(self, data: Data, method: Method) -> None:
        super().load(Data(data.X_test, data.y_test, data.X, data.y), method)


class Truth(NumpyBackend):
    """Knows how the problem was made, and returns the truth without fitting."""

    name = "wrong-truth"
    methods = ("least squares",)
    algorithm = "reading the answer"
    stability = "orthogonal"

    def fit(self) -> Fit:
        from benchmarks.problems.workloads import WORKLOADS

        problem = WORKLOADS["line"].make(0)
        return Fit(problem.weight.astype(np.float32), problem.bias)


class NoEpochs(NumpyLoop):
    name = "wrong-epochs"

    def load(self, data: Data, method: Method) -> None:
        super().load(data, replace(method, epochs=0))  # type: ignore[type-var]


class HalfPrecision(NumpyGelsd):
    """Solves in float64 although float32 was asked for."""

    name = "wrong-dtype"

    def load(self, data: Data, method: Method) -> None:
        wide = Data(*(getattr(data, n).astype(float) for n in ("X", "y", "X_test", "y_test")))
        super().load(wide, method)


class FalseFromTheSecondFit(NumpyGelsd):
    name = "wrong-later"
    calls = 0

    def fit(self) -> Fit:
        self.calls += 1
        fit = super().fit()
        return fit if self.calls == 1 else replace(fit, bias=0.0)


class Words(NumpyGelsd):
    name = "wrong-words"

    def fit(self) -> Any:
        super().fit()
        return Fit(weight="heavy", bias="strong")  # type: ignore[arg-type]


class TooManyThreads(NumpyGelsd):
    name = "wrong-threads"

    def describe(self) -> dict[str, Any]:
        return super().describe() | {"threads": 64}
