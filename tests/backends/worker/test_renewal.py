"""How many fits of unseen data are worth their time, on a clock that only fits move."""

from __future__ import annotations

import numpy as np
import pytest

from backends.base import Backend, Data, Fit, LeastSquares, Method
from backends.worker import renewal

DATA = Data(np.ones((4, 2)), np.ones(4), np.ones((2, 2)), np.ones(2))


class Played(Backend):
    """A fit of new data takes `fresh` seconds, every other `again`."""

    name = "played"
    framework = "numpy"
    methods = ("least squares",)
    algorithm = "none"
    stability = "orthogonal"
    now = 0.0

    def __init__(self, fresh: float, again: float) -> None:
        self.fresh, self.again, self.new, self.fits = fresh, again, True, 0

    def renew(self, data: Data, method: Method) -> None:
        self.new = True
        super().load(data, method)

    def fit(self) -> Fit:
        self.now += self.fresh if self.new else self.again
        self.new, self.fits = False, self.fits + 1
        return Fit(np.zeros(2), 0.0)

    def clock(self) -> int:
        return round(1e9 * self.now)


def visits(backend: Backend, usual: float) -> renewal.Visits:
    assert isinstance(backend, Played)
    return renewal.visit(backend, backend.fit, DATA, LeastSquares(), backend.clock, [], usual)


@pytest.mark.parametrize(
    ("fresh", "again", "number"),
    [
        (1e-5, 1e-5, 12),
        (4e-3, 4e-3, 4),
        (0.02, 0.02, 1),
        (0.02, 1e-5, 3),  # it may have kept something
        (0.02, 0.014, 1),
        (0.9, 0.9, 1),
        (0.9, 1e-5, 1),  # it is looked at again, beside new samples
    ],
)
def test_an_honest_backend_is_cleared_at_once(fresh: float, again: float, number: int) -> None:
    backend = Played(fresh, again)
    found = visits(backend, usual=again)
    assert len(found.fresh) == number
    assert found.fresh == pytest.approx([fresh] * number)
    assert found.again == pytest.approx([again] * number)


def test_a_second_fit_that_was_disturbed_clears_nobody() -> None:
    """The first fit is held to the samples as well."""
    assert len(visits(Played(fresh=0.02, again=0.02), usual=1e-5).fresh) == 3


@pytest.mark.parametrize(("seconds", "fits"), [(0.02, 2), (1e-5, 36)])
def test_only_short_fits_need_another_one_first(seconds: float, fits: int) -> None:
    backend = Played(seconds, seconds)
    visits(backend, usual=seconds)
    assert backend.fits == fits
