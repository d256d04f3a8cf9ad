"""Data that a backend has not seen: a fit that is fast only on known data is found out.

Signs of columns, and of y, are changed. That is exact in floating point, changes no condition
number, and gives a fit that is known once the old one is: the coefficients change their signs. So a
fit of changed data is mapped back, without rounding, and held to the reference of the old ones. A
descent goes through the same losses if its start changes signs as well.
"""

import gc
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from backends.base import Backend, Data, Fit, GradientDescent, Method
from backends.worker.messages import fit_to_json
from backends.worker.results import check_types
from backends.worker.slowdown import Clock

#: Larger data are not copied for this.
MOST_BYTES = 1 << 28
#: So many visits, or fewer from this many seconds on. But what may be one that keeps something gets
#: the least number, unless its fits take `_LONG` seconds; every other gets one.
_LEAST, _MOST, _SECONDS, _LONG = 3, 12, 0.03, 0.1
#: A fit that was not seen may be one of such a backend if it takes so many times as long as others.
_DOUBT = 1.5
#: Fits that take less are timed with their code in the caches.
_SHORT = 1e-3
#: With fewer features there are too few signs: rows are moved round as well.
_FEW = 8


@dataclass(frozen=True)
class Changed:
    """Data and method with other signs, and how to map a fit back."""

    data: Data
    method: Method
    of_features: np.ndarray  # +1 or -1 for each
    of_targets: float

    @property
    def arrays(self) -> list[np.ndarray]:
        """What a backend has to copy: the data and the start."""
        arrays = list(self.data.arrays)
        if isinstance(self.method, GradientDescent):
            dtype = self.data.X.dtype
            arrays.append(np.array(self.method.start_weight, dtype))
            arrays.append(np.array(self.method.start_bias, dtype))
        return arrays

    def back(self, fit: Fit) -> dict[str, Any]:
        """What the fit says of the data as they were, as JSON."""
        weight = np.asarray(fit.weight)
        if weight.shape == self.of_features.shape:
            weight = (self.of_targets * self.of_features).astype(weight.dtype) * weight
        return fit_to_json(replace(fit, weight=weight, bias=self.of_targets * float(fit.bias)))


def changed(data: Data, method: Method, rng: np.random.Generator, by: int = 0) -> Changed:
    """Change the sign of at least one feature, and move all rows round by so many."""
    p = data.X.shape[1]
    signs = rng.choice([-1.0, 1.0], p)
    signs[rng.integers(p)] = -1.0
    sign = float(rng.choice([-1.0, 1.0]))
    if isinstance(method, GradientDescent):
        start = sign * signs * np.array(method.start_weight)
        start_bias = sign * method.start_bias
        method = replace(method, start_weight=tuple(start.tolist()), start_bias=start_bias)
    columns, factor = signs.astype(data.X.dtype), data.y.dtype.type(sign)
    X, y = data.X * columns, data.y * factor
    if by:
        X, y = np.roll(X, by, axis=0), np.roll(y, by)
    X_test, y_test = data.X_test * columns, data.y_test * factor
    return Changed(Data(X, y, X_test, y_test), method, signs, sign)


def stand_in(data: Data, rng: np.random.Generator) -> Data:
    """Random data of the same shapes."""
    return Data(*(rng.random(array.shape, array.dtype) for array in data.arrays))


@dataclass
class Visits:
    """Seconds of single fits and of what comes before them, each of data never seen before."""

    fresh: list[float] = field(default_factory=list)  # the first fit of the data
    again: list[float] = field(default_factory=list)  # the second
    load: list[float] = field(default_factory=list)  # `Backend.renew`
    #: `Backend.move` of the same arrays, or a plain copy if that takes longer.
    move: list[float] = field(default_factory=list)
    fit: dict[str, Any] | None = None  # the first of them all, mapped back

    def go_on(self, spent: float, usual: float) -> bool:
        """Whether another visit is worth its time, after `spent` seconds; a fit takes `usual`."""
        visits = len(self.fresh)
        if not visits or spent < _SECONDS:
            return visits < _MOST
        doubtful = min(self.fresh) > _DOUBT * min(usual, *self.again)
        return visits < _LEAST and doubtful and self.fresh[0] <= _LONG


def visit(
    backend: Backend,
    fit: Callable[[], Fit],
    data: Data,
    method: Method,
    clock: Clock,
    moves: list[int],
    usual: float,
    judged: bool = True,
) -> Visits:
    """Give `backend` changed data again and again, and time what it does; then the old ones.

    With `judged` the rows of the first of them keep their order. Those of others are moved round by
    what is taken from `moves`: no data come twice. A fit in a sample takes `usual` seconds.
    """
    rng, seen, began_with = np.random.default_rng(), Visits(), clock()

    def seconds(call: Callable[[], Any]) -> tuple[float, Any]:
        began = clock()
        result = call()
        return (clock() - began) / 1e9, result

    kept: Any = None
    gc.disable()
    try:
        while seen.go_on((clock() - began_with) / 1e9, usual):
            few = data.X.shape[1] < _FEW
            first = judged and not seen.fresh
            by = moves.pop() if few and moves and not first else 0
            other = changed(data, method, rng, by)
            took, keeps = seconds(lambda: [backend.move(array) for array in other.arrays])  # noqa: B023
            copied, copies = seconds(lambda: [array.copy() for array in other.arrays])  # noqa: B023
            # As a backend keeps the last data: memory then takes as long to get.
            kept = keeps, copies
            # Whoever converts its arrays need not say so, if that takes about as long as a copy.
            seen.move.append(max(took, copied))
            if usual < _SHORT:
                fit()
            took, _ = seconds(lambda: backend.renew(other.data, other.method))  # noqa: B023
            seen.load.append(took)
            took, result = seconds(fit)
            seen.fresh.append(took)
            check_types((result,))
            if first:
                seen.fit = other.back(result)
            seen.again.append(seconds(fit)[0])
    finally:
        gc.enable()
    del kept
    backend.renew(data, method)
    return seen
