"""Workloads: a problem, a method and a dtype under a name."""

from __future__ import annotations

import difflib
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from backends.base import GradientDescent, LeastSquares, Method, Stability
from benchmarks.errors import UserError, unknown
from benchmarks.problems import certified, odd
from benchmarks.problems.certified import Certified, CertifiedSet
from benchmarks.problems.problem import DType, Problem, Recipe, Synthetic, Tutorial


@dataclass(frozen=True)
class File:
    """Where the user's own data came from, as a run file has it."""

    name: str  # of the workload
    path: str  # absolute
    target: str | None  # the column; None for a certified set
    sha256: str  # of the file


@dataclass(frozen=True)
class Workload:
    """What is asked of a backend, under a name."""

    name: str
    description: str
    recipe: Recipe
    method: Method
    #: CPU threads unless `--threads` says otherwise; None means all cores. A problem of a few
    #: thousand numbers gains nothing from a second thread and can be timed far more sharply
    #: on one core.
    threads: int | None = None
    #: Workloads that belong together can be asked for by one name. Only those of the group
    #: "default" are run unasked.
    group: str = "default"
    #: Workloads that name the same stream, and have the same recipe, have the same data.
    stream: str | None = None
    #: Why all backends of a kind of stability are expected to fail it (see
    #: `Backend.known_failures`): there are data that no such solver can do right.
    known_failures: Mapping[Stability, str] = field(default_factory=dict)
    file: File | None = None  # for the user's own data

    def make(self, seed: int) -> Problem:
        """The problem for a run's seed; by default, a workload draws from a stream of its own."""
        stream = stream_seed(seed, self.stream or self.name)
        return self.recipe.make(stream)

    @property
    def bytes(self) -> int:
        """Size of all arrays of the problem."""
        rows = self.recipe.n_samples + self.recipe.n_test
        return rows * (self.recipe.n_features + 1) * (4 if self.recipe.dtype == "float32" else 8)


def stream_seed(seed: int, name: str) -> int:
    """A seed for one workload: the run's seed and the name, mixed the same way everywhere."""
    return (seed << 32) + zlib.crc32(name.encode())


#: Certified sets (by globs of workload names) of which rounding may leave no digit: eps kappa is
#: more than 1, or eps kappa**2 for normal equations.
_HOPELESS: dict[Stability, tuple[str, ...]] = {
    "orthogonal": ("nist-filip", "nist-[flpw]*-float32"),
    "normal equations": ("nist-filip", "nist-longley", "nist-pontius", "nist-[flpw]*-float32"),
}
_SINGULAR: dict[Stability, str] = {
    "normal equations": "the features are dependent, so that X'X is singular"
}


def certified_workload(set_: CertifiedSet, dtype: DType) -> Workload:
    """A certified set in one dtype."""
    name = f"nist-{set_.name.lower()}{'' if dtype == 'float64' else f'-{dtype}'}"
    mirrored = "" if set_.intercept else ", mirrored so that the intercept is 0"
    hopeless = [
        stability
        for stability, globs in _HOPELESS.items()
        if any(fnmatchcase(name, glob) for glob in globs)
    ]
    return Workload(
        name,
        f"certified coefficients: NIST StRD {set_.name}{mirrored}",
        Certified(set_, dtype),
        LeastSquares(),
        threads=1,
        group="nist",
        known_failures=dict.fromkeys(
            hopeless, "so ill-conditioned that rounding leaves no digit to such solvers"
        ),
    )


_LINE = Synthetic(n_samples=1_000, n_features=1, sigma=0.5)
_MODERATE = Synthetic(n_samples=5_000, n_features=20, sigma=1.0, condition=7.0, dtype="float64")

_ALL = (
    Workload(
        "tutorial",
        "the PyTorch tutorial: 80 points on a line, L1 loss, SGD with lr 0.01, 500 epochs",
        Tutorial(),
        # The tutorial does not state its random start; this one is recovered from the losses
        # that it prints, and gives them back to about 1e-6 up to epoch 300.
        GradientDescent("l1", 0.01, 500, (-0.4936687648296356,), 0.37220147252082825),
        threads=1,
    ),
    Workload(
        "line-descent",
        "a noisy line, squared loss, 100 steps of gradient descent",
        _LINE,
        GradientDescent("squared", 0.1, 100, (0.0,), 0.0),
        threads=1,
        stream="line",
    ),
    Workload("line", "a noisy line, least squares", _LINE, LeastSquares(), threads=1),
    Workload(
        "tall",
        "many samples of few features, least squares",
        Synthetic(n_samples=100_000, n_features=20, sigma=1.0),
        LeastSquares(),
    ),
    Workload(
        "wide",
        "a quarter as many features as samples, least squares",
        Synthetic(n_samples=2_000, n_features=500, sigma=1.0),
        LeastSquares(),
    ),
    Workload(
        "ill-conditioned",
        "features that nearly depend on each other (condition number 1e6), float64",
        Synthetic(n_samples=5_000, n_features=20, sigma=1e-3, condition=1e6, dtype="float64"),
        LeastSquares(),
    ),
    Workload(
        "moderate-descent",
        "20 features of condition number 7, squared loss, 500 steps of gradient descent",
        _MODERATE,
        # The largest eigenvalue of the Hessian is 2, the smallest 2/49: the error shrinks by
        # 1 - 1.8/49 in each step at last, and is below 1e-6 after some 370 of them.
        GradientDescent("squared", 0.9, 500, (0.0,) * 20, 0.0),
        threads=1,
        group="accuracy",
        stream="moderate",
    ),
    Workload(
        "moderate",
        "20 features of condition number 7, least squares on the data of moderate-descent",
        _MODERATE,
        LeastSquares(),
        threads=1,
        group="accuracy",
    ),
    *(
        certified_workload(certified.load(path), dtype)
        for path in sorted(certified.FOLDER.glob("*.dat"))
        for dtype in ("float64", "float32")
    ),
    *(
        Workload(
            name,
            f"odd shapes: {description}",
            recipe,
            LeastSquares(),
            threads=1,
            group="odd",
            known_failures=_SINGULAR if name in odd.SINGULAR else {},
        )
        for name, (description, recipe) in odd.SHAPES.items()
    ),
)
WORKLOADS = {workload.name: workload for workload in _ALL}
#: What is run if nothing is asked for, and with `--full`.
DEFAULT, FULL = ("default",), ("*",)

