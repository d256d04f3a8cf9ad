"""What every backend must do, the suite's own and third-party ones: see `backends.base`.

`pytest tests/backends/test_conformance.py --plugin FILE` puts the backends of FILE through it too.
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from backends import registry
from backends.base import Backend, GradientDescent, LeastSquares
from benchmarks import machine
from benchmarks.plan import Entry
from benchmarks.pool import FirstFit, Pool
from benchmarks.problems import Synthetic
from benchmarks.workers import Home
from benchmarks.workloads import WORKLOADS, Workload


def _descent(loss: str, n_features: int) -> GradientDescent:
    return GradientDescent(loss, 0.05, 30, (0.1,) * n_features, -0.2)


CASES = [
    WORKLOADS["tutorial"],
    Workload("l1", "", Synthetic(40, 3, sigma=0.1), _descent("l1", 3)),
    Workload("squared", "", Synthetic(60, 2, sigma=0.1, dtype="float64"), _descent("squared", 2)),
    WORKLOADS["line"],
    Workload("single", "", Synthetic(300, 7, sigma=0.1), LeastSquares()),
    Workload("double", "", Synthetic(200, 5, sigma=0.1, dtype="float64"), LeastSquares()),
    Workload("square", "", Synthetic(9, 8, sigma=0.1, dtype="float64"), LeastSquares()),
]


@dataclass
class Conforming:
    """A backend in its worker, which serves one case after another."""

    backend: type[Backend]
    home: Home
    pool: Pool

    def entry(self, workload: Workload) -> Entry:
        if workload.method.kind not in self.backend.methods:
            pytest.skip(f"{self.backend.name} does not solve {workload.method.kind}")
        return Entry(workload, self.backend, self.home)

    def first_fit(self, workload: Workload) -> FirstFit:
        return self.pool.first_fit(self.entry(workload))


@pytest.fixture(scope="module")
def conforming(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Conforming]:
    name, device = request.param
    plugins = tuple(request.config.getoption("--plugin"))
    backend = registry.load(plugins)[name]
    if missing := registry.missing(backend):
        pytest.skip(missing)
    cores = machine.usable_cores()
    folder = tmp_path_factory.mktemp("conformance")
    with Pool(folder, cores, plugins=plugins) as pool:
        yield Conforming(backend, Home(name, device, threads=1), pool)


@pytest.mark.parametrize("workload", CASES, ids=lambda workload: workload.name)
def test_a_backend_fits_what_it_is_given(conforming: Conforming, workload: Workload) -> None:
    """Right by the gate, for float32 and float64, one workload after another in one process."""
    first = conforming.first_fit(workload)
    assert first.reason == ""
    assert np.shape(first.fit["weight"]) == (workload.recipe.n_features,)
    assert math.isfinite(first.fit["bias"])
    if isinstance(workload.method, GradientDescent):
        assert np.shape(first.fit["train_losses"]) == (workload.method.epochs,)
        assert np.shape(first.fit["test_losses"]) == (workload.method.epochs,)
    else:
        assert first.fit["train_losses"] is None
        assert first.fit["test_losses"] is None


@pytest.mark.parametrize(
    "workload", [w for w in CASES if w.name in ("l1", "double")], ids=lambda w: w.name
)
def test_a_fit_starts_afresh(conforming: Conforming, workload: Workload) -> None:
    """The third fit equals the first: nothing is carried over, and the data are untouched."""
    entry = conforming.entry(workload)
    first = np.array(conforming.first_fit(workload).fit["weight"])
    assert conforming.pool.sample(entry, 2) > 0
    assert conforming.pool.judge_last(entry).reason == ""
    last = conforming.pool.workers[conforming.home].ask("last")["fit"]["weight"]
    np.testing.assert_allclose(last, first, rtol=1e-6)


def test_a_backend_reports_what_is_in_force(conforming: Conforming) -> None:
    """The readings come from the framework, and agree with what was asked for."""
    workload = next(w for w in CASES if w.method.kind in conforming.backend.methods)
    description = conforming.first_fit(workload).description
    assert description["version"][0].isdigit()
    assert description["device"] == conforming.home.device
    assert description["dtype"] == workload.recipe.dtype
    assert description["threads"] in (1, None)
    assert description["algorithm"]


def test_no_framework_is_imported_to_list_backends() -> None:
    """Importing all backends must stay free, and leave frameworks to their workers."""
    program = (
        "import sys; from backends import registry; print(*registry.load()); "
        "print(*sorted({'torch', 'tensorflow', 'keras', 'sklearn', 'jax'} & set(sys.modules)))"
    )
    root = Path(registry.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    names, frameworks = done.stdout.split("\n")[:2]
    assert {"torch-eager", "tensorflow-xla", "numpy-gelsd", "sklearn-linear"} <= set(names.split())
    assert frameworks == ""
