"""Backends whose second rank does not do its part."""

from __future__ import annotations

import time
from typing import ClassVar

import numpy as np

from backends.distributed.rank import Rank
from backends.distributed.torch import QRRank, TorchDistributedQR


class _OtherRows(QRRank):
    def take(self, X: np.ndarray, y: np.ndarray) -> None:
        super().take(X, y[::-1].copy() if self.number == 1 else y)


class _OtherAnswer(QRRank):
    def fit(self, patience: float) -> np.ndarray:
        return super().fit(patience) + self.number


class _Leaves(QRRank):
    def fit(self, patience: float) -> np.ndarray:
        if self.number == 1:
            raise ValueError("does not feel like it")
        return super().fit(patience)


class _Hangs(QRRank):
    """From the second fit on; the others wait less for that."""

    fits = 0

    def fit(self, patience: float) -> np.ndarray:
        self.fits += 1
        if self.number == 1 and self.fits > 1:
            time.sleep(600)
        return super().fit(patience)


class OtherRows(TorchDistributedQR):
    name = "ranks-other-rows"
    rank: ClassVar[type[Rank]] = _OtherRows


class OtherAnswer(TorchDistributedQR):
    name = "ranks-other-answer"
    rank: ClassVar[type[Rank]] = _OtherAnswer


class Leaves(TorchDistributedQR):
    name = "ranks-leaves"
    rank: ClassVar[type[Rank]] = _Leaves


class Hangs(TorchDistributedQR):
    name = "ranks-hangs"
    rank: ClassVar[type[Rank]] = _Hangs
