"""Rounds on a fake clock: who is sampled when, for how long, and when it is enough."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from benchmarks.engine.contender import SAMPLE_SECONDS, Contender
from benchmarks.engine.schedule import (
    EXPENSIVE_SECONDS,
    FIRST_LOOK,
    Schedule,
    Turn,
)
from benchmarks.samples import Sample


@dataclass(frozen=True)
class FakeWorker:
    """How long its fits take."""

    seconds: float
    noise: float = 0.05
    dies_after: int | None = None  # turns
    hangs: float = 0.0  # seconds until it is given up


@dataclass
class Bench:
    """Takes the turns of a schedule on a clock that only fits move, and keeps a log of them."""

    now: float = 1000.0
    workers: dict[str, FakeWorker] = field(default_factory=dict)
    log: list[tuple[str, int, int, Sample]] = field(default_factory=list)  # what is recorded
    calls: list[tuple[str, int, int]] = field(default_factory=list)
    noise: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))

    def contender(
        self,
        entry: str,
        seconds: float,
        *,
        first: float | None = None,
        replicates: Sequence[int] = (0,),
        noise: float = 0.05,
        dies_after: int | None = None,
        hangs: float = 0.0,
        rounds: dict[int, Sample] | None = None,
        threads: int = 1,
        second: float | None = None,
    ) -> Contender:
        """An entry whose fit takes about `seconds`, and took `first` when it was compiled."""
        self.workers[entry] = FakeWorker(seconds, noise, dies_after, hangs)
        rounds = dict(rounds or {})
        return Contender(
            entry,
            second or first or seconds,
            replicates,
            rounds=rounds,
            threads=threads,
            second=Sample(replicates[0], second) if second else None,
        )

    def take(self, turn: Turn) -> None:
        worker = self.workers[turn.entry]
        self.calls.append((turn.entry, turn.replicate, turn.fits))
        if worker.dies_after is not None and self.count(turn.entry) > worker.dies_after:
            turn.spent = worker.hangs
            self.now += turn.spent
            return
        turn.seconds = worker.seconds * float(np.exp(worker.noise * self.noise.standard_normal()))
        turn.spent = turn.seconds * turn.fits
        self.now += turn.spent

    def count(self, entry: str) -> int:
        """Turns that a worker has taken."""
        return sum(name == entry for name, _, _ in self.calls)

    def measure(
        self,
        contenders: Sequence[Contender],
        seconds: float,
        *,
        left: float | None = None,
        precision: float | None = 0.01,
        seed: int = 0,
        joining: Mapping[str, Sequence[int]] | None = None,
    ) -> float:
        """Follow the schedule to its end; how long it took.

        After the first rounds, which take a minute more, processes may be `joining`.
        """
        began = self.now
        schedule = Schedule(
            contenders,
            seconds,
            began + (left or seconds),
            random.Random(seed),
            precision=precision,
            clock=lambda: self.now,
        )
        for turn in schedule.scout():
            self.log_turn(turn)
        for contender in contenders if joining else []:
            for replicate in (joining or {}).get(contender.entry, ()):
                contender.join(replicate)
        if joining:
            self.now += 60.0
            schedule.pause(60.0)
        for turn in schedule.decide():
            self.log_turn(turn)
        return self.now - began

    def log_turn(self, turn: Turn) -> None:
        if turn.seconds is None:
            self.take(turn)
        if turn.round is not None and turn.seconds is not None:
            sample = Sample(turn.replicate, turn.seconds)
            self.log.append((turn.entry, turn.round, turn.fits, sample))

    def samples(self, entry: str) -> list[tuple[int, int, Sample]]:
        """What was recorded of one entry: round, fits, sample."""
        return [(number, fits, sample) for name, number, fits, sample in self.log if name == entry]


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize("budget", [0.5, 2.0, 10.0])
def test_the_budget_is_kept_and_used(bench: Bench, budget: float) -> None:
    contenders = [bench.contender(f"r{n}", 10**-n) for n in (1, 2, 3, 4)]
    assert 0.8 * budget < bench.measure(contenders, budget, precision=None) <= 1.02 * budget


def test_every_entry_gets_a_sample_if_it_fits(bench: Bench) -> None:
    contenders = [
        bench.contender("quick", 1e-3),
        bench.contender("slow", 2.0),
        bench.contender("hour", 3600.0),
    ]
    bench.measure(contenders, 5.0)
    assert bench.samples("quick")
    assert bench.samples("slow")
    assert bench.count("hour") == 0


def test_a_first_sample_may_use_time_of_later_workloads(bench: Bench) -> None:
    bench.measure([bench.contender("slow", 2.0)], 0.5, left=10.0)
    assert len(bench.samples("slow")) == 1


def test_what_would_take_more_than_half_of_the_time_is_not_begun(bench: Bench) -> None:
    bench.measure([bench.contender("long", 3.0)], 5.0)
    assert bench.calls == []


def test_no_sample_is_begun_that_would_end_too_late(bench: Bench) -> None:
    """It was expected to take 0.1 s, and takes 0.45 s."""
    assert bench.measure([bench.contender("a", 0.45, first=0.1, noise=0)], 0.6) <= 0.6
    assert bench.log == []


def test_a_slow_entry_does_not_starve_the_others(bench: Bench) -> None:
    quick = [bench.contender(f"quick{n}", 5e-3) for n in range(3)]
    bench.measure([*quick, bench.contender("slow", 0.45)], 8.0, precision=None)
    shares = {r.entry: r.spent for r in quick}
    assert 2 <= len(bench.samples("slow")) <= 4
    assert min(shares.values()) > 1.8


def test_short_fits_are_repeated_within_a_sample(bench: Bench) -> None:
    bench.measure([bench.contender("a", 1e-4, noise=0), bench.contender("b", 0.05, noise=0)], 2.0)
    assert all(fits == round(SAMPLE_SECONDS / 1e-4) for _, fits, _ in bench.samples("a"))
    assert all(fits == 1 for _, fits, _ in bench.samples("b"))


@pytest.mark.parametrize(
    ("seconds", "threads", "fits"),
    [
        *((1e-4, 1, 50), (2e-3, 1, 2), (4e-3, 1, 1), (0.05, 1, 1)),
        *((1e-4, 2, 50), (2e-3, 2, 2), (4e-3, 2, 2), (0.05, 2, 2)),
        *((0.1, 2, 2), (0.15, 2, 1), (0.5, 2, 1)),  # a sample must not take too long
    ],
)
def test_an_untimed_fit_is_followed_by_several(
    seconds: float, threads: int, fits: int, bench: Bench
) -> None:
    """It comes before several, and before one on several threads."""
    bench.measure([bench.contender("a", seconds, threads=threads, noise=0)], 3.0)
    assert {n for _, n, _ in bench.samples("a")} == {fits}


def test_settled_entries_leave_and_unsettled_ones_get_their_time(bench: Bench) -> None:
    twins = [bench.contender("one", 0.010), bench.contender("other", 0.0101)]
    bench.measure([*twins, bench.contender("far", 0.1)], 20.0, precision=0.001)
    assert len(bench.samples("far")) <= 2 * FIRST_LOOK + 0.1 * 20.0 / 0.1
    assert all(contender.spent > 8.0 for contender in twins)


def test_it_stops_when_all_is_settled(bench: Bench) -> None:
    contenders = [bench.contender("a", 0.01), bench.contender("b", 0.02)]
    assert bench.measure(contenders, 1000.0) < 10.0


def test_without_a_precision_it_never_stops_early(bench: Bench) -> None:
    contenders = [bench.contender("a", 0.01, noise=0), bench.contender("b", 0.02, noise=0)]
    assert bench.measure(contenders, 20.0, precision=None) > 19.0


def test_an_entry_alone_stops_at_its_precision(bench: Bench) -> None:
    assert bench.measure([bench.contender("a", 0.01, noise=0)], 1000.0, precision=0.05) < 1.0
    assert bench.measure([bench.contender("b", 0.01, noise=0.2)], 10.0, precision=0.001) > 9.0


def test_each_round_has_each_entry_once_in_fresh_order(bench: Bench) -> None:
    contenders = [bench.contender(name, 0.01) for name in "abc"]
    bench.measure(contenders, 3.0, precision=None)
    orders: dict[int, list[str]] = {}
    for entry, number, _, _ in bench.log:
        orders.setdefault(number, []).append(entry)
    assert list(orders) == list(range(len(orders)))
    full = Counter("".join(order) for order in orders.values() if len(order) == 3)
    assert sum(full.values()) > 90
    assert len(full) == 6
    assert max(full.values()) < 0.35 * sum(full.values())
    assert all(len(set(order)) == len(order) for order in orders.values())


def test_the_order_comes_from_the_seed(bench: Bench) -> None:
    orders = []
    for seed in (0, 0, 1):
        bench.log.clear()
        contenders = [bench.contender(name, 0.01, noise=0) for name in "abc"]
        bench.measure(contenders, 1.0, precision=None, seed=seed)
        orders.append([entry for entry, *_ in bench.log])
    assert orders[0] == orders[1] != orders[2]


@pytest.mark.parametrize("calls", [0, 1, 5])
def test_a_lost_entry_is_left_out_and_the_rest_goes_on(bench: Bench, calls: int) -> None:
    """It is lost in the warm-up (0 calls before) or in its samples."""
    lost = bench.contender("lost", 0.01, dies_after=calls)
    kept = bench.contender("kept", 0.01)
    bench.measure([lost, kept], 2.0, precision=None)
    assert lost.lost
    assert bench.count("lost") == calls + 1
    assert len(lost.rounds) == len(bench.samples("lost")) == max(calls - 1, 0)
    assert len(kept.rounds) > 100


@pytest.mark.parametrize("first", [0.01, 3.0], ids=["quick at first", "compiles at first"])
@pytest.mark.parametrize("turns", [0, 1, 50, 98], ids=["warm-up", "first", "middle", "last"])
def test_others_do_not_pay_for_one_that_hangs(turns: int, first: float) -> None:
    def samples(dies_after: int | None) -> list[int]:
        bench = Bench()
        contenders = [
            bench.contender("hangs", 0.01, first=first, dies_after=dies_after, hangs=60.0),
            bench.contender("a", 0.01),
            bench.contender("b", 0.01),
        ]
        bench.measure(contenders, 3.0, precision=None)
        return [bench.count(name) for name in "ab"]

    for with_it, without in zip(samples(turns), samples(None), strict=True):
        assert with_it >= 0.9 * without


def test_all_lost_or_none_at_all_ends_at_once(bench: Bench) -> None:
    assert bench.measure([bench.contender("lost", 0.01, dies_after=2)], 5.0) < 0.1
    assert bench.measure([], 5.0) == 0


def test_replicates_take_turns_equally(bench: Bench) -> None:
    bench.measure([bench.contender("a", 0.01, replicates=[4, 5, 6])], 2.0, precision=None)
    samples = [sample.replicate for _, _, sample in bench.samples("a")]
    counts = Counter(samples)
    assert set(counts) == {4, 5, 6}
    assert max(counts.values()) - min(counts.values()) <= 1
    turns = {tuple(samples[n : n + 3]) for n in range(0, len(samples) - 2, 3)}
    assert len(turns) > 3


def test_a_warm_up_is_made_in_each_process_and_not_recorded(bench: Bench) -> None:
    contender = bench.contender("a", 0.01, first=2.0, replicates=[0, 1, 2], noise=0)
    bench.measure([contender], 20.0)
    assert bench.calls[:3] == [("a", 0, 1), ("a", 1, 1), ("a", 2, 1)]
    assert bench.count("a") == 3 + len(bench.log)


def test_an_expensive_warm_up_is_a_sample(bench: Bench) -> None:
    slow = bench.contender("slow", 2 * EXPENSIVE_SECONDS, replicates=[0, 1], noise=0)
    bench.measure([slow], 10.0)
    assert bench.count("slow") == len(bench.log) > 1
    assert bench.log[0] == ("slow", 0, 1, Sample(0, 2 * EXPENSIVE_SECONDS))


def test_a_slow_first_fit_in_every_process_costs_no_entry_its_samples(bench: Bench) -> None:
    """Compiling took 3 s in each of four processes; 10 s are ample for what follows."""
    bench.measure([bench.contender("compiled", 0.005, first=3.0, replicates=range(4))], 10.0)
    assert len(bench.samples("compiled")) > 10


def test_what_is_slow_itself_was_timed_before_and_costs_the_others_nothing(bench: Bench) -> None:
    slow = bench.contender("slow", 7.0, second=6.5, replicates=[0, 1])
    quick = bench.contender("quick", 0.01)
    took = bench.measure([slow, quick], 8.0, precision=None)
    assert bench.count("slow") == 0
    assert [sample for _, _, sample in bench.samples("slow")] == [Sample(0, 6.5)]
    assert quick.spent == pytest.approx(took)
    assert 7.0 < quick.spent <= 8.0


def test_a_second_fit_is_the_first_of_several_samples(bench: Bench) -> None:
    one, other = (
        bench.contender(name, 2 * EXPENSIVE_SECONDS, second=1.5, noise=0) for name in ("a", "b")
    )
    bench.measure([one, other], 8.0)
    assert bench.log[0][3] == Sample(0, 1.5)
    assert bench.count("a") + 1 == len(one.rounds) > 1


def test_when_the_time_is_used_up_each_has_its_second_fit_for_a_sample(bench: Bench) -> None:
    contenders = [bench.contender(name, 0.001, replicates=[0, 1], noise=0) for name in ("a", "b")]
    bench.measure([*contenders, bench.contender("slow", 1.0)], 1e-9)
    assert [(entry, sample) for entry, _, _, sample in sorted(bench.log)] == [
        ("a", Sample(0, 0.001)),
        ("b", Sample(0, 0.001)),
    ]
    assert len(bench.calls) == 2


def test_a_resumed_entry_is_not_tried_again(bench: Bench) -> None:
    slow = bench.contender("slow", 7.0, rounds={0: Sample(0, 7.0)})
    assert bench.measure([slow], 5.0) == 0
    assert bench.calls == []


def test_an_entry_that_is_lost_when_the_time_is_used_up_is_left_out(bench: Bench) -> None:
    lost, kept = bench.contender("lost", 0.01, dies_after=0), bench.contender("kept", 0.01)
    bench.measure([lost, kept], 1e-9)
    assert bench.count("lost") == 1
    assert [bool(one.rounds) for one in (lost, kept)] == [False, True]


def test_a_resumed_entry_goes_on_with_later_rounds(bench: Bench) -> None:
    earlier = {n: Sample(0, 0.01) for n in range(30)}
    old, new = (
        bench.contender("old", 0.01, replicates=[1], rounds=earlier),
        bench.contender("new", 0.011),
    )
    bench.measure([old, new], 1.0, precision=None)
    assert min(number for _, number, _, _ in bench.log) == 30
    assert {n: old.rounds[n] for n in earlier} == earlier
    assert all(old.rounds[n].replicate == 1 for n in old.rounds if n not in earlier)
    assert len(old.rounds.keys() & new.rounds.keys()) > 30


def test_a_resumed_entry_that_does_not_fit_any_more_costs_no_time(bench: Bench) -> None:
    slow = bench.contender("slow", 30.0, rounds={0: Sample(0, 30.0), 1: Sample(0, 30.0)})
    quick = bench.contender("quick", 0.01, rounds={0: Sample(0, 0.01)})
    assert bench.measure([slow, quick], 1.0) <= 1.1
    assert bench.count("slow") == 0
    assert bench.samples("quick")


def test_an_expensive_warm_up_does_not_take_the_time_of_the_others(bench: Bench) -> None:
    """A fit longer than the time of all entries together leaves them their rounds."""
    slow = bench.contender("slow", 9.0)
    quick = [bench.contender("quick", 0.01), bench.contender("quicker", 0.0098)]
    bench.measure([slow, *quick], 6.0, left=40.0)
    assert len(slow.rounds) == 1
    assert all(len(contender.rounds) > 50 for contender in quick)


def test_further_processes_are_timed_beside_all_others_even_where_all_is_settled(
    bench: Bench,
) -> None:
    contenders = [bench.contender(name, s, noise=0) for name, s in (("a", 0.01), ("b", 0.02))]
    took = bench.measure(contenders, 100.0, joining={"a": [1, 2, 3]})
    first, other = contenders
    both = [first.rounds[n].replicate for n in first.rounds.keys() & other.rounds.keys()]
    assert set(both) == {0, 1, 2, 3}
    assert min(both.count(replicate) for replicate in (1, 2, 3)) >= 4
    # A warm-up in each of them is not recorded, and the pause is nobody's time.
    assert next(call for call in bench.calls if call[1] == 3) == ("a", 3, 1)
    assert 60.0 < took < 62.0


def test_time_goes_to_those_who_may_be_first(bench: Bench) -> None:
    close = [bench.contender("a", 0.0100), bench.contender("b", 0.0101)]
    far = [bench.contender(f"far{n}", 0.03 * 1.5**n) for n in range(6)]
    bench.measure([*close, *far], 20.0, precision=0.001)
    assert sum(one.spent for one in close) > sum(one.spent for one in far)
    assert min(len(one.rounds) for one in close) > 3 * max(len(one.rounds) for one in far)


def test_a_slow_baseline_has_samples_enough_to_compare_with(bench: Bench) -> None:
    slow = bench.contender("usual", 0.4)
    quick = [bench.contender(f"quick{n}", 0.005 * 1.3**n) for n in range(10)]
    for contender in (slow, *quick):
        contender.baseline = "usual"
    bench.measure([slow, *quick], 6.0)
    assert len(slow.rounds) >= 3
    assert min(len(one.rounds.keys() & slow.rounds.keys()) for one in quick) >= 3
