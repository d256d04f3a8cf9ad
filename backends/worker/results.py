"""What fits return, looked at outside the clock: types, every fit of a sample, late arrivals.

All fits of a sample are kept until the clock has stopped. Results of exactly the types that
`backends.base.Fit` asks for can hold nothing back: there is no code of the backend's left in them.
"""

import random
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from backends.base import Fit
from backends.worker.messages import FIELDS, fit_to_json

#: At most so many fits of a sample are compared, besides the last.
_LOOKED_AT = 16
#: So many fits that differ from all that were judged are judged in any case, and then this share:
#: a backend whose rounding differs from fit to fit would otherwise cost a judgement a sample.
_JUDGED_ALWAYS, _JUDGED_SHARE = 3, 0.2
#: Distinct fits that are remembered as judged.
_REMEMBERED = 64

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_SCALARS = (float, int, np.float32, np.float64)


class Results:
    """The last result of a backend, and which results were judged already."""

    fit: dict[str, Any]  # a copy of `returned`, made at once
    returned: Fit  # what the backend returned last, in its own arrays

    def __init__(self) -> None:
        """Nothing is judged yet."""
        self._judged: set[bytes] = set()
        self._differed = 0
        self._rng = random.Random()

    def first(self, fit: Fit) -> None:
        """Take the result that is going to be judged first."""
        self.keep(fit)
        self._judged.add(_bytes(fit))

    def keep(self, fit: Fit) -> None:
        """Copy a result at once: one that is not finished is found out later."""
        check_types((fit,))
        self.fit = fit_to_json(fit)
        self.returned = fit

    def differing(self, fits: Sequence[Fit]) -> dict[str, Any] | None:
        """One fit of a sample that is unlike all that were judged, and that now has to be.

        A random part of them is looked at, and the last.

        Raises:
            TypeError: one of them is not of the types that `Fit` asks for.
        """
        check_types(fits)
        chosen = self._rng.sample(fits, min(len(fits), _LOOKED_AT))
        for fit in (*chosen, fits[-1]):
            if (key := _bytes(fit)) in self._judged:
                continue
            self._differed += 1
            if self._differed > _JUDGED_ALWAYS and self._rng.random() > _JUDGED_SHARE:
                return None
            if len(self._judged) < _REMEMBERED:
                self._judged.add(key)
            self.keep(fit)
            return self.fit
        return None

    def spoil(self) -> None:
        """Overwrite the last result, so that an unfinished one cannot pass for the next."""
        for name in FIELDS:
            values = getattr(self.returned, name)
            if isinstance(values, np.ndarray) and values.flags.writeable:
                values.fill(np.nan)

    def has_nan(self) -> bool:
        """Whether any number is NaN (or they overflow); quick, since it follows every sample."""
        return any(np.isnan(np.sum(v)) for v in self.fit.values() if v is not None)

    def changed(self, seconds: float) -> bool:
        """Whether the last result changes within this time, although its fit has returned."""
        ends = time.monotonic() + seconds
        # As text, since NaN is not equal to itself.
        while repr(fit_to_json(self.returned)) == repr(self.fit):
            if time.monotonic() > ends:
                return False
            time.sleep(0.01)
        return True


def check_types(fits: Iterable[Fit]) -> None:
    """Refuse whatever is not exactly what `Fit` asks for.

    A subclass, a property or an array of a framework could do its work when it is read, after the
    clock was stopped. Types are looked at all together: there may be thousands of short fits.

    Raises:
        TypeError: with what was seen, and what to return.
    """
    fits = list(fits)
    for kind in set(map(type, fits)) - {Fit}:
        raise TypeError(
            f"fit() returned {_named(kind)}: return backends.base.Fit(weight, bias), no subclass"
        )
    for name in ("weight", "train_losses", "test_losses"):
        values = [getattr(fit, name) for fit in fits]
        may_be = {np.ndarray} if name == "weight" else {np.ndarray, type(None)}
        for kind in set(map(type, values)) - may_be:
            raise TypeError(
                f"fit() returned its {name} as {_named(kind)}: not an array on the host; "
                "return a numpy.ndarray of float32 or float64 with one dimension"
            )
        for dtype, n in {(v.dtype, v.ndim) for v in values if v is not None}:
            if dtype not in _FLOATS or n != 1:
                raise TypeError(
                    f"fit() returned its {name} as {dtype} in {n} dimensions: "
                    "return float32 or float64 in one dimension"
                )
    for kind, bias in {type(fit.bias): fit.bias for fit in fits}.items():
        plain = kind is np.ndarray and bias.ndim == 0 and bias.dtype in _FLOATS  # type: ignore[attr-defined]
        if kind not in _SCALARS and not plain:
            shown = f" of {bias.dtype}, {bias.shape}" if kind is np.ndarray else ""  # type: ignore[attr-defined]
            raise TypeError(
                f"fit() returned its bias as {_named(kind)}{shown}: not a number on the host; "
                "return a float"
            )


def _named(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _bytes(fit: Fit) -> bytes:
    """All numbers of a fit, bit by bit."""
    values = (getattr(fit, name) for name in FIELDS)
    return b"|".join(b"" if v is None else np.asarray(v).tobytes() for v in values)
