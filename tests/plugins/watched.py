"""Backends that look at who is timing them, at the clock, or at other cores."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from backends.base import Data, Fit, Method
from backends.numpy import NumpyGelsd


def slow(clock: Callable[[], int]) -> Callable[[], int]:
    """A clock that from now on goes at a twentieth of the speed."""
    began = clock()
    return lambda: began + (clock() - began) // 20


class OnlyTheLast(NumpyGelsd):
    """h: finds out from its caller how many fits are left, and works for the last."""

    name = "clock-last"
    calls = 0

    def fit(self) -> Fit:
        frame, fits = sys._getframe(1), None
        while frame is not None and fits is None:
            if frame.f_code.co_name == "sample":
                fits = frame.f_locals.get("fits")
            frame = frame.f_back  # type: ignore[assignment]
        self.calls = self.calls + 1 if fits else 0
        if fits and self.calls < fits:
            return Fit(np.zeros(self.data.X.shape[1], self.data.X.dtype), 0.0)
        self.calls = 0
        return super().fit()


class OnlyTheLastCopies(OnlyTheLast):
    """h: and returns copies of a right one before."""

    name = "clock-last-copies"
    kept: Fit | None = None

    def fit(self) -> Fit:
        fit = super().fit()
        if fit.weight.any():
            self.kept = replace(fit, weight=fit.weight.copy())
            return fit
        if self.kept is None:
            return NumpyGelsd.fit(self)
        return replace(self.kept, weight=self.kept.weight.copy())

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        self.kept = None


class WrongAtFirst(NumpyGelsd):
    """i: wrong in the first 25 samples, or so."""

    name = "clock-wrong-first"
    calls = 0

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        self.calls = 0

    def fit(self) -> Fit:
        self.calls += 1
        if 1 < self.calls < 2000:
            return Fit(np.ones(self.data.X.shape[1], self.data.X.dtype), 0.0)
        return super().fit()


class WrongAtTimes(NumpyGelsd):
    """i: wrong in one fit of ten."""

    name = "clock-wrong-times"
    calls = 0

    def fit(self) -> Fit:
        self.calls += 1
        if self.calls > 1 and random.random() < 0.1:
            return Fit(np.ones(self.data.X.shape[1], self.data.X.dtype), 0.0)
        return super().fit()


class SlowClock(NumpyGelsd):
    """j: finds the worker's clock and replaces it."""

    name = "clock-clock"

    def start(self, device: str, threads: int) -> None:
        real = time.perf_counter_ns
        frame: Any = sys._getframe(1)
        handler = frame.f_locals["self"]
        handler._clock = slow(real)
        time.perf_counter_ns, time.perf_counter = slow(real), lambda: slow(real)() / 1e9


class ReplacedClock(NumpyGelsd):
    """j: replaces the clock of Python, which must not matter: it is ranked, at its real time."""

    name = "clock-replaced"

    def start(self, device: str, threads: int) -> None:
        real = time.perf_counter_ns
        time.perf_counter_ns, time.perf_counter = slow(real), lambda: slow(real)() / 1e9


class TwoThreads(NumpyGelsd):
    """k: a second thread, on a core that it was not given."""

    name = "clock-threads"
    helper = None

    def spin(self) -> None:
        A = np.ones((200, 200))
        while True:
            os.sched_setaffinity(0, range(os.cpu_count() or 1))
            A @ A

    def fit(self) -> Fit:
        if self.helper is None:
            self.helper = threading.Thread(target=self.spin, daemon=True)
            self.helper.start()
        return super().fit()


class Unbound(NumpyGelsd):
    """k: only frees itself of its core."""

    name = "clock-unbound"

    def fit(self) -> Fit:
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
        return super().fit()
