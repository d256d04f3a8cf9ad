"""Fits by several workers against fits by one, where the laws of both are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.runfile.header import EntryRecord
from benchmarks.runfile.records import ExchangeRecord, Record
from benchmarks.runfile.run import Run
from reports.analysis import rows as results
from reports.sections import scaling
from reports.sections.sharing import Exchange, Sharing, payoffs, sharings
from tests.reports import runs

SIZES = (1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
LATENCY, RATE = 1e-4, 1e9  # seconds of an exchange by two workers, bytes a second
#: A fit by one process, and by two with as many threads, which read their memory faster.
ALONE, SHARED = 1e-9, 0.8e-9
#: 1e-9 n = 1e-4 + 0.8e-9 n
PAYS = LATENCY / (ALONE - SHARED)


def exchanged(entry: EntryRecord, workers: int = 2) -> ExchangeRecord:
    """What adding up takes where latency and rate are as above."""
    sizes = (8, 1 << 20)
    passed = 2 * (workers - 1) / workers
    seconds = [LATENCY, LATENCY + passed * (sizes[1] - sizes[0]) / RATE]
    return ExchangeRecord(entry=entry.id, n_bytes=sizes, seconds=seconds)


def run(cost: float = LATENCY, shared: float = SHARED, own: float = 0.0) -> Run:
    """Two workers and one, over samples; the one spends `own` seconds on messages."""
    rng = np.random.default_rng(3)
    entries: list[EntryRecord] = []
    records: list[Record] = []
    for size in SIZES:
        records.append(runs.plain(f"w{size}", n_samples=size))
        for workers, seconds in ((1, own + ALONE * size), (2, cost + shared * size)):
            name = f"w{size}/dask-gram/cpu/{workers}"
            fields = {"id": name, "workers": workers, "threads": 2}
            entries.append(entry := runs.entry(f"w{size}", "dask-gram", **fields))
            records.append(runs.judged(entry.id))
            noise = np.exp(0.01 * rng.standard_normal(20))
            records += [runs.sample(entry.id, n, seconds * x) for n, x in enumerate(noise)]
            if workers > 1:
                records.append(exchanged(entry))
            elif own:
                sizes = (8, 1 << 20)
                records.append(ExchangeRecord(entry=entry.id, n_bytes=sizes, seconds=(own, own)))
    return runs.of(runs.header(entries), *records)


def found(made: Run) -> tuple[list[Sharing], list[scaling.Series]]:
    rows = results.rows(made)
    return sharings(made, rows), scaling.series(made, rows)


def test_several_workers_pay_from_the_size_at_which_the_two_laws_cross() -> None:
    shared, (series,) = found(run())
    [((backend, workers, _), one)] = payoffs(series, shared).items()
    assert (backend, workers, one.answer) == ("dask-gram", 2, "from")
    assert one.crossing is not None
    assert one.crossing.low < PAYS < one.crossing.high


def test_where_distribution_only_costs_it_never_pays() -> None:
    shared, (series,) = found(run(shared=1.1e-9))
    (one,) = payoffs(series, shared).values()
    assert one.answer == "never"
    assert all(sharing.cost is not None and sharing.cost > 0 for sharing in shared)


def test_the_speed_up_has_an_interval_that_holds_the_truth() -> None:
    shared, _ = found(run())
    for size, sharing in zip(SIZES, shared, strict=True):
        truth = ALONE * size / (LATENCY + SHARED * size)
        assert sharing.speed_up is not None
        assert sharing.speed_up.low < truth < sharing.speed_up.high


@pytest.mark.parametrize("workers", [2, 4, 7])
def test_an_exchange_is_taken_apart_into_latency_and_rate(workers: int) -> None:
    entry = runs.entry("line", "dask-gram", workers=workers)
    known = Exchange.of(exchanged(entry, workers), workers)
    assert known.latency == pytest.approx(LATENCY)
    assert known.rate == pytest.approx(RATE, rel=1e-6)
    assert known.seconds(1, 800) == 0
    twice = 2 ** (2 * math.ceil(math.log2(workers)))
    passed = 2 * (twice - 1) / twice * 800
    assert known.seconds(twice, 800) == pytest.approx(2 * LATENCY + passed / RATE, rel=1e-6)


def test_an_exchange_that_is_no_slower_for_more_bytes_shows_no_rate() -> None:
    record = ExchangeRecord(entry="a", n_bytes=[8, 80], seconds=[1e-4, 0.9e-4])
    assert Exchange.of(record, 2).rate == math.inf


def test_the_projection_is_right_where_its_assumptions_hold() -> None:
    """All work is shared, and an exchange costs what was measured."""
    shared, _ = found(run(shared=ALONE))
    last = shared[-1]
    assert last.error == pytest.approx(0, abs=0.02)
    bytes_passed = 2 * 63 / 64 * 12**2 * 8
    truth = 2 * ALONE * SIZES[-1] / 64 + 6 * LATENCY + bytes_passed / RATE
    assert last.projected(64) == pytest.approx(truth, rel=0.02)


def test_messages_of_one_worker_to_itself_are_no_work_to_be_shared() -> None:
    """As with a scheduler, which takes part in either case."""
    shared, _ = found(run(shared=ALONE, own=LATENCY))
    assert [one.error for one in shared] == pytest.approx([0.0] * len(shared), abs=0.03)


def test_its_error_says_how_far_it_is_off() -> None:
    shared, _ = found(run(shared=2 * ALONE))
    truth = (ALONE * SIZES[-1] + LATENCY) / (2 * ALONE * SIZES[-1] + LATENCY)
    assert shared[-1].error == pytest.approx(truth - 1, abs=0.02)


def test_an_entry_without_its_counterpart_is_left_out() -> None:
    entry = runs.entry("line", "dask-gram", workers=2)
    samples = [runs.sample(entry.id, n, 1e-3) for n in range(5)]
    made = runs.of(runs.header([entry]), runs.plain("line"), runs.judged(entry.id), *samples)
    assert found(made)[0] == []
