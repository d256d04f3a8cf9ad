"""Certified data: regressions whose coefficients an authority has published to 15 digits.

The files in `nist/` hold all linear regressions of NIST's Statistical Reference Datasets (StRD,
https://www.itl.nist.gov/div898/strd/) in NIST's own layout: the name, a table of parameters and
estimates, and the data. To add a data set, add a file.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from backends.base import Data
from benchmarks.errors import UserError, os_errors
from benchmarks.problems.problem import DType, Problem, extreme

FOLDER = Path(__file__).parent / "nist"

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_NAME = re.compile(r"^Dataset Name:\s*(\S+)", re.M)
_ESTIMATE = re.compile(rf"^\s*B(\d+)\s+({_NUMBER})(?:\s+{_NUMBER})?\s*$", re.M)
_HEADS = re.compile(r"^Data:\s+(y(?:\s+x\d*)+)\s*$", re.M)


@dataclass(frozen=True)
class CertifiedSet:
    """One data set as published: decimal numbers, not rounded yet."""

    name: str
    estimates: tuple[Fraction, ...]  # the intercept first, if there is one
    intercept: bool
    y: tuple[Fraction, ...]  # (n,)
    #: (n, n_features): the predictors, or the powers of the only one.
    features: tuple[tuple[Fraction, ...], ...]

    def problem(self, dtype: DType) -> Problem:
        """The data set as a problem, with all numbers rounded to `dtype`.

        A set without intercept gets a mirrored copy (-x, -y) of each sample (x, y). By symmetry
        its intercept is then exactly 0, and the sums x'x and x'y are merely doubled.
        """
        X, y = np.array(self.features, np.float64), np.array(self.y, np.float64)
        bias, *weight = self.estimates if self.intercept else (0, *self.estimates)
        if not self.intercept:
            X, y = np.vstack([X, -X]), np.append(y, -y)
        X, y = X.astype(dtype), y.astype(dtype)
        certified = np.array([*weight, bias], np.float64)
        return Problem(Data(X, y, X[:0], y[:0]), certified=certified)


def load(path: Path) -> CertifiedSet:
    """The data set in a file.

    Raises:
        UserError: the file cannot be read, or is not in NIST's layout.
    """
    layout = f"{path} is not in the layout of NIST's StRD"
    try:
        with os_errors(f"cannot read {path}"):
            text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{layout}: not a text file") from None
    name, heads = _NAME.search(text), _HEADS.search(text)
    estimates = [(int(n), Fraction(value)) for n, value in _ESTIMATE.findall(text)]
    if not name or not heads or not estimates:
        missing = "'Dataset Name:'" if not name else "'Data:  y  x'" if not heads else "'B0 ...'"
        raise UserError(f"{layout}: no line {missing}")
    first = estimates[0][0]
    if first > 1 or [n for n, _ in estimates] != [*range(first, first + len(estimates))]:
        raise UserError(f"{path}: the parameters are not B0, B1, ... or B1, B2, ... in order")
    width, degree = len(heads[1].split()), len(estimates) - (first == 0)
    rows: list[tuple[Fraction, ...]] = []
    before = text[: heads.end()].count("\n") + 1
    for number, line in enumerate(text[heads.end() :].splitlines()[1:], start=before + 1):
        words = line.split()
        if not words:
            continue
        if len(words) != width or not all(re.fullmatch(_NUMBER, word) for word in words):
            raise UserError(f"{path}, line {number}: not {width} numbers: {line.strip()[:40]!r}")
        rows.append(tuple(map(Fraction, words)))
    if not rows:
        raise UserError(f"{path}: no data after the line 'Data:'")
    if degree < 1 or width - 1 not in (1, degree):
        raise UserError(
            f"{path}: {degree} parameters besides B0 for {width - 1} predictors; "
            "there must be one predictor for each parameter, or a single one, whose powers are used"
        )
    y, x = [row[0] for row in rows], [row[1:] for row in rows]
    if width - 1 < degree:
        x = [tuple(value**power for power in range(1, degree + 1)) for (value,) in x]
    values = tuple(value for _, value in estimates)
    _refuse_extremes(path, y, *zip(*x, strict=True))
    return CertifiedSet(name[1], values, first == 0, tuple(y), tuple(x))


def _refuse_extremes(path: Path, *columns: tuple[Fraction, ...] | list[Fraction]) -> None:
    for column in columns:
        # What overflows a float is too large for a fraction to become one.
        largest = Fraction(2) ** 1000
        numbers = np.array([float(min(abs(value), largest)) for value in column])
        if trouble := extreme(numbers):
            row, what = trouble
            raise UserError(f"{path}, sample {row + 1}: {what}")
