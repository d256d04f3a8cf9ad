"""Certified data are as NIST published them, and digits are counted as NIST counts them."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from backends.base import Fit, Stability
from benchmarks.errors import UserError
from benchmarks.gate import correct_digits, gate, reference
from benchmarks.gate.bounds import coefficient_bounds
from benchmarks.gate.rounding import backward_error
from benchmarks.problems import certified
from benchmarks.problems.certified import CertifiedSet
from benchmarks.problems.workloads import WORKLOADS, select
from benchmarks.verdict import Digits
from tests import exact

SETS = {path.stem: certified.load(path) for path in sorted(certified.FOLDER.glob("*.dat"))}
NAMES = [workload.name for workload in select(["nist"])]

#: The beginning of a file as NIST publishes it, including what the suite ignores.
PUBLISHED = """NIST/ITL StRD
Dataset Name:  Norris (Norris.dat)

File Format:   ASCII
               Certified Values  (lines 31 to 46)
               Data              (lines 61 to 96)

Procedure:     Linear Least Squares Regression

Reference:     Norris, J., NIST.
               Calibration of Ozone Monitors.

Data:          1 Response Variable (y)
               1 Predictor Variable (x)
               36 Observations

Model:         Linear Class
               2 Parameters (B0,B1)

               y = B0 + B1*x + e

               Certified Regression Statistics

                                          Standard Deviation
     Parameter          Estimate             of Estimate

        B0        -0.262323073774029     0.232818234301152
        B1         1.00211681802045      0.429796848199937E-03

     Residual
     Standard Deviation   0.884796396144373

Regression    1     4255954.13232369   4255954.13232369   5436385.54079785
Residual     34     26.6173985294224   0.782864662630069

Data:       y          x
           0.1        0.2
         338.8      337.4
         118.1      118.2
