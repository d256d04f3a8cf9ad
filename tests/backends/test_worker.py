"""The child's side of a worker, in this process."""

from __future__ import annotations

import numpy as np
import pytest

from backends import worker
from backends.base import Fit
from backends.numpy_backends import NumpyGelsd


def test_extra_work_is_a_share_of_the_fit_and_does_not_add_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A worker serves one workload after another: what slows the first must not slow the next."""

    def busy(_: object) -> Fit:
        for _ in range(20_000):
            pass
        return Fit(np.zeros(1), 0.0)

    monkeypatch.setattr(worker, "_map", lambda path: np.zeros((2, 1), np.float32))
    monkeypatch.setattr(NumpyGelsd, "fit", busy)
    monkeypatch.setattr(NumpyGelsd, "describe", lambda self: {})
    plain, slowed = worker.Worker(), worker.Worker()
    plain.start("numpy-gelsd", [], "cpu", 1)
    slowed.start("numpy-gelsd", [], "cpu", 1, extra_work=1.0)
    ratios = []
    for _ in range(3):
        for served in (plain, slowed):
            served.load(".", {"kind": "least squares"})
            served.first()
        samples = [[w.sample(1)["seconds"] for w in (plain, slowed)] for _ in range(100)]
        fast, slow = (min(side) for side in zip(*samples, strict=True))
        ratios.append(slow / fast)
    assert ratios == pytest.approx([2, 2, 2], rel=0.35)
