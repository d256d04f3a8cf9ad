"""Workloads: a problem, a method and a dtype under a name."""

import difflib
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import TYPE_CHECKING, get_args

from backends.base import GradientDescent, LeastSquares, Method, Stability
from benchmarks.errors import UserError, unknown
from benchmarks.problems import certified
from benchmarks.problems.certified import CertifiedSet
from benchmarks.problems.problem import (
    DType,
    Given,
    New,
    Problem,
    Recipe,
    Synthetic,
    in_memory,
    tutorial,
)

if TYPE_CHECKING:  # pydantic, which would make `linreg-bench list` slow
    from benchmarks.runfile.header import DataFile


@dataclass(frozen=True)
class Workload:
    """What is asked of a backend, under a name."""

    name: str
    description: str
    recipe: Recipe
    method: Method = field(default_factory=LeastSquares)
    #: CPU threads by default; None: all cores. Small data gain nothing from a second thread.
    threads: int | None = None
    #: Selects all its workloads; "default" runs by default.
    group: str = "default"
    #: Workloads with the same stream and recipe have the same data; None: the name.
    stream: str | None = None
    #: Why all backends of a stability are expected to fail (see `Backend.known_failures`).
    known_failures: Mapping[Stability, str] = field(default_factory=dict)
    file: "DataFile | None" = None  # for the user's own data

    def make(self, seed: int, new: New = in_memory) -> Problem:
        """The problem for a run's seed, mixed with the stream's name; `new` makes its arrays."""
        stream = self.stream or self.name
        return self.recipe.make((seed << 32) + zlib.crc32(stream.encode()), new)

    @property
    def bytes(self) -> int:
        """Size of all arrays of the problem."""
        rows = self.recipe.n_samples + self.recipe.n_test
        return rows * (self.recipe.n_features + 1) * (4 if self.recipe.dtype == "float32" else 8)


_LOST = "too ill-conditioned: rounding may leave no digit to such solvers"
_DEPENDENT = ("odd-square", "odd-wide", "odd-constant", "odd-twice", "odd-sum*")
#: Why solvers of a stability may get some workloads (globs) wrong. On certified sets, eps kappa > 1
#: in the units of the data, or eps kappa**2 > 1 in columns of length 1 for normal equations.
_KNOWN_FAILURES: Sequence[tuple[Stability, str, Sequence[str]]] = (
    ("orthogonal", _LOST, ("nist-filip", "nist-[flpw]*-float32")),
    ("normal equations", _LOST, ("nist-filip", "nist-[flw]*-float32")),
    ("normal equations", "the features are dependent, so X'X is singular", _DEPENDENT),
)


def _small(name: str, description: str, recipe: Recipe, group: str) -> Workload:
    """Least squares on one thread, with what is known to fail."""
    failures = {
        stability: why
        for stability, why, globs in _KNOWN_FAILURES
        if any(fnmatchcase(name, glob) for glob in globs)
    }
    return Workload(name, description, recipe, threads=1, group=group, known_failures=failures)


def certified_workload(set_: CertifiedSet, dtype: DType) -> Workload:
    """Least squares of a certified set in one dtype."""
    name = f"nist-{set_.name.lower()}{'' if dtype == 'float64' else f'-{dtype}'}"
    mirrored = "" if set_.intercept else ", mirrored so that the intercept is 0"
    description = f"certified coefficients: NIST StRD {set_.name}{mirrored}"
    return _small(name, description, Given(set_.problem(dtype)), "nist")


