"""Numba: the training loop in plain Python, compiled as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np

from backends.base import Backend, Data, Fit, GradientDescent, Method, Probes
from backends.lazy import lazy

numba = lazy("numba")

#: Samples of several features that are added up at a time: they stay in the cache.
BLOCK = 1024
#: Numbers in X for each thread from which on it saves more time than it takes to start.
SHARE = 1 << 17


class NumbaLoop(Backend):
    """Loops over the samples, as one would write them in C."""

    name = "numba-loop"
    framework = "numba"
    methods = ("gradient descent",)
    algorithm = "numba.njit of the whole training loop, gradient by hand"
    style = "tuned"

    method: GradientDescent

    def start(self, device: str, threads: int) -> None:
        numba.set_num_threads(threads)

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        n, p = data.X.shape
        threads = numba.get_num_threads()
        parallel = threads > 1 and n * p >= SHARE * threads
        # New functions each time, so that Numba compiles anew for each workload.
        self.descend = _descent(p, data.X.dtype.type, self.method.loss == "l1", parallel)

    def renew(self, data: Data, method: Method) -> None:
        super().load(data, method)

    def fit(self) -> Fit:
        data, method = self.data, self.method
        start = np.array([*method.start_weight, method.start_bias], data.X.dtype)
        rate = method.learning_rate / max(len(data.y), 1) * (1 if method.loss == "l1" else 2)
        return Fit.of(*self.descend(*data.arrays, start, start.dtype.type(rate), method.epochs))

    def describe(self) -> dict[str, Any]:
        return super().describe() | {"threads": numba.get_num_threads()}

    def probes(self, side: int, n_bytes: int, dtype: str) -> Probes:
        one, add = np.ones(1, dtype), numba.njit(lambda a: a + a)
        return Probes(lambda: add(one))


def _descent(p: int, number: Any, l1: bool, parallel: bool) -> Any:
    """A function of the data, the start, the rate and the number of epochs, still to be compiled.

    A step is b - rate D s, with features as rows of D = [X 1]' and s the slopes of the losses.
    What a compiled function takes from outside, such as p, is a constant in it.

    Args:
        p: features.
        number: float32 or float64.
        l1: whether losses are absolute, and not squared, residuals.
        parallel: whether blocks of samples are shared among threads.
    """
    # Sums may be added up in any order, as vectors do it; NaN and infinity stay what they are.
    options: dict[str, Any] = {"fastmath": {"reassoc", "contract", "nsz"}, "error_model": "numpy"}
    jit, prange = numba.njit(**options), numba.prange

    @jit
    def norm(r: Any) -> Any:
        return abs(r) if l1 else r * r

    @jit
    def slope(r: Any) -> Any:
        return number(r > 0) - number(r < 0) if l1 else r

    @jit
    def in_order(X: Any) -> Any:
        return X

    @jit
    def one_by_one(X: Any, y: Any, b: Any, sums: Any, step: Any) -> None:
        """Sums over samples at coefficients b: D s, (p + 1,), if `step`, and the loss."""
        for j in range(p):
            sums[j] = 0
        total = loss = number(0)
        for i in range(len(y)):
            r = b[p] - y[i]
            for j in range(p):
                r += b[j] * X[i, j]
            loss += norm(r)
            if step:
                s = slope(r)
                total += s
                for j in range(p):
                    sums[j] += s * X[i, j]
        sums[p], sums[p + 1] = total, loss

    @jit
    def in_blocks(X: Any) -> Any:
        """Features as rows, BLOCK samples at a time: (n_blocks, p, BLOCK)."""
        blocks = np.empty(((len(X) + BLOCK - 1) // BLOCK, p, BLOCK), number)
        for i in range(len(X)):
            for j in range(p):
                blocks[i // BLOCK, j, i % BLOCK] = X[i, j]
        return blocks

    @jit
    def of_block(D: Any, y: Any, b: Any, r: Any, sums: Any, step: Any) -> None:
        for i in range(len(y)):
            r[i] = b[p] - y[i]
        for j in range(p):
            for i in range(len(y)):
                r[i] += b[j] * D[j, i]
        total = loss = number(0)
        for i in range(len(y)):
            loss += norm(r[i])
            r[i] = slope(r[i])
            total += r[i]
        sums[p], sums[p + 1] = total, loss
        if step:
            for j in range(p):
                total = number(0)
                for i in range(len(y)):
                    total += r[i] * D[j, i]
                sums[j] = total

    @numba.njit(parallel=parallel, **options)
    def by_blocks(D: Any, y: Any, b: Any, sums: Any, step: Any) -> None:
        """The same of samples in blocks."""
        parts, r = np.zeros((len(D), p + 2), number), np.empty((len(D), BLOCK), number)
        for k in prange(len(D)):
            of_block(D[k], y[k * BLOCK : (k + 1) * BLOCK], b, r[k], parts[k], step)
        sums[:] = 0
        for k in range(len(D)):
            for j in range(p + 2):
                sums[j] += parts[k, j]

    # One feature is a vector already, and its sums stay in registers.
    arranged, add_up = (in_order, one_by_one) if p == 1 else (in_blocks, by_blocks)

    @jit
    def descend(
        X: Any, y: Any, X_test: Any, y_test: Any, start: Any, rate: Any, epochs: Any
    ) -> Any:
        b, sums = start.copy(), np.empty(p + 2, number)
        train, test = np.empty(epochs, number), np.empty(epochs, number)
        D, D_test = arranged(X), arranged(X_test)
        for epoch in range(epochs):
            add_up(D, y, b, sums, True)
            train[epoch] = sums[p + 1] / len(y)
            for j in range(p + 1):
                b[j] -= rate * sums[j]
            add_up(D_test, y_test, b, sums, False)
            test[epoch] = sums[p + 1] / len(y_test)
        return b, train, test

    return descend
