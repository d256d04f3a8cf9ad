"""Backends that hang, die, eat memory or write nonsense: a run survives each of them."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import ClassVar

import numpy as np

from backends.base import Fit
from backends.numpy import NumpyGelsd


class Hangs(NumpyGelsd):
    name = "hostile-hang"

    def fit(self) -> Fit:
        while True:
            time.sleep(60)


class Exits(NumpyGelsd):
    name = "hostile-exit"

    def fit(self) -> Fit:
        os._exit(0)


class Hoards(NumpyGelsd):
    """Allocates without end, and touches what it allocates."""

    name = "hostile-hoard"

    def fit(self) -> Fit:
        hoard = []
        while True:
            hoard.append(np.ones(1 << 24))


class BabblesAndHoards(NumpyGelsd):
    """Allocates without end, and never stops writing a line meanwhile."""

    name = "hostile-babbling-hoard"

    def fit(self) -> Fit:
        hoard = []
        while True:
            hoard.append(np.ones(1 << 20))
            os.write(int(sys.argv[2]), b" ")


class Copies(NumpyGelsd):
    """Fills 20 MB in every fit, in arrays of which glibc would give all but one back."""

    name = "copies"

    def fit(self) -> Fit:
        copies = [np.ones(5 << 17) for _ in range(4)]
        fit = super().fit()
        del copies
        return fit


class Babbles(NumpyGelsd):
    """Prints, which is allowed, and writes to every descriptor it finds, which is not."""

    name = "hostile-babble"

    def fit(self) -> Fit:
        print("framework says hello")
        for descriptor in range(3, 256):
            try:
                os.write(descriptor, b"{'ok': no\n")
            except OSError:
                continue
        return super().fit()


class Raises(NumpyGelsd):
    name = "hostile-raise"

    def fit(self) -> Fit:
        raise ValueError("singular\nmatrix | of <b>doom</b>")


class DiesLater(NumpyGelsd):
    """Answers a few times, then is killed in the middle of a sample."""

    name = "hostile-later"
    calls = 0

    def fit(self) -> Fit:
        self.calls += 1
        if self.calls > 3:
            os.kill(os.getpid(), 9)
        return super().fit()


class Crashes(NumpyGelsd):
    """Dies by a signal, as compiled code does by its own fault."""

    name = "hostile-crash"
    signal: ClassVar[int] = signal.SIGSEGV

    def fit(self) -> Fit:
        os.kill(os.getpid(), self.signal)
        return super().fit()


class IsTerminated(Crashes):
    """Dies by a signal that others send."""

    name = "hostile-terminated"
    signal = signal.SIGTERM


class DiesByANumber(Crashes):
    """Dies by a signal without a name."""

    name = "hostile-number"
    signal = 40


class Prints(NumpyGelsd):
    """Loud but right: it must pass."""

    name = "loud"

    def fit(self) -> Fit:
        print('{"ok": true, "seconds": 0}' * 1000)
        return super().fit()