_LINE = Synthetic(n_samples=1_000, n_features=1, sigma=0.5)
_MODERATE = Synthetic(n_samples=5_000, n_features=20, sigma=1.0, condition=7.0, dtype="float64")
_PLAIN = Synthetic(n_samples=200, n_features=5, sigma=0.5, tested=False)
_SUM = replace(_PLAIN, last=lambda X: X[:, 0] + X[:, 1])  # rounded: not exactly the sum
_ODD: Mapping[str, tuple[str, Recipe]] = {
    "single": ("one feature, three samples", Synthetic(3, 1, sigma=0.5)),
    "square": ("as many features as samples", Synthetic(20, 20, sigma=0.5)),
    "wide": ("more features than samples", Synthetic(20, 50, sigma=0.5)),
    "constant": ("a feature that is constant", replace(_PLAIN, last=lambda X: 3.0)),
    "twice": ("the same feature twice", replace(_PLAIN, last=lambda X: X[:, 0])),
    "sum": ("a feature that is the rounded sum of two others: float32 cannot tell the rank", _SUM),
    "sum-float64": (
        "a feature that is the rounded sum of two others, in float64",
        replace(_SUM, dtype="float64"),
    ),
    "zero-targets": ("all targets are 0", replace(_PLAIN, target=0.0)),
    "constant-targets": ("all targets are the same", replace(_PLAIN, target=3.0)),
}

TUTORIAL = Workload(
    "tutorial",
    "the PyTorch tutorial: 80 points on a line, L1 loss, SGD with lr 0.01, 500 epochs",
    Given(tutorial()),
    # The tutorial's random start is recovered from the losses that it prints, and reproduces
    # them to about 1e-6 up to epoch 300.
    GradientDescent("l1", 0.01, 500, (-0.4936687648296356,), 0.37220147252082825),
    threads=1,
)
_ALL = (
    TUTORIAL,
    Workload(
        "line-descent",
        "a noisy line, squared loss, 100 steps of gradient descent",
        _LINE,
        GradientDescent("squared", 0.1, 100, (0.0,), 0.0),
        threads=1,
        stream="line",
    ),
    Workload("line", "a noisy line, least squares", _LINE, threads=1),
    Workload(
        "tall",
        "many samples of few features, least squares",
        Synthetic(n_samples=100_000, n_features=20, sigma=1.0),
    ),
    Workload(
        "wide",
        "a quarter as many features as samples, least squares",
        Synthetic(n_samples=2_000, n_features=500, sigma=1.0),
    ),
    Workload(
        "ill-conditioned",
        "nearly dependent features (condition number 1e6), float64",
        Synthetic(n_samples=5_000, n_features=20, sigma=1e-3, condition=1e6, dtype="float64"),
    ),
    Workload(
        "moderate-descent",
        "20 features of condition number 7, squared loss, 500 steps of gradient descent",
        _MODERATE,
        # The Hessian has eigenvalues from 2/49 to 2. In the end the error shrinks by 1 - 1.8/49
        # in each step, and is below 1e-6 after about 370 steps.
        GradientDescent("squared", 0.9, 500, (0.0,) * 20, 0.0),
        threads=1,
        group="accuracy",
        stream="moderate",
    ),
    Workload(
        "moderate",
        "20 features of condition number 7, least squares on the data of moderate-descent",
        _MODERATE,
        threads=1,
        group="accuracy",
    ),
    *(
        certified_workload(set_, dtype)
        for set_ in map(certified.load, sorted(certified.FOLDER.glob("*.dat")))
        for dtype in ("float64", "float32")
    ),
    *(
        _small(f"odd-{name}", f"odd shapes: {about}", recipe, "odd")
        for name, (about, recipe) in _ODD.items()
    ),
)
WORKLOADS = {workload.name: workload for workload in _ALL}
#: What runs by default, and with `--full`.
DEFAULT, FULL = ("default",), ("*",)

