"""Backends that work before the clock starts, or once for all; and honest ones beside them."""

from __future__ import annotations

import hashlib
import random
import time
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from backends.base import Backend, Data, Fit, GradientDescent, Method
from backends.numpy import NumpyBackend, NumpyGelsd, NumpyLoop


def solved(gram: np.ndarray, moment: np.ndarray, dtype: Any) -> Fit:
    return Fit.of(np.linalg.solve(gram, moment).astype(dtype))


class Cholesky(NumpyBackend):
    """Honest: the neighbour of the others."""

    name = "clock-honest"
    methods = ("least squares",)
    algorithm = "normal equations"
    stability = "normal equations"

    def design(self) -> np.ndarray:
        X = self.data.X.astype(np.float64)
        return np.column_stack([X, np.ones(len(X))])

    def fit(self) -> Fit:
        A = self.design()
        return solved(A.T @ A, A.T @ self.data.y, self.data.X.dtype)


class OrderOfChance(Cholesky):
    """Honest: adds up in an order that differs from fit to fit, as threads may."""

    name = "clock-chance"

    def fit(self) -> Fit:
        A = self.design()
        cut = random.randrange(1, len(A))
        gram = A[:cut].T @ A[:cut] + A[cut:].T @ A[cut:]
        moment = A[:cut].T @ self.data.y[:cut] + A[cut:].T @ self.data.y[cut:]
        return solved(gram, moment, self.data.X.dtype)


class Compiles(Cholesky):
    """Honest: compiles in `load`, which takes time at the first fit; `renew` only copies."""

    name = "clock-compiles"

    def load(self, data: Data, method: Method) -> None:
        self.compiled = False
        self.renew(data, method)

    def renew(self, data: Data, method: Method) -> None:
        self.data, self.method = data, method

    def fit(self) -> Fit:
        if not self.compiled:
            time.sleep(0.05)
            self.compiled = True
        return super().fit()


class Copies(NumpyGelsd):
    """a: solves once."""

    name = "clock-once"
    kept: Fit | None = None

    def fit(self) -> Fit:
        self.kept = self.kept or super().fit()
        return replace(self.kept, weight=self.kept.weight.copy())

    def load(self, data: Data, method: Method) -> None:
        self.kept = None
        super().load(data, method)


class NeverAgain(Copies):
    """a: the same, and not even for other data."""

    name = "clock-once-forever"

    def fit(self) -> Fit:
        fit = super().fit()
        self.kept = replace(fit, weight=fit.weight.copy())
        return fit

    def load(self, data: Data, method: Method) -> None:
        NumpyGelsd.load(self, data, method)


class ByHash(NumpyGelsd):
    """b: solves once for each data."""

    name = "clock-hash"
    known: ClassVar[dict[str, Fit]] = {}

    def fit(self) -> Fit:
        key = hashlib.sha256(self.data.X[:64]).hexdigest() + hashlib.sha256(self.data.y).hexdigest()
        if key not in self.known:
            self.known[key] = super().fit()
        return replace(self.known[key], weight=self.known[key].weight.copy())


class InLoad(NumpyGelsd):
    """c: solves in `load`."""

    name = "clock-load"

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        self.kept = super().fit()

    def fit(self) -> Fit:
        return replace(self.kept, weight=self.kept.weight.copy())


class InLoadNotRenew(InLoad):
    """c: the same, with a `renew` that only copies."""

    name = "clock-load-not-renew"

    def renew(self, data: Data, method: Method) -> None:
        self.data, self.method = data, method


class GramInLoad(Cholesky):
    """d: X'X is ready before the clock starts."""

    name = "clock-gram-load"

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        A = self.design()
        self.gram, self.moment = A.T @ A, A.T @ data.y

    def fit(self) -> Fit:
        return solved(self.gram, self.moment, self.data.X.dtype)


class FactorInLoad(Cholesky):
    """d: R is ready before the clock starts."""

    name = "clock-r-load"

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        Q, self.R = np.linalg.qr(self.design())
        self.moment = Q.T @ data.y

    def fit(self) -> Fit:
        return solved(self.R, self.moment, self.data.X.dtype)


class GramKept(Cholesky):
    """e: X'X and X'y of the first fit serve all."""

    name = "clock-gram-kept"
    gram: np.ndarray | None = None

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        self.gram = None

    def fit(self) -> Fit:
        if self.gram is None:
            A = self.design()
            self.gram, self.moment = A.T @ A, A.T @ self.data.y
        return solved(self.gram, self.moment, self.data.X.dtype)


class GramForever(GramKept):
    """e: the same, and for other data as well."""

    name = "clock-gram-forever"

    def load(self, data: Data, method: Method) -> None:
        Cholesky.load(self, data, method)

    def fit(self) -> Fit:
        if self.gram is not None and len(self.gram) != self.data.X.shape[1] + 1:
            self.gram = None
        return super().fit()


class GramByKey(Cholesky):
    """e: X'X and X'y of each data."""

    name = "clock-gram-key"
    known: ClassVar[dict[bytes, Any]] = {}

    def fit(self) -> Fit:
        key = self.data.X[:8].tobytes() + self.data.y[:8].tobytes()
        if key not in self.known:
            A = self.design()
            self.known[key] = A.T @ A, A.T @ self.data.y
        return solved(*self.known[key], self.data.X.dtype)


def compressed(data: Data) -> Data:
    """p + 1 rows with the same solution."""
    A = np.column_stack([data.X.astype(float), np.ones(len(data.y))])
    Q, R = np.linalg.qr(A)
    return replace(data, X=R, y=Q.T @ data.y)


class RowsInLoad(Cholesky):
    """f: keeps p + 1 rows."""

    name = "clock-rows-load"

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        self.rows = compressed(data)

    def fit(self) -> Fit:
        return solved(self.rows.X, self.rows.y, self.data.X.dtype)


class RowsKept(RowsInLoad):
    """f: the same, in the first fit."""

    name = "clock-rows-kept"
    rows: Data | None = None

    def load(self, data: Data, method: Method) -> None:
        Cholesky.load(self, data, method)
        self.rows = None

    def fit(self) -> Fit:
        self.rows = self.rows or compressed(self.data)
        return super().fit()


class Narrow(Cholesky):
    """l: float32, returned as float64."""

    name = "clock-float32"
    stability = "orthogonal"

    def fit(self) -> Fit:
        X, y = self.data.X.astype(np.float32), self.data.y.astype(np.float32)
        solution = np.linalg.lstsq(np.column_stack([X, np.ones_like(y)]), y)[0]
        return Fit.of(solution.astype(self.data.X.dtype))


class NotOrthogonal(Cholesky):
    """m: forms X'X, and says that it does not."""

    name = "clock-not-orthogonal"
    stability = "orthogonal"


class DescentOnce(NumpyLoop):
    """a: a descent that is made once."""

    name = "clock-descent-once"
    kept: Fit | None = None
    method: GradientDescent

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        self.kept = None

    def fit(self) -> Fit:
        self.kept = self.kept or super().fit()
        names = ("weight", "train_losses", "test_losses")
        return replace(self.kept, **{name: getattr(self.kept, name).copy() for name in names})


class DescentForever(DescentOnce):
    """a: the same, for other data as well."""

    name = "clock-descent-forever"

    def load(self, data: Data, method: Method) -> None:
        Backend.load(self, data, method)

    def fit(self) -> Fit:
        if self.kept and self.kept.train_losses.shape != (self.method.epochs,):  # type: ignore[union-attr]
            self.kept = None
        return super().fit()
