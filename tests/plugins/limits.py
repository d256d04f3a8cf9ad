"""Right backends that cannot say what their limits are."""

from __future__ import annotations

import os

from backends.base import Probes
from backends.numpy import NumpyGelsd


class Another(NumpyGelsd):
    """As `numpy-gelsd`, under another name."""

    name = "another-numpy"


class Refuses(NumpyGelsd):
    name = "no-limits"

    def probes(self, side: int, n_bytes: int, dtype: str) -> Probes:
        raise RuntimeError("no idea")


class Dies(NumpyGelsd):
    name = "deadly-limits"

    def probes(self, side: int, n_bytes: int, dtype: str) -> Probes:
        os._exit(3)