_SIZE = re.compile(r"(?P<samples>\d+)x(?P<features>\d+)(?P<options>(:[^:]+)*)")
#: The learning rate of a size with steps. The Hessian is about 2 I, so each step removes a fifth of
#: the error. Its eigenvalues are below 8 for n > p, so no descent diverges.
_RATE = 0.1
_MOST_STEPS = 10_000  # the losses and coefficients of each step are kept
_SAMPLES = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
_FEATURES = (2, 5, 20, 50, 100, 200, 500, 1_000)
#: Groups of sizes: samples vary at 10 features, and features at 10,000 samples.
SIZES = {
    "scaling": (*(f"{n}x10" for n in _SAMPLES), *(f"10000x{p}" for p in _FEATURES)),
    "scaling-descent": tuple(f"{n}x10:steps=100" for n in _SAMPLES[1:]),
}
SIZE_HELP = (
    "SAMPLESxFEATURES[:float64][:sigma=1][:condition=1e4] for least squares; add :steps=100 for "
    "100 steps of gradient descent"
)


def select(
    patterns: Sequence[str], further: Mapping[str, Workload] = MappingProxyType({})
) -> list[Workload]:
    """Workloads by names, groups, globs or sizes such as `5000x10:float64`, in the order given.

    `further` are those of plug-ins.

    Raises:
        UserError: a pattern matches nothing; the nearest name is suggested.
    """
    chosen: dict[str, Workload] = {}
    known = {**WORKLOADS, **further}
    for pattern in (size for asked in patterns for size in SIZES.get(asked, (asked,))):
        if match := _SIZE.fullmatch(pattern):
            chosen[pattern] = _from_size(pattern, match)
            continue
        names = [n for n, w in known.items() if pattern == w.group or fnmatchcase(n, pattern)]
        if not names:
            groups = [*dict.fromkeys(w.group for w in known.values()), *SIZES]
            near = difflib.get_close_matches(pattern, [*known, *groups], n=1, cutoff=0.5)
            default = [name for name, w in WORKLOADS.items() if w.group in DEFAULT]
            hint = f"or a size: {SIZE_HELP}"
            raise unknown("workload", pattern, near or [*default, *groups], hint)
        chosen.update((name, known[name]) for name in names)
    return list(chosen.values())


def _from_size(text: str, match: re.Match[str]) -> Workload:
    samples, features = int(match["samples"]), int(match["features"])
    if samples < 2 or features < 1:
        raise UserError(f"workload {text!r}: needs at least 2 samples and 1 feature")
    recipe = Synthetic(samples, features, sigma=1.0)
    method: Method = LeastSquares()
    what, stream = "least squares", text
    given = set[str]()
    for option in filter(None, match["options"].split(":")):
        key, _, value = option.partition("=")
        kind = "dtype" if option in get_args(DType) else key
        if kind in given:
            raise UserError(f"workload {text!r}: two values for {kind}; give one")
        given.add(kind)
        if option == "float32" or option == "float64":
            recipe = replace(recipe, dtype=option)
        elif key == "sigma":
            recipe = replace(recipe, sigma=_number(text, key, value, 0.0))
        elif key == "condition":
            recipe = replace(recipe, condition=_number(text, key, value, 1.0))
        elif key == "steps":
            steps = int(value) if value.isdecimal() else 0
            if not 1 <= steps <= _MOST_STEPS:
                limits = f"from 1 to {_MOST_STEPS:,}"
                raise UserError(f"workload {text!r}: steps must be a whole number {limits}")
            method = GradientDescent("squared", _RATE, steps, (0.0,) * features, 0.0)
            what = f"{steps:,} steps of gradient descent"
            # The same data as the size without steps, so that the two can be compared.
            stream = text.replace(f":{option}", "")
        else:
            raise UserError(f"workload {text!r}: unknown option {option!r}; write {SIZE_HELP}")
        if key in ("condition", "steps") and features >= samples:
            raise UserError(f"workload {text!r}: {key} needs more samples than features")
        if key == "condition" and features < 2:
            raise UserError(f"workload {text!r}: condition needs 2 features or more")
    return Workload(text, f"{samples:,} x {features:,}, {what}", recipe, method, stream=stream)


def _number(text: str, key: str, value: str, least: float) -> float:
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not least <= number < float("inf"):
        raise UserError(f"workload {text!r}: {key} must be a number of at least {least:g}")
    return number
