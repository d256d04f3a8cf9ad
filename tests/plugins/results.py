"""Backends that return something other than finished numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from backends.base import Fit
from backends.numpy import NumpyGelsd


class LaterFit(Fit):
    """Solves when its weight is read."""

    def __getattribute__(self, name: str) -> Any:
        value = object.__getattribute__(self, name)
        return value() if name in ("weight", "bias") and callable(value) else value


class Later(NumpyGelsd):
    """g: a subclass of Fit."""

    name = "clock-later"

    def fit(self) -> Fit:
        solve = super().fit
        return LaterFit(lambda: solve().weight, lambda: solve().bias)  # type: ignore[arg-type]


class LaterProperty(NumpyGelsd):
    """g: something with the attributes of a Fit."""

    name = "clock-property"

    def fit(self) -> Any:
        solve = super().fit

        class Lazy:
            train_losses = test_losses = None
            weight = property(lambda self: solve().weight)
            bias = property(lambda self: solve().bias)

        return Lazy()


class LazyArray(np.ndarray):
    """An array that solves when it is looked at."""

    solve: Any = None

    def tolist(self) -> Any:
        return self.solve().weight.tolist()

    def __array_finalize__(self, made_from: Any) -> None:
        self.solve = getattr(made_from, "solve", None)


class LaterArray(NumpyGelsd):
    """g: a subclass of ndarray."""

    name = "clock-array"

    def fit(self) -> Fit:
        weight = np.zeros(self.data.X.shape[1], self.data.X.dtype).view(LazyArray)
        weight.solve = super().fit
        return Fit(weight, 0.0)


class LaterProtocol(NumpyGelsd):
    """g: an object with `__array__`."""

    name = "clock-protocol"

    def fit(self) -> Fit:
        solve = super().fit

        class Weight:
            dtype = self.data.X.dtype

            def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
                return solve().weight.astype(dtype)

        return Fit(Weight(), 0.0)  # type: ignore[arg-type]


class NotAFit(NumpyGelsd):
    """n: what kinds of results there are besides."""

    name = "clock-result-none"

    def make(self, weight: np.ndarray, bias: float) -> Any:
        return None

    def fit(self) -> Fit:
        fit = super().fit()
        return self.make(fit.weight, fit.bias)  # type: ignore[no-any-return]


def _results() -> dict[str, Any]:
    """By name, what becomes of a right weight and bias."""
    return {
        "tuple": lambda w, b: (w, b),
        "complex": lambda w, b: Fit(w + 1j, b),
        "masked": lambda w, b: Fit(np.ma.masked_array(w), b),
        "strings": lambda w, b: Fit(w.astype(str), b),
        "objects": lambda w, b: Fit(w.astype(object), b),
        "half": lambda w, b: Fit(w.astype(np.float16), b),
        "longer": lambda w, b: Fit(w.astype(np.longdouble), b),
        "integers": lambda w, b: Fit(w.astype(int), b),
        "list": lambda w, b: Fit(w.tolist(), b),
        "scalar": lambda w, b: Fit(np.array(w[0]), b),
        "row": lambda w, b: Fit(w[None, :], b),
        "column": lambda w, b: Fit(w[:, None], b),
        "bias-array": lambda w, b: Fit(w, np.array([b])),  # type: ignore[arg-type]
        "bias-none": lambda w, b: Fit(w, None),  # type: ignore[arg-type]
        "bias-complex": lambda w, b: Fit(w, complex(b)),  # type: ignore[arg-type]
        "losses": lambda w, b: Fit(w, b, np.array([1j])),
    }


for _name, _make in _results().items():
    globals()[f"Returns_{_name}"] = type(
        f"Returns_{_name}",
        (NotAFit,),
        {
            "name": f"clock-result-{_name}",
            "make": staticmethod(_make),
            "__module__": __name__,
        },
    )
