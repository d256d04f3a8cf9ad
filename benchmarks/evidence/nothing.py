"""A backend that does nothing: its time is what the suite itself adds to a fit."""

import numpy as np

from backends.base import Data, Fit, Method
from backends.numpy import NumpyBackend


class Nothing(NumpyBackend):
    """Returns the same zeros every time, which the gate would refuse."""

    name = "nothing"
    methods = ("least squares",)
    stability = "orthogonal"
    algorithm = "none"

    def load(self, data: Data, method: Method) -> None:
        weight = np.zeros(data.X.shape[1], data.X.dtype)
        weight.flags.writeable = False  # or the worker would overwrite it between fits
        self.answer = Fit(weight, 0.0)

    def fit(self) -> Fit:
        return self.answer
