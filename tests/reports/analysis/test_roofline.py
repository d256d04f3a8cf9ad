"""The floor by numbers computed by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.runfile.records import (
    ControlRecord,
    MethodRecord,
    Record,
    RooflineRecord,
    WorkloadRecord,
)
from reports.analysis import roofline as floor
from reports.analysis.roofline import Floor, Place, Work
from tests.reports import runs

LEAST_SQUARES = MethodRecord(kind="least squares")
DESCENT = MethodRecord(kind="gradient descent", epochs=5)


def workload(method: MethodRecord, dtype: str = "float32", name: str = "w") -> WorkloadRecord:
    sizes = {"n_samples": 100, "n_features": 3, "n_test": 10}
    return replace(runs.plain(name, **sizes), method=method, dtype=dtype)  # type: ignore[arg-type]


def limit(framework: str = "numpy", **fields: Any) -> RooflineRecord:
    rates = dict.fromkeys(("call_seconds", "product_rate", "read_rate"))
    return runs.limit(fields.pop("workload", "w"), framework, **rates | fields)


def floors(*records: Record) -> dict[Place, Floor]:
    return floor.floors(runs.of(runs.header(), *records))


def test_least_squares_reads_once_and_multiplies_by_symmetry() -> None:
    """100 x (3 + 1) numbers; 100 x 3 x 4 operations for X'X and 27 / 3 for its factor."""
    assert Work.least(workload(LEAST_SQUARES)) == Work(1600, 1209)
    assert Work.least(workload(LEAST_SQUARES, "float64")) == Work(3200, 1209)


def test_with_more_features_than_samples_the_smaller_product_is_the_least() -> None:
    """XX' of 10 samples: 60 x 10 x 11 operations, and 1000 / 3 for its factor."""
    wide = replace(workload(LEAST_SQUARES), n_samples=10, n_features=60)
    assert Work.least(wide) == Work(10 * 61 * 4, 6600 + 1000 / 3)


def test_an_epoch_reads_training_and_test_data_once() -> None:
    """5 x 110 x 4 numbers; 5 x (4 x 100 x 3 + 2 x 10 x 3) operations."""
    assert Work.least(workload(DESCENT)) == Work(8800, 6300)
    assert Work.least(workload(DESCENT, "float64")) == Work(17600, 6300)


@pytest.mark.parametrize(
    ("fetched", "seconds", "bound"), [((1500, 1200), 3.0, "disk"), ((1500, 0), 2.0, "memory")]
)
def test_what_memory_does_not_hold_comes_at_the_rate_of_the_disk(
    fetched: tuple[int, ...], seconds: float, bound: str
) -> None:
    """That which every fit has to fetch: what one has to fetch twice is its own affair."""
    header = runs.header([runs.entry("w", f"numpy-{n}") for n, _ in enumerate(fetched)])
    records = [
        ControlRecord(entry=entry.id, disk_bytes=n_bytes)
        for entry, n_bytes in zip(header.entries, fetched, strict=True)
    ]
    rates = limit(read_rate=800.0, product_rate=1209.0, disk_rate=400.0)
    run = runs.of(header, workload(LEAST_SQUARES), rates, *records)
    [found] = floor.floors(run).values()
    assert (found.seconds, found.bound) == (seconds, bound)


@pytest.mark.parametrize(
    ("read", "product", "seconds", "bound"),
    [(800.0, 1209.0, 2.0, "memory"), (1600.0, 403.0, 3.0, "arithmetic")],
)
def test_the_floor_is_the_larger_of_both(
    read: float, product: float, seconds: float, bound: str
) -> None:
    records = [workload(LEAST_SQUARES), limit(read_rate=read, product_rate=product)]
    [(place, found)] = floors(*records).items()
    assert place == ("w", "cpu", 1)
    assert found.seconds == pytest.approx(seconds)
    assert found.bound == bound
    assert found.seconds == max(found.takes["memory"], found.takes["arithmetic"])


def test_the_best_rate_counts_whoever_showed_it() -> None:
    records = [
        workload(LEAST_SQUARES),
        limit(read_rate=5.0, product_rate=10.0),
        limit(read_rate=7.0, product_rate=12.0),
        limit(read_rate=6.0, product_rate=11.0),
        limit("torch", product_rate=20.0),
        limit("torch", product_rate=16.0),
    ]
    [found] = floors(*records).values()
    assert (found.read.value, found.read.typical) == (7, 6)
    assert (found.product.value, found.product.typical) == (20, 18)


def test_limits_hold_for_their_own_workload_device_and_threads() -> None:
    rates = {"read_rate": 1.0, "product_rate": 1.0}
    records = [
        workload(LEAST_SQUARES),
        workload(DESCENT, name="v"),
        limit(**rates),
        limit(threads=4, read_rate=100.0, product_rate=100.0),
        limit(workload="v", device="cuda:0", **rates),
    ]
    found = floors(*records)
    assert set(found) == {("w", "cpu", 1), ("w", "cpu", 4), ("v", "cuda:0", 1)}
    assert found["w", "cpu", 1].seconds == 1600
    assert found["w", "cpu", 4].seconds == 16
    assert found["v", "cuda:0", 1].seconds == 8800


def test_products_are_as_fast_in_one_workload_as_in_another_of_the_dtype() -> None:
    records = [
        *(workload(LEAST_SQUARES, name=name) for name in "wv"),
        workload(LEAST_SQUARES, "float64", name="double"),
        limit(read_rate=5.0, product_rate=10.0),
        limit(workload="v", read_rate=6.0, product_rate=20.0),
        limit(workload="double", dtype="float64", read_rate=7.0, product_rate=30.0),
    ]
    found = {place[0]: one for place, one in floors(*records).items()}
    assert {name: one.product.value for name, one in found.items()} == {
        "w": 20,
        "v": 20,
        "double": 30,
    }
    assert [one.read.value for one in found.values()] == [5, 6, 7]


@pytest.mark.parametrize("lacking", ["read_rate", "product_rate"])
def test_half_a_measurement_gives_no_floor(lacking: str) -> None:
    rates = {"read_rate": 1.0, "product_rate": 1.0} | {lacking: None}
    assert floors(workload(LEAST_SQUARES), limit(**rates)) == {}


def test_the_cheapest_calls_come_first() -> None:
    records = [
        limit("torch", call_seconds=2e-6),
        limit("torch", call_seconds=1e-6),
        limit("torch", call_seconds=4e-6),
        limit("numpy", call_seconds=3e-7),
        limit("sklearn"),
    ]
    calls = floor.calls(runs.of(runs.header(), *records))
    assert [(c.framework, c.seconds.value, c.seconds.typical) for c in calls] == [
        ("numpy", 3e-7, 3e-7),
        ("torch", 1e-6, 2e-6),
    ]
