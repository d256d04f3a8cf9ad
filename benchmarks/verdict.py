"""What the gate says about a fit: checks, each an error and its bound."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One error and the bound it was held to."""

    name: str
    error: float
    bound: float
    passed: bool
    source: str = ""  # where the bound comes from
    judged: bool = True  # False: the bound excludes nothing that matters, see `benchmarks.gate`


@dataclass(frozen=True)
class Digits:
    """How many digits of certified coefficients a fit has right."""

    coefficients: Sequence[float]  # of each coefficient, bias last
    least: float  # of these
    bound: float  # every coefficient within its bounds has at least this many
    possible: float  # of the exact solution, for the data as rounded to this dtype
    most: float  # that can be counted: those of the dtype, or those that are certified


@dataclass(frozen=True)
class Verdict:
    """Passed if every check did.

    One that has not passed has failed if it was `judged`; otherwise it is neither right nor wrong.

    `weight_error` is ||D (b_hat - b_ref)||_2 / ||D b_ref||_2 over (weight, bias), and `bound` is
    its bound. D holds the lengths of the columns of [X 1]: the units of features do not matter.
    b_ref is the reference of the same method: the least-squares solution, or the last float64
    iterate. Both are None for a malformed fit, and where the dtype is too short for the data to
    determine the coefficients.
    """

    passed: bool
    reason: str  # one line; empty if passed
    weight_error: float | None
    bound: float | None
    checks: Sequence[Check]
    digits: Digits | None = None  # for certified data
    judged: bool = True
    #: The share of the targets' variation that the fit explains, and the most that a fit can; None
    #: where targets do not vary.
    r2: float | None = None
    best_r2: float | None = None
