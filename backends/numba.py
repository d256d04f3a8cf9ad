"""Numba: the training loop, and the normal equations, in plain Python that is compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from backends import rank_deficient as rank
from backends.base import Backend, Data, Fit, GradientDescent, Method, Probes
from backends.lazy import lazy

numba = lazy("numba")

#: Samples of several features that are added up at a time: they stay in the cache.
BLOCK = 1024
#: Numbers in X for each thread from which on it saves more time than it takes to start.
SHARE = 1 << 17
#: Samples whose products are added up in the dtype of the data, and from then on in float64.
#: Columns are somewhat further apart: at a distance of 4 KiB they would drive each other out of the
#: cache.
RUN, COLUMN = 512, 512 + 16

#: Sums may be added up in any order, as vectors do it; NaN and infinity stay what they are.
OPTIONS: dict[str, Any] = {"fastmath": {"reassoc", "contract", "nsz"}, "error_model": "numpy"}


class NumbaBackend(Backend):
    """Compiles in the first fit."""

    framework = "numba"
    style = "tuned"

    def start(self, device: str, threads: int) -> None:
        numba.set_num_threads(threads)

    def renew(self, data: Data, method: Method) -> None:
        self.data, self.method = data, method

    def describe(self) -> dict[str, Any]:
        return super().describe() | {"threads": numba.get_num_threads()}

    def probes(self, side: int, n_bytes: int, dtype: str) -> Probes:
        one, add = np.ones(1, dtype), numba.njit(lambda a: a + a)
        return Probes(lambda: add(one))


class NumbaLoop(NumbaBackend):
    """Loops over the samples, as one would write them in C."""

    name = "numba-loop"
    methods = ("gradient descent",)
    algorithm = "numba.njit of the whole training loop, gradient by hand"

    method: GradientDescent

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        n, p = data.X.shape
        threads = numba.get_num_threads()
        parallel = threads > 1 and n * p >= SHARE * threads
        # New functions each time, so that Numba compiles anew for each workload.
        self.descend = _descent(p, data.X.dtype.type, self.method.loss == "l1", parallel)

    def fit(self) -> Fit:
        data, method = self.data, self.method
        start = np.array([*method.start_weight, method.start_bias], data.X.dtype)
        rate = method.learning_rate / max(len(data.y), 1) * (1 if method.loss == "l1" else 2)
        return Fit.of(*self.descend(*data.arrays, start, start.dtype.type(rate), method.epochs))


class NumbaCholesky(NumbaBackend):
    """One pass over the samples adds up the products of all columns; the rest is small."""

    name = "numba-cholesky"
    methods = ("least squares",)
    algorithm = "numba.njit: Cholesky of [X 1]'[X 1] (normal equations), made from blocks of rows"
    stability = "normal equations"
    optional = True
    copies = 0.0

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        n, p = data.X.shape
        parts = max(1, min(numba.get_num_threads(), n * p // SHARE))
        # New functions each time, so that Numba compiles anew for each workload.
        self.solve = _normal_equations(p, data.X.dtype.type, parts)

    def fit(self) -> Fit:
        X, y = self.data.X, self.data.y
        rank.refuse_wide(X)
        coefficients, pivot = self.solve(X, y)
        rank.refuse_pivot(pivot, len(y), X.dtype)
        return Fit.of(coefficients)


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
    jit, prange = numba.njit(**OPTIONS), numba.prange

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

    @numba.njit(parallel=parallel, **OPTIONS)
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


def _normal_equations(p: int, number: Any, parts: int) -> Any:
    """A function of the data that returns (weight, bias) and the smallest pivot.

    A pivot is a share of its column, and 0 if there is no Cholesky factor.

    Args:
        p: features.
        number: float32 or float64.
        parts: of the samples, each for one thread.
    """
    q, width = p + 2, p + 2 + p % 2  # columns of [X 1 y], and as an even number
    jit, prange = numba.njit(**OPTIONS), numba.prange

    @jit
    def add_products(X: Any, y: Any, gram: Any) -> None:
        """Adds A'A, A = [X 1 y], to the lower triangle of `gram`, two columns by two at a time."""
        columns = np.zeros((width, COLUMN), number)
        for first in range(0, len(y), RUN):
            rows = min(RUN, len(y) - first)
            if rows < RUN:
                columns[:] = 0
            for i in range(rows):
                for j in range(p):
                    columns[j, i] = X[first + i, j]
                columns[p, i] = 1
                columns[p + 1, i] = y[first + i]
            for j in range(0, width, 2):
                for k in range(0, j + 1, 2):
                    ac = ad = bc = bd = number(0)
                    for i in range(RUN):
                        a, b, c, d = (
                            columns[j, i],
                            columns[j + 1, i],
                            columns[k, i],
                            columns[k + 1, i],
                        )
                        ac += a * c
                        ad += a * d
                        bc += b * c
                        bd += b * d
                    gram[j, k] += ac
                    gram[j, k + 1] += ad
                    gram[j + 1, k] += bc
                    gram[j + 1, k + 1] += bd

    @numba.njit(parallel=parts > 1, **OPTIONS)
    def products(X: Any, y: Any) -> Any:
        n, grams = len(y), np.zeros((parts, width, width))
        for k in prange(parts):
            part = slice(n * k // parts, n * (k + 1) // parts)
            add_products(X[part], y[part], grams[k])
        return grams

    @jit
    def solve(X: Any, y: Any) -> Any:
        """The row of y in the Cholesky factor L of A'A is the solution of L z = [X 1]'y."""
        grams = products(X, y)
        L, smallest = grams[0], 1.0
        for k in range(1, parts):
            L += grams[k]
        for j in range(p + 1):
            length = L[j, j]
            for i in range(j, q):
                total = L[i, j]
                for k in range(j):
                    total -= L[i, k] * L[j, k]
                L[i, j] = total
            smallest = min(smallest, L[j, j] / length) if L[j, j] > 0 else 0.0
            if not smallest > 0:
                break
            L[j:, j] /= np.sqrt(L[j, j])
        b = L[p + 1, : p + 1].copy()
        for j in range(p, -1, -1):
            b[j] /= L[j, j]
            b[:j] -= L[j, :j] * b[j]
        return b.astype(number), smallest

    return solve