_SIZE = re.compile(r"(?P<samples>\d+)x(?P<features>\d+)(?P<options>(:[^:]+)*)")
#: The learning rate of a size with steps. Independent standard normal features have a Hessian of
#: about 2 I, so that each step takes a fifth of the error off; with more samples than features its
#: eigenvalues stay below 8, so that none diverges.
_RATE = 0.1
_MOST_STEPS = 10_000  # losses and coefficients of each are kept
#: Groups of sizes: time over samples at 10 features, and over features at 10,000 samples.
SIZES = {
    "scaling": (
        *("100x10", "300x10", "1000x10", "3000x10", "10000x10"),
        *("30000x10", "100000x10", "300000x10", "1000000x10"),
        *("10000x2", "10000x5", "10000x20", "10000x50"),
        *("10000x100", "10000x200", "10000x500", "10000x1000"),
    ),
    "scaling-descent": tuple(
        f"{samples}x10:steps=100"
        for samples in (300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
    ),
}
SIZE_HELP = (
    "SAMPLESxFEATURES[:float64][:sigma=1][:condition=1e4], least squares, or with :steps=100 as "
    "many of gradient descent"
)


def select(patterns: Sequence[str]) -> list[Workload]:
    """The workloads that names, groups, globs or sizes such as `5000x10:float64` ask for, in order.

    Raises:
        UserError: a pattern names nothing; the nearest name is suggested.
    """
    chosen: dict[str, Workload] = {}
    for pattern in (size for asked in patterns for size in SIZES.get(asked, (asked,))):
        if match := _SIZE.fullmatch(pattern):
            chosen[pattern] = _from_size(pattern, match)
            continue
        names = [n for n, w in WORKLOADS.items() if pattern == w.group or fnmatchcase(n, pattern)]
        if not names:
            raise _unknown(pattern)
        chosen.update((name, WORKLOADS[name]) for name in names)
    return list(chosen.values())


def _unknown(pattern: str) -> UserError:
    """With the nearest of all names, or else those of the groups and of the default workloads."""
    groups = [*dict.fromkeys(workload.group for workload in WORKLOADS.values()), *SIZES]
    near = difflib.get_close_matches(pattern, [*WORKLOADS, *groups], n=1, cutoff=0.5)
    few = [name for name, workload in WORKLOADS.items() if workload.group == groups[0]]
    return unknown("workload", pattern, near or [*few, *groups], f"or a size: {SIZE_HELP}")


def _from_size(text: str, match: re.Match[str]) -> Workload:
    samples, features = int(match["samples"]), int(match["features"])
    if samples < 2 or features < 1:
        raise UserError(f"workload {text!r}: needs at least 2 samples and 1 feature")
    dtype: DType = "float32"
    numbers: dict[str, float] = {"sigma": 1.0}
    method: Method = LeastSquares()
    what, stream = "least squares", text
    for option in filter(None, match["options"].split(":")):
        key, _, value = option.partition("=")
        if option == "float32" or option == "float64":
            dtype = option
        elif key in ("sigma", "condition"):
            numbers[key] = _number(text, key, value)
        elif key == "steps":
            steps = _steps(text, value)
            method = GradientDescent("squared", _RATE, steps, (0.0,) * features, 0.0)
            what = f"{steps:,} steps of gradient descent"
            # The data of the same size without steps: the two can be compared.
            stream = text.replace(f":{option}", "")
        else:
            raise UserError(f"workload {text!r}: {option!r} is no option; write {SIZE_HELP}")
        if key in ("condition", "steps") and features >= samples:
            raise UserError(f"workload {text!r}: {key} needs more samples than features")
    recipe = Synthetic(samples, features, dtype=dtype, **numbers)
    return Workload(text, f"{samples:,} x {features:,}, {what}", recipe, method, stream=stream)


def _steps(text: str, value: str) -> int:
    if not value.isdecimal() or not 1 <= int(value) <= _MOST_STEPS:
        whole = f"must be a whole number from 1 to {_MOST_STEPS:,}"
        raise UserError(f"workload {text!r}: steps {whole}")
    return int(value)


def _number(text: str, key: str, value: str) -> float:
    least = {"sigma": 0.0, "condition": 1.0}[key]
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not least <= number < float("inf"):
        raise UserError(f"workload {text!r}: {key} must be a number of at least {least:g}")
    return number
