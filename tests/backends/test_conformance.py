"""What every backend must do, the suite's own and third-party ones: see `backends.base`.

`pytest tests/backends/test_conformance.py --plugin FILE` puts the backends of FILE through it too.
"""

from __future__ import annotations

import math
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from backends import registry
from backends.base import GradientDescent, LeastSquares
from benchmarks.engine import machine
from benchmarks.engine.answers import Fitted, Limits
from benchmarks.engine.controlled import examine
from benchmarks.engine.first_fit import FirstFit
from benchmarks.problems.problem import Synthetic
from benchmarks.problems.workloads import WORKLOADS, Workload
from benchmarks.verdict import Verdict

if TYPE_CHECKING:
    from tests.backends.conftest import Served


def _descent(loss: str, n_features: int) -> GradientDescent:
    return GradientDescent(loss, 0.05, 30, (0.1,) * n_features, -0.2)


CASES = [
    WORKLOADS["tutorial"],
    Workload("l1", "", Synthetic(40, 3, sigma=0.1), _descent("l1", 3)),
    Workload("squared", "", Synthetic(60, 2, sigma=0.1, dtype="float64"), _descent("squared", 2)),
    WORKLOADS["line"],
    Workload("single", "", Synthetic(300, 7, sigma=0.1), LeastSquares()),
    Workload("double", "", Synthetic(200, 5, sigma=0.1, dtype="float64"), LeastSquares()),
    # float32 in disguise fails the case before; X'X in disguise, where "orthogonal" is said, this.
    WORKLOADS["ill-conditioned"],
    Workload("square", "", Synthetic(9, 8, sigma=0.1, dtype="float64"), LeastSquares()),
]


