"""An entry that did other work than it was given is found out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from benchmarks.engine.parity import mismatch

from backends import registry
from benchmarks.engine.plan import Entry
from benchmarks.engine.process import Home
from benchmarks.problems.workloads import WORKLOADS

SHA = "5" * 64
FAIR = {
    "version": "1.0",
    "device": "cpu",
    "dtype": "float32",
    "threads": 2,
    "algorithm": "gelsd",
    "tf32": False,
}


def entry(device: str = "cpu", workload: str = "line") -> Entry:
    return Entry(WORKLOADS[workload], registry.load()["torch-cholesky"], Home("x", device, 2))


def found(changes: dict[str, Any], asked: Entry | None = None, received: str = SHA) -> str:
    return mismatch(asked or entry(), FAIR | changes, received, SHA)


def test_the_work_that_was_asked_for_has_no_mismatch() -> None:
    assert found({}) == ""
    assert found({"dtype": "float64"}, entry(workload="ill-conditioned")) == ""


@pytest.mark.parametrize("device", ["cuda:0", "cuda:1"])
def test_a_worker_calls_its_only_gpu_the_first(device: str) -> None:
    assert found({"device": "cuda:0"}, entry(device)) == ""
    assert found({}, entry(device)) == "device is 'cpu', not 'cuda:0' as asked for"
    assert "device is 'cuda:0'" in found({"device": "cuda:0"})


@pytest.mark.parametrize("tf32", [True, False])
def test_tf32_is_on_where_it_was_asked_for_and_nowhere_else(tf32: bool) -> None:
    asked = replace(entry("cuda:0"), home=Home("x", "cuda:0", 2, tf32=tf32))
    assert found({"device": "cuda:0", "tf32": tf32}, asked) == ""
    said = f"tf32 is {not tf32}, not {tf32} as asked for"
    assert found({"device": "cuda:0", "tf32": not tf32}, asked) == said


def test_other_data_are_found_first() -> None:
    assert "SHA-256" in found({"dtype": "float64"}, received="6" * 64)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dtype": "float64"}, "dtype is 'float64', not 'float32' as asked for"),
        ({"threads": 64}, "threads is 64, not 2 as asked for"),
        ({"threads": 0}, "threads is 0, not 2 as asked for"),
        ({"tf32": True}, "tf32 is True, not False as asked for"),
    ],
)
def test_a_difference_is_named_with_what_was_asked_for(changes: dict[str, Any], said: str) -> None:
    assert found(changes) == said


@pytest.mark.parametrize("key", ["threads", "tf32"])
def test_what_a_framework_cannot_say_is_let_pass(key: str) -> None:
    assert found({key: None}) == ""
    assert mismatch(entry(), {k: v for k, v in FAIR.items() if k != key}, SHA, SHA) == ""


@pytest.mark.parametrize("key", ["version", "device", "dtype", "algorithm"])
def test_what_every_backend_has_to_say_may_not_be_missing(key: str) -> None:
    assert found({key: None}) == f"does not say its {key}"
    assert mismatch(entry(), {k: v for k, v in FAIR.items() if k != key}, SHA, SHA)


@pytest.mark.parametrize("key", ["version", "algorithm"])
def test_an_empty_word_says_nothing(key: str) -> None:
    assert found({key: ""}) == f"does not say its {key}"
