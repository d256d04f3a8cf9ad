"""From which size CUDA pays, of curves whose laws are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import pytest

from benchmarks.runfile.header import EntryRecord
from benchmarks.runfile.records import FitRecord, Record, TransferRecord
from benchmarks.runfile.run import Run
from reports.analysis import rows as results
from reports.analysis.crossing import Comparison
from reports.sections import scaling
from reports.sections.break_even import BreakEven
from tests.reports import runs

Law = Callable[[float], float]

SIZES = (1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
CPU: Law = lambda n: 1e-9 * n  # noqa: E731
CUDA: Law = lambda n: 1e-4 + 1e-11 * n  # noqa: E731
TRANSFER: Law = lambda n: 1e-10 * n  # noqa: E731
NOTHING: Law = lambda n: 1e-7  # noqa: E731
#: 1e-9 n = 1e-4 + 1e-11 n, and 1e-9 n = 1e-4 + 1.1e-10 n.
ON_DEVICE, ON_HOST = 1e-4 / 0.99e-9, 1e-4 / 0.89e-9


def run(
    laws: Mapping[tuple[str, str], tuple[Law, Law]],
    sizes: tuple[int, ...] = SIZES,
    *,
    noise: float = 0.01,
    transfers: int = 10,
    first: float = 50.0,
    seed: int = 1,
) -> Run:
    """A run over samples: of each backend and device, the laws of a fit and of a transfer."""
    rng = np.random.default_rng(seed)
    entries: list[EntryRecord] = []
    records: list[Record] = []

    def taken(law: Law, size: int) -> float:
        return law(size) * math.exp(noise * rng.standard_normal())

    for size in sizes:
        records.append(runs.plain(f"w{size}", n_samples=size))
        for (backend, device), (fit, transfer) in laws.items():
            entries.append(entry := runs.entry(f"w{size}", backend, device))
            records.append(runs.judged(entry.id))
            # The first transfer allocates memory as well: it is not typical.
            records.append(FitRecord(entry=entry.id, transfer_seconds=first * transfer(size)))
            records += [runs.sample(entry.id, turn, taken(fit, size)) for turn in range(20)]
            if later := [taken(transfer, size) for _ in range(transfers)]:
                records.append(TransferRecord(entry=entry.id, seconds=later))
    return runs.of(runs.header(entries), *records)


def found(made: Run) -> dict[tuple[str | None, bool], Comparison]:
    [series] = scaling.series(made, results.rows(made))
    return {
        (backend, transfer): one
        for (backend, _), by_place in BreakEven(series).answers.items()
        for transfer, one in by_place.items()
    }


PAIR = {("a", "cpu"): (CPU, NOTHING), ("a", "cuda:0"): (CUDA, TRANSFER)}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("transfer", "truth"), [(False, ON_DEVICE), (True, ON_HOST)])
def test_the_interval_holds_the_size_from_which_cuda_pays(
    transfer: bool, truth: float, seed: int
) -> None:
    one = found(run(PAIR, seed=seed))["a", transfer]
    assert one.answer == "from"
    assert one.crossing
    assert one.crossing.low < truth < one.crossing.high
    assert one.crossing.high / one.crossing.low < 1.25
    assert one.crossing.size == pytest.approx(truth, rel=0.05)


def test_both_variants_hold_as_often_as_they_say() -> None:
    """95 % of 60 is 57."""
    held = {False: 0, True: 0}
    for seed in range(60):
        for (_, transfer), one in found(run(PAIR, noise=0.03, seed=seed)).items():
            assert one.crossing
            truth = ON_HOST if transfer else ON_DEVICE
            held[transfer] += one.crossing.low < truth < one.crossing.high
    # Of the pair, and of the fastest of each device, which is the same.
    assert min(held.values()) >= 2 * 57


def test_a_transfer_that_was_timed_once_says_little() -> None:
    widths = {}
    for transfers in (0, 10):
        crossing = found(run(PAIR, transfers=transfers, first=1.0))["a", True].crossing
        assert crossing
        widths[transfers] = math.log(crossing.high / crossing.low)
    assert widths[0] > 2 * widths[10]


def test_of_each_device_the_fastest_counts_and_not_the_same_backend() -> None:
    """b is the best on the CPU and a on CUDA; each alone would pay earlier or later."""
    laws = {
        ("a", "cpu"): (lambda n: 3e-9 * n, NOTHING),
        ("a", "cuda:0"): (CUDA, TRANSFER),
        ("b", "cpu"): (CPU, NOTHING),
        ("b", "cuda:0"): (lambda n: 4e-4 + 1e-11 * n, TRANSFER),
        ("only-cpu", "cpu"): (lambda n: 1e-5 + 1e-9 * n, NOTHING),
    }
    answers = found(run(laws))
    assert {backend for backend, _ in answers} == {None, "a", "b"}
    for backend, truth in {None: ON_DEVICE, "a": 1e-4 / 2.99e-9, "b": 4e-4 / 0.99e-9}.items():
        crossing = answers[backend, False].crossing
        assert crossing
        assert crossing.low < truth < crossing.high


def test_with_data_on_the_host_the_fastest_is_that_of_fit_and_transfer() -> None:
    """The other one fits faster, but its transfers eat that up."""
    dear = {("b", "cuda:0"): (lambda n: 1e-5 + 1e-11 * n, lambda n: 1e-3)}
    answers = found(run(PAIR | dear))
    for transfer, truth in {False: 1e-5 / 0.99e-9, True: ON_HOST}.items():
        crossing = answers[None, transfer].crossing
        assert crossing
        assert crossing.low < truth < crossing.high


def test_if_it_pays_twice_the_last_time_counts() -> None:
    def late(n: float) -> float:
        return 1e-9 * n * (0.5 if 2000 < n < 20_000 or n > 200_000 else 2)

    one = found(run({("a", "cpu"): (CPU, NOTHING), ("a", "cuda:0"): (late, NOTHING)}))["a", False]
    assert one.answer == "from"
    assert one.crossing
    assert 100_000 < one.crossing.low < one.crossing.high < 300_000


@pytest.mark.parametrize(
    ("cuda", "answer"),
    [
        (lambda n: 1e-8 + 1e-10 * n, "always"),
        (lambda n: 1e-2 + 1e-9 * n, "never"),
        (lambda n: 1e-9 * n, "cannot tell"),
        (lambda n: (0.5 if n < 20_000 else 2) * 1e-9 * n, "until"),
    ],
)
def test_where_the_curves_do_not_cross_that_is_said(cuda: Law, answer: str) -> None:
    laws = {("a", "cpu"): (CPU, NOTHING), ("a", "cuda:0"): (cuda, NOTHING)}
    one = found(run(laws))["a", False]
    assert one.answer == answer
    assert (one.crossing is not None) == (answer == "until")


def test_a_transfer_can_cost_all_that_cuda_gains() -> None:
    laws = {("a", "cpu"): (CPU, NOTHING), ("a", "cuda:0"): (CUDA, CPU)}
    answers = found(run(laws))
    assert (answers["a", False].answer, answers["a", True].answer) == ("from", "never")


def test_each_gpu_is_held_against_the_cpu() -> None:
    second = {("a", "cuda:1"): (lambda n: 1e-5 + 1e-11 * n, TRANSFER)}
    made = run(PAIR | second)
    [series] = scaling.series(made, results.rows(made))
    answers = BreakEven(series).answers.items()
    devices = [(device, by_place[False].answer) for (_, device), by_place in answers]
    assert devices == [("cuda:0", "from")] * 2 + [("cuda:1", "from")] * 2


def test_without_a_gpu_there_is_nothing_to_say() -> None:
    assert found(run({("a", "cpu"): (CPU, NOTHING)})) == {}


def test_the_first_certain_size_is_known() -> None:
    laws = {
        ("a", "cpu"): (CPU, NOTHING),
        ("a", "cuda:0"): (lambda n: min(1.0, 2e3 / n) * 1e-9 * n, NOTHING),
    }
    one = found(run(laws))["a", False]
    assert (one.answer, one.first_certain) == ("always", 3000)