#: Those that are fitted again, before and after the limits are asked for.
AGAIN = [workload for workload in CASES if workload.name in ("l1", "double")]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each backend, device, and case that the backend can be asked for."""
    wanted = {"seen": CASES, "seen_again": AGAIN}
    fixture = next((name for name in wanted if name in metafunc.fixturenames), None)
    if fixture is None:
        return
    gpus = ["cuda:0"] if machine.gpus() else []  # the first stands for all
    plugins = tuple(metafunc.config.getoption("--plugin"))
    values = [
        pytest.param((name, device, case), id=f"{name}-{device}-{case.name}")
        for name, backend in registry.load(plugins).items()
        for device in ["cpu", *gpus]
        if device.partition(":")[0] in backend.devices
        for case in wanted[fixture]
        if case.method.kind in backend.methods
    ]
    metafunc.parametrize(fixture, values, indirect=True)


@dataclass
class Seen:
    """What a backend made of a case: everything that the tests look at, from one load."""

    workload: Workload
    device: str
    known_failure: str
    first: FirstFit
    #: The fit at the end of a sample and its verdict; limits; the verdict after one more sample.
    third: Fitted | None = None
    third_verdict: Verdict | None = None
    limits: Limits | None = None
    last_verdict: Verdict | None = None
    #: What fits of data that it had not seen, and the clock, say against its times.
    control: str | None = None
    watch: str | None = None


def _see(served: Served, name: str, device: str, workload: Workload) -> Seen:
    entry = served.entry(workload, name, device)
    pool, process = served.by(entry.process), entry.process
    seen = Seen(workload, device, entry.known_failure, pool.first_fit(entry))
    if workload in AGAIN:
        assert pool.sample(process, 2) > 0
        seen.third_verdict, _ = pool.last_fit(entry)
        seen.third = pool.workers[process].ask("last").fit
        asked = {"side": 64, "n_bytes": 1 << 16, "dtype": workload.recipe.dtype, "read": True}
        seen.limits = pool.workers[process].ask("limits", **asked)
        assert pool.sample(process, 1) > 0
        seen.last_verdict, _ = pool.last_fit(entry)
        pool.sample(process, 1)
        fits = 20 if workload.method.kind == "least squares" else 2
        ordinary = statistics.median(pool.sample(process, fits) for _ in range(5))
        if watch := pool.watched(process):
            seen.watch = watch.reason()
        seen.control = examine(pool, entry, process, ordinary)
    return seen


See = Callable[[str, str, Workload], Seen]


@pytest.fixture(scope="module")
def see(served: Served) -> See:
    """Sees to a backend, a device and a case once: some compile for seconds whenever they load."""
    known: dict[tuple[str, str, str], Seen] = {}

    def see(name: str, device: str, workload: Workload) -> Seen:
        key = name, device, workload.name
        if key not in known:
            known[key] = _see(served, name, device, workload)
        return known[key]

    return see


@pytest.fixture
def seen(request: pytest.FixtureRequest, see: See) -> Seen:
    """Each of `CASES`."""
    return see(*request.param)


@pytest.fixture
def seen_again(request: pytest.FixtureRequest, see: See) -> Seen:
    """Each of `AGAIN`."""
    return see(*request.param)


def test_a_backend_fits_what_it_is_given(seen: Seen) -> None:
    """Right by the gate, for float32 and float64, one workload after another in one process."""
    fit, workload = vars(seen.first.answer.fit), seen.workload
    if seen.known_failure:
        pytest.xfail(seen.known_failure)
    assert seen.first.reason == ""
    assert np.shape(fit["weight"]) == (workload.recipe.n_features,)
    assert math.isfinite(fit["bias"])
    if isinstance(workload.method, GradientDescent):
        assert np.shape(fit["train_losses"]) == (workload.method.epochs,)
        assert np.shape(fit["test_losses"]) == (workload.method.epochs,)
    else:
        assert fit["train_losses"] is None
        assert fit["test_losses"] is None


def test_a_backend_reports_what_is_in_force(seen: Seen) -> None:
    """The readings come from the framework, and agree with what was asked for."""
    description = seen.first.answer.description
    assert description["version"][0].isdigit()
    assert description["device"] == seen.device
    assert description["dtype"] == seen.workload.recipe.dtype
    assert description["threads"] in (1, None)
    assert description["algorithm"]


def test_a_fit_starts_afresh(seen_again: Seen) -> None:
    """The third fit equals the first: nothing is carried over, and the data are untouched."""
    assert seen_again.third is not None
    assert seen_again.third_verdict is not None
    assert seen_again.third_verdict.reason == ""
    np.testing.assert_allclose(
        seen_again.third.weight, seen_again.first.answer.fit.weight, rtol=1e-6
    )


def test_a_backend_shows_its_limits_or_none_and_is_right_afterwards(seen_again: Seen) -> None:
    assert seen_again.limits is not None
    assert seen_again.last_verdict is not None
    limits = seen_again.limits
    rates = limits.call_seconds, limits.product_rate, limits.read_rate
    assert all(rate is None or rate > 0 for rate in rates)
    assert bool(seen_again.limits.words) == (seen_again.limits.call_seconds is not None)
    assert seen_again.limits.read_rate is not None or seen_again.device != "cpu"
    assert seen_again.last_verdict.reason == ""


def test_the_time_of_a_backend_is_that_of_its_work(seen_again: Seen) -> None:
    """It keeps nothing of its data, loads nothing but bytes, and does as it is told."""
    assert seen_again.control == ""
    assert seen_again.watch == ""


def test_no_framework_is_imported_to_list_backends() -> None:
    """Importing all backends must stay free, and leave frameworks to their workers."""
    program = (
        "import sys; from backends import registry; print(*registry.load()); "
        "tops = {b.framework.partition('.')[0] for b in registry.load().values()} | {'keras'}; "
        "print(*sorted((tops - {'numpy'}) & set(sys.modules)))"
    )
    root = Path(registry.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    names, frameworks = done.stdout.split("\n")[:2]
    assert {"torch-eager", "tensorflow-xla", "numpy-gelsd", "sklearn-linear"} <= set(names.split())
    assert frameworks == ""
