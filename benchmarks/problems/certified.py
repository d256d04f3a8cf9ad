"""Certified data: regressions whose coefficients an authority has published to 15 digits.

The files in `nist/` hold all linear regressions of NIST's Statistical Reference Datasets (StRD,
https://www.itl.nist.gov/div898/strd/), in NIST's own layout, which is what is read: the name, a
table of parameters and estimates, and the data. A further file in that folder is a further set.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from backends.base import Data
from benchmarks.errors import UserError
from benchmarks.problems.problem import DType, Problem

FOLDER = Path(__file__).parent / "nist"

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_NAME = re.compile(r"^Dataset Name:\s*(\S+)", re.M)
_ESTIMATE = re.compile(rf"^\s*B(\d+)\s+({_NUMBER})(?:\s+{_NUMBER})?\s*$", re.M)
_HEADS = re.compile(r"^Data:\s+(y(?:\s+x\d*)+)\s*$", re.M)


@dataclass(frozen=True)
class CertifiedSet:
    """One set as published: decimal numbers, not rounded to anything yet."""

    name: str
    estimates: tuple[Fraction, ...]  # the intercept first, where there is one
    intercept: bool
    y: tuple[Fraction, ...]  # (n,)
    x: tuple[tuple[Fraction, ...], ...]  # (n, number of predictors)

    @property
    def columns(self) -> list[tuple[Fraction, ...]]:
        """The features of each sample: the predictors, or the powers of the only one."""
        degree = len(self.estimates) - self.intercept
        if len(self.x[0]) == degree:
            return list(self.x)
        return [tuple(row[0] ** power for power in range(1, degree + 1)) for row in self.x]


def parse(text: str, where: str) -> CertifiedSet:
    """A set in NIST's layout.

    Raises:
        UserError: it is not in that layout; the line says what is missing.
    """
    name, heads = _NAME.search(text), _HEADS.search(text)
    estimates = [(int(number), Fraction(value)) for number, value in _ESTIMATE.findall(text)]
    if not name or not heads or not estimates:
        missing = "'Dataset Name:'" if not name else "'Data:  y  x'" if not heads else "'B0 ...'"
        raise UserError(f"{where} is not in the layout of NIST's StRD: no line {missing}")
    first = estimates[0][0]
    if first > 1 or [number for number, _ in estimates] != [*range(first, first + len(estimates))]:
        raise UserError(f"{where}: the parameters are not B0, B1, ... or B1, B2, ... in order")
    width, degree = len(heads[1].split()), len(estimates) - (first == 0)
    rows: list[tuple[Fraction, ...]] = []
    before = text[: heads.end()].count("\n") + 1
    for number, line in enumerate(text[heads.end() :].splitlines()[1:], start=before + 1):
        words = line.split()
        if words and (
            len(words) != width or not all(re.fullmatch(_NUMBER, word) for word in words)
        ):
            raise UserError(f"{where}, line {number}: not {width} numbers: {line.strip()[:40]!r}")
        rows += [tuple(map(Fraction, words))] if words else []
    if not rows:
        raise UserError(f"{where}: no data after the line 'Data:'")
    if degree < 1 or width - 1 not in (1, degree):
        raise UserError(
            f"{where}: {degree} parameters besides B0 for {width - 1} predictors; "
            "there must be as many, or one predictor, whose powers are taken"
        )
    return CertifiedSet(
        name[1],
        tuple(value for _, value in estimates),
        first == 0,
        tuple(row[0] for row in rows),
        tuple(row[1:] for row in rows),
    )


def load(path: Path) -> CertifiedSet:
    """The set in a file.

    Raises:
        UserError: the file cannot be read, or is not in NIST's layout.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise UserError(f"{path} is not in the layout of NIST's StRD: not a text file") from None
    return parse(text, str(path))


@dataclass(frozen=True)
class Certified:
    """A certified set as a problem.

    Powers are formed of the decimal numbers, exactly, and only then rounded to `dtype`.

    A set without intercept is posed with every sample mirrored, (x, y) and (-x, -y): by symmetry
    the intercept of least squares is then exactly 0, and the other coefficients are the ones that
    NIST certifies without it, since the sums x'x and x'y are merely doubled.
    """

    set: CertifiedSet
    dtype: DType = "float64"
    n_test: int = field(default=0, init=False)

    @property
    def n_samples(self) -> int:
        """Mirrored ones included."""
        return len(self.set.y) * (1 if self.set.intercept else 2)

    @property
    def n_features(self) -> int:
        """Without the intercept."""
        return len(self.set.estimates) - self.set.intercept

    def make(self, seed: int) -> Problem:
        """The published numbers, whatever the seed."""
        X = np.array([[float(x) for x in row] for row in self.set.columns])
        y = np.array([float(value) for value in self.set.y])
        if not self.set.intercept:
            X, y = np.vstack([X, -X]), np.append(y, -y)
        X, y = X.astype(self.dtype), y.astype(self.dtype)
        estimates = [float(value) for value in self.set.estimates]
        bias, weight = (estimates[0], estimates[1:]) if self.set.intercept else (0.0, estimates)
        certified = np.array([*weight, bias])
        return Problem(Data(X, y, X[:0], y[:0]), None, None, None, certified)
