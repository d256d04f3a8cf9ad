"""Backends that differ in how long they wait, one of them from process to process."""

from __future__ import annotations

import os
import time
from pathlib import Path

from backends.base import Fit
from backends.numpy import NumpyGelsd

#: Caches are all that a worker can write to besides its own folders.
DIARY = Path(os.environ.get("XDG_CACHE_HOME", "."), "linreg-bench-speeds")


class Waits(NumpyGelsd):
    """Waits in every fit, as long as its name says."""

    name = "speeds-none"
    seconds = 0.0

    def fit(self) -> Fit:
        until = time.perf_counter() + self.seconds
        while time.perf_counter() < until:
            pass
        return super().fit()


class Between(Waits):
    name = "speeds-between"
    seconds = 4e-3


class Near(Waits):
    name = "speeds-near"
    seconds = 4.4e-3


class Far(Waits):
    name = "speeds-far"
    seconds = 20e-3


class TwoSpeeds(Waits):
    """Every other process is quick."""

    name = "speeds-two"

    def start(self, device: str, threads: int) -> None:
        super().start(device, threads)
        with DIARY.open("a") as diary:
            diary.write(".")
        self.seconds = 2e-3 if DIARY.stat().st_size % 2 else 6e-3