"""


def solved(set_: CertifiedSet) -> list[Fraction]:
    first = [Fraction(1)] if set_.intercept else []
    return exact.least_squares([[*first, *row] for row in set_.features], set_.y)


@pytest.mark.parametrize("name", SETS)
def test_rational_arithmetic_gives_every_certified_digit(name: str) -> None:
    """A misprint in the figures or the data would cost digits of some coefficient."""
    for found, estimate in zip(solved(SETS[name]), SETS[name].estimates, strict=True):
        unit = Fraction(10) ** (math.floor(math.log10(abs(estimate))) - 14)
        assert abs(found - estimate) <= unit  # one of the 15th digit


@pytest.mark.parametrize("name", ["nist-noint1", "nist-noint2"])
def test_mirrored_samples_have_no_intercept_and_the_certified_slope(name: str) -> None:
    data = WORKLOADS[name].make(0).data
    A = [[Fraction(float(x)), Fraction(1)] for x in data.X[:, 0]]
    slope, intercept = exact.least_squares(A, [Fraction(float(value)) for value in data.y])
    assert intercept == 0
    assert slope == solved(SETS["NoInt1" if name.endswith("1") else "NoInt2"])[0]


#: The digits that remain after rounding the data to float64. For Filip, with a condition
#: number of 2e15, that is only half of them, whatever the solver.
POSSIBLE = {"nist-filip": 7.5, "nist-wampler2": 13, "nist-pontius": 13, "nist-norris": 14}


@pytest.mark.parametrize("name", [name for name in NAMES if "float32" not in name])
def test_the_reference_reproduces_the_certified_values(name: str) -> None:
    ref = reference.prepare(WORKLOADS[name], WORKLOADS[name].make(0))
    b = ref.solution.coefficients
    verdict = gate.judge(Fit(b[:-1], float(b[-1])), ref, "orthogonal")
    assert verdict.passed
    assert verdict.digits is not None
    assert verdict.digits.least == verdict.digits.possible >= POSSIBLE.get(name, 14.5)


def test_all_of_nists_linear_regressions_are_there_in_both_dtypes() -> None:
    assert len(SETS) == 11
    assert len(NAMES) == 22
    assert all(WORKLOADS[name].recipe.dtype == "float32" for name in NAMES if "float32" in name)


def test_powers_are_rounded_once() -> None:
    data = SETS["Filip"].problem("float64").data
    x = SETS["Filip"].features[0][0]
    assert [Fraction(value) for value in data.X[0].tolist()] == [
        Fraction(float(x**power)) for power in range(1, 11)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_solvers_are_expected_to_fail_only_where_theory_leaves_them_nothing(name: str) -> None:
    ref = reference.prepare(WORKLOADS[name], WORKLOADS[name].make(0))
    eps = backward_error(len(ref.problem.data.y), ref.unit)
    expected = WORKLOADS[name].known_failures
    # By SVD in the units of the data, and by normal equations in columns of length 1.
    if "orthogonal" in expected:
        assert eps * ref.solution.conditioning.condition >= 1
    scaled = eps * ref.scaled.conditioning.condition**2
    assert ("normal equations" in expected) == (scaled >= 1)


# Digits


@pytest.mark.parametrize(
    ("found", "known", "expected"),
    [
        (1.001, 1.0, 3),
        (1.0, 1.0, 15),
        (-1e-7, 0.0, 7),  # absolute
        (2e6 + 2e-2, 2e6, 8),
        (-1.0, 1.0, 0),
        (1e300, 1e-300, 0),
        (math.inf, 1.0, 0),
        (math.nan, 1.0, 0),
    ],
)
def test_digits_by_hand(found: float, known: float, expected: float) -> None:
    assert correct_digits.correct(np.array([found]), np.array([known]), 15.0) == pytest.approx(
        [expected], abs=1e-3
    )


def digits_of(name: str, error: float) -> Digits:
    """Of a fit whose coefficients all have the relative error `error`."""
    ref = reference.prepare(WORKLOADS[name], WORKLOADS[name].make(0))
    assert ref.problem.certified is not None
    b = ref.problem.certified * (1 + error)
    found = gate.judge(Fit(b[:-1], float(b[-1])), ref, "orthogonal").digits
    assert found is not None
    return found


def test_a_verdict_has_the_digits_of_each_coefficient_and_the_least() -> None:
    found = digits_of("nist-longley", 1e-9)
    assert found.coefficients == pytest.approx([9] * 7, abs=1e-3)
    assert found.least == min(found.coefficients)
    assert 7 < found.bound < 9
    assert (found.most, digits_of("nist-longley-float32", 0).most) == pytest.approx((15, 7.2), 0.01)


def perturbed(name: str, stability: Stability, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """How far coefficients move, and the bound, when the data change by a known eps."""
    eps, problem, rng = 1e-12, WORKLOADS[name].make(0), np.random.default_rng(seed)
    ref = reference.prepare(WORKLOADS[name], problem)
    A = np.column_stack([problem.data.X, np.ones(len(problem.data.y))])
    signs = rng.choice([-1.0, 1.0], A.shape)
    dA = eps * np.linalg.norm(A, 2) * signs / np.linalg.norm(signs, 2)
    dy = eps * np.linalg.norm(problem.data.y) * rng.choice([-1.0, 1.0], len(A)) / len(A) ** 0.5
    moved = np.linalg.pinv(A) @ (dy - dA @ ref.solution.coefficients)
    r = problem.data.y - A @ ref.solution.coefficients
    moved += np.linalg.pinv(A) @ np.linalg.pinv(A).T @ (dA.T @ r)
    return np.abs(moved), coefficient_bounds(ref.solution, stability, eps)


@pytest.mark.parametrize("name", ["nist-longley", "nist-norris", "nist-wampler4"])
def test_the_bound_of_each_coefficient_holds_and_is_not_idle(name: str) -> None:
    used = []
    for seed in range(30):
        moved, bound = perturbed(name, "orthogonal", seed)
        assert np.all(moved <= bound)
        used.append(moved / bound)
    assert np.min(np.max(used, axis=0)) > 0.01


# Files


def written(folder: Path, content: str) -> Path:
    path = folder / "here.dat"
    path.write_text(content)
    return path


def test_a_file_as_nist_publishes_it_is_read(tmp_path: Path) -> None:
    found = certified.load(written(tmp_path, PUBLISHED))
    assert found.estimates == SETS["Norris"].estimates
    assert (found.name, found.intercept) == ("Norris", True)
    assert (found.y, found.features) == (SETS["Norris"].y[:3], SETS["Norris"].features[:3])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Dataset Name:", "Name:", "no line 'Dataset Name:'"),
        ("Data:       y          x", "", "no line 'Data:  y  x'"),
        ("  B", "  C", "no line 'B0 ...'"),
        ("B1 ", "B2 ", "are not B0, B1"),
        ("337.4", "337.4 5", "line 38: not 2 numbers: '338.8      337.4 5'"),
        ("337.4", "many", "line 38: not 2 numbers"),
        ("337.4", "", "line 38: not 2 numbers"),
        (PUBLISHED[PUBLISHED.index("           0.1  ") :], "", "no data after the line 'Data:'"),
        ("        B1  ", "        C1  ", "0 parameters besides B0 for 1 predictors"),
    ],
)
def test_what_is_not_in_nists_layout_is_refused_in_one_line(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in PUBLISHED
    path = written(tmp_path, PUBLISHED.replace(old, new))
    with pytest.raises(UserError, match=message) as caught:
        certified.load(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*none\.dat: No such file"):
        certified.load(tmp_path / "none.dat")
    (tmp_path / "bytes.dat").write_bytes(b"\xff\x00")
    with pytest.raises(UserError, match="not a text file"):
        certified.load(tmp_path / "bytes.dat")
