"""A backend that does nothing: what it takes is what the suite itself adds to a fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from backends.base import Backend, Data, Fit, Method


class Nothing(Backend):
    """Returns the same zeros every time. Not one of the suite's backends: it would be wrong."""

    name = "nothing"
    framework = "numpy"
    requires = ("numpy",)
    methods = ("gradient descent", "least squares")
    algorithm = "none"

    def start(self, device: str, threads: int) -> None:
        pass

    def load(self, data: Data, method: Method) -> None:
        weight = np.zeros(data.X.shape[1], data.X.dtype)
        weight.flags.writeable = False  # the worker overwrites what was returned, if it can
        self.answer = Fit(weight, 0.0)

    def fit(self) -> Fit:
        return self.answer

    def describe(self) -> dict[str, Any]:
        return {
            "version": np.__version__,
            "device": "cpu",
            "dtype": str(self.answer.weight.dtype),
            "threads": None,
            "algorithm": self.algorithm,
        }
