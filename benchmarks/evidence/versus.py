"""One backend against variants of itself, in rounds: how `calibrate` and the evidence measure."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from backends.base import Backend
from benchmarks.engine import schedule
from benchmarks.engine.plan import Entry
from benchmarks.engine.pool import Pool
from benchmarks.engine.process import Home, Variant
from benchmarks.engine.schedule import Runner
from benchmarks.engine.worker import WorkerFailed
from benchmarks.errors import UserError
from benchmarks.estimates import Estimate, Rounds, ratio
from benchmarks.evidence import nothing
from benchmarks.problems.workloads import WORKLOADS, Workload

AGAIN = Variant("again")


@dataclass(frozen=True)
class Versus:
    """The samples of each variant, by its name; `""` is the backend as it is."""

    rounds: dict[str, Rounds]

    def ratio(self, name: str, confidence: float, share: float = 1.0) -> Estimate:
        """Time of a variant over that of the backend, from the first `share` of the rounds.

        Raises:
            UserError: there was no time for a round.
        """
        times, baseline = (_first(self.rounds[key], share) for key in (name, ""))
        found = ratio(times, baseline, confidence)
        if found is None:
            raise UserError("the time was too short for a single round")
        return found


def _first(rounds: Rounds, share: float) -> Rounds:
    keep = sorted(rounds)[: max(1, round(share * len(rounds)))]
    return {number: rounds[number] for number in keep}


def versus(
    workload: Workload,
    backend: type[Backend],
    variants: Sequence[Variant],
    seconds: float,
    *,
    cores: Sequence[int],
    threads: int,
    replicates: int,
    seed: int,
) -> Versus:
    """Time a backend and variants of it against each other for `seconds`.

    Every call starts fresh processes, `replicates` of each.

    Raises:
        UserError: a worker failed, or a fit did not pass the gate.
    """
    rng = random.Random(seed)
    home = Home(backend.name, "cpu", threads)
    homes = [replace(home, variant=v) for v in (None, *variants)]
    with tempfile.TemporaryDirectory() as folder, Pool(Path(folder), cores) as pool:
        processes = [replace(h, replicate=n) for n in range(replicates) for h in homes]
        try:
            for _, answer in pool.start(processes):
                if isinstance(answer, WorkerFailed):
                    raise answer
            runners = [_runner(pool, Entry(workload, backend, h), replicates) for h in homes]
            for runner in runners:
                runner.warm_up()
            schedule.measure(
                runners,
                seconds,
                time.perf_counter() + seconds,
                rng,
                lambda *_: None,
                precision=None,
            )
        except WorkerFailed as failure:
            raise UserError(f"{backend.name}: {failure}") from failure
    names = [h.variant.name if h.variant else "" for h in homes]
    return Versus({name: runner.rounds for name, runner in zip(names, runners, strict=True)})


def _runner(pool: Pool, entry: Entry, replicates: int) -> Runner:
    first_seconds = 0.0
    for number in range(replicates):
        first = pool.first_fit(entry, replace(entry.home, replicate=number))
        if first.reason:
            raise UserError(f"{entry.id}: {first.reason}")
        first_seconds = first.seconds

    def sample(replicate: int, fits: int) -> float:
        return pool.sample(replace(entry.home, replicate=replicate), fits)

    return Runner(entry.id, sample, first_seconds, range(replicates))


@dataclass(frozen=True)
class Overhead:
    """What the suite itself adds, in seconds."""

    empty_fit: float  # per fit, within a sample
    between_samples: float  # per sample: messages, stopping and waking the worker


def overhead(cores: Sequence[int]) -> Overhead:
    """Time an empty fit, and what passes between two samples of it."""
    entry = Entry(WORKLOADS["line"], nothing.Nothing, Home("nothing", "cpu", 1))
    plugin = Path(nothing.__file__)
    with (
        tempfile.TemporaryDirectory() as folder,
        Pool(Path(folder), cores, plugins=[plugin]) as pool,
    ):
        pool.first_fit(entry)
        empty = [pool.sample(entry.home, 1000) for _ in range(20)]
        between = []
        for _ in range(200):
            began = time.perf_counter()
            inside = pool.sample(entry.home, 1)
            between.append(time.perf_counter() - began - inside)
    return Overhead(sorted(empty)[len(empty) // 2], sorted(between)[len(between) // 2])
