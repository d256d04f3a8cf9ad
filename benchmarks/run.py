"""One run: start the workers, and for each workload fit, judge and time its entries.

Everything that happens is written to the run file as it happens; nothing is kept elsewhere.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from backends.worker import ARRAYS, method_to_json
from benchmarks import machine, runfile, schedule
from benchmarks.errors import UserError
from benchmarks.gate import Verdict
from benchmarks.plan import Entry, Plan
from benchmarks.pool import FirstFit, Pool, Prepared
from benchmarks.progress import Progress
from benchmarks.runfile import RunWriter
from benchmarks.schedule import Runner
from benchmarks.workers import ROOT, Home, WorkerFailed
from benchmarks.workloads import Workload

#: A problem of one feature and at most this many samples goes into the run file, for pictures.
_POINTS = 1_000


@dataclass(frozen=True)
class Options:
    """How to run a plan."""

    command: Sequence[str]
    cores: Sequence[int]  # to measure on
    seed: int = 0
    budget: float | None = 45.0  # seconds of measurement for all workloads; None: do not time
    patience: float = 60.0  # seconds that a worker may take to answer
    plugins: tuple[Path, ...] = ()
    memory_bytes: int | None = None  # at which a worker is killed; None: 80 % of what is free


def run(plan: Plan, options: Options, folder: Path, progress: Progress) -> None:
    """Carry out `plan` and leave the run file and `logs/` in `folder`.

    Raises:
        UserError: the folder cannot be written. What was written before stays.
        KeyboardInterrupt: after the footer has been written.
    """
    with ExitStack() as stack:
        writer = RunWriter(folder / runfile.NAME)
        stack.callback(writer.close)
        pool = Pool(
            folder,
            options.cores,
            seed=options.seed,
            plugins=options.plugins,
            patience=options.patience,
            memory_bytes=options.memory_bytes,
        )
        stack.enter_context(pool)
        outcome = "interrupted"
        try:
            _Execution(plan, options, pool, writer, progress).go()
            outcome = "complete"
        finally:
            # With the disk full this fails as well; the error on its way matters more.
            with suppress(UserError):
                writer.write("footer", ended=_now(), outcome=outcome, machine=machine.state())


class _Execution:
    """A run while it goes on."""

    def __init__(
        self, plan: Plan, options: Options, pool: Pool, writer: RunWriter, progress: Progress
    ) -> None:
        self.plan, self.options, self.pool = plan, options, pool
        self.writer, self.progress = writer, progress
        self.rng = random.Random(options.seed)
        self.numbers = {home: number for number, home in enumerate(plan.homes)}
        self.lost: set[Home] = set()

    def go(self) -> None:
        """The whole run."""
        self._write_header()
        self._start_workers()
        left = self.options.budget or 0.0
        for position, workload in enumerate(self.plan.workloads):
            ahead = len(self.plan.workloads) - position
            title = f"{workload.name} ({position + 1} of {len(self.plan.workloads)})"
            admitted = self._admit(workload, title)
            if self.options.budget is not None:
                began = time.perf_counter()
                self._measure(admitted, left / ahead, began + left, title)
                left -= time.perf_counter() - began
                self._judge_last([entry for entry, _ in admitted])
            later = self.plan.workloads[position + 1 :]
            needed = {entry.home for entry in self.plan.entries if entry.workload in later}
            self.pool.retire([home for home in self.pool.workers if home not in needed])

    def _write_header(self) -> None:
        options = self.options
        self.writer.write(
            "header",
            format=runfile.FORMAT,
            started=_now(),
            command=list(options.command),
            seed=options.seed,
            budget_seconds=options.budget,
            suite={"version": version("linreg-bench"), **_commit()},
            machine=machine.describe(list(options.cores)),
            entries=[entry.to_json() for entry in self.plan.entries],
            absent=[asdict(absence) for absence in self.plan.absent],
        )

    def _start_workers(self) -> None:
        homes = self.plan.homes
        self.progress.say(f"starting {len(homes)} workers")
        for ready, (home, answer) in enumerate(self.pool.start(homes), start=1):
            self.progress.status(f"started {ready} of {len(homes)} workers: {home.backend}")
            if not isinstance(answer, WorkerFailed):
                self.writer.write(
                    "worker",
                    worker=self.numbers[home],
                    **asdict(home),
                    replicate=0,
                    import_seconds=answer["import_seconds"],
                    start_seconds=answer["start_seconds"],
                    log=f"logs/{self.pool.workers[home].log.name}",
                )
                continue
            self.lost.add(home)
            phase = "absent" if answer.kind == "unavailable" else "start"
            for entry in self.plan.entries:
                if entry.home == home:
                    self._drop(entry, phase, str(answer))

    def _drop(self, entry: Entry, phase: str, reason: str) -> None:
        self.writer.write("failure", entry=entry.id, phase=phase, reason=reason)
        self.progress.say(f"{entry.id}: {phase}: {reason}")

    def _failed(self, entry: Entry, phase: str, failure: WorkerFailed) -> None:
        """Record a failure; if the worker is gone, so are its entries in later workloads."""
        self._drop(entry, phase, str(failure))
        if not self.pool.workers[entry.home].failed:
            return
        self.lost.add(entry.home)
        entries = [e for e in self.plan.entries if e.home == entry.home]
        for later in entries[entries.index(entry) + 1 :]:
            reason = f"its worker was lost in workload {entry.workload.name!r}: {failure}"
            self._drop(later, "start", reason)

    def _admit(self, workload: Workload, title: str) -> list[tuple[Entry, float]]:
        """The entries whose first fit the gate lets through, with the seconds it took."""
        self.progress.status(f"{title}: making the data and the reference solution")
        self._write_workload(self.pool.prepare(workload))
        admitted = []
        for entry in self.plan.entries:
            if entry.workload is not workload or entry.home in self.lost:
                continue
            self.progress.status(f"{title}: first fit of {entry.home.backend}")
            try:
                first = self.pool.first_fit(entry)
            except WorkerFailed as failure:
                self._failed(entry, "fit", failure)
                continue
            self._write_fit(entry, first)
            if first.mismatch:
                self._drop(entry, "parity", first.mismatch)
            elif self._write_verdict(entry, first.verdict):
                admitted.append((entry, first.seconds))
        return admitted

    def _write_workload(self, prepared: Prepared) -> None:
        workload, problem = prepared.workload, prepared.problem
        recipe, points = workload.recipe, {}
        if recipe.n_features == 1 and recipe.n_samples <= _POINTS:
            points = {name: np.ravel(getattr(problem.data, name)) for name in ARRAYS}
        self.writer.write(
            "workload",
            name=workload.name,
            description=workload.description,
            method=method_to_json(workload.method),
            dtype=recipe.dtype,
            n_samples=recipe.n_samples,
            n_features=recipe.n_features,
            n_test=recipe.n_test,
            sigma=problem.sigma,
            seed=self.options.seed,
            sha256=prepared.sha256,
            condition=prepared.reference.conditioning.condition,
            tangent=prepared.reference.conditioning.tangent,
            weight=problem.weight,
            bias=problem.bias,
            **({"points": points} if points else {}),
        )

    def _write_fit(self, entry: Entry, first: FirstFit) -> None:
        self.writer.write(
            "fit",
            entry=entry.id,
            replicate=0,
            worker=self.numbers[entry.home],
            cores=first.cores,
            sha256=first.sha256,
            transfer_seconds=first.transfer_seconds,
            compile_seconds=first.seconds,
            **first.fit,
            description=first.description,
        )

    def _write_verdict(self, entry: Entry, verdict: Verdict) -> bool:
        self.writer.write("verdict", entry=entry.id, replicate=0, **asdict(verdict))
        if not verdict.passed:
            self.progress.say(f"{entry.id}: failed: {verdict.reason}")
        return verdict.passed

    def _judge_last(self, entries: Sequence[Entry]) -> None:
        """Judge the last timed fits as well."""
        for entry in entries:
            if entry.home in self.lost:
                continue
            try:
                self._write_verdict(entry, self.pool.judge_last(entry))
            except WorkerFailed as failure:
                self._failed(entry, "fit", failure)

    def _measure(
        self, admitted: Sequence[tuple[Entry, float]], seconds: float, deadline: float, title: str
    ) -> None:
        timed: dict[str, list[float]] = {}

        def record(runner: Runner, number: int, fits: int, seconds: float) -> None:
            timed.setdefault(runner.entry, []).append(seconds)
            self.writer.write(
                "sample",
                entry=runner.entry,
                replicate=0,
                round=number,
                fits=fits,
                seconds=seconds,
            )

        def between_rounds(done: int) -> None:
            left = max(0.0, deadline - time.perf_counter())
            ranking = sorted((statistics.median(v), k.split("/")[-3]) for k, v in timed.items())
            best = " < ".join(name for _, name in ranking[:4])
            self.progress.status(f"{title}: round {done}, {left:.0f} s left; so far {best}")

        runners = [self._runner(entry, first) for entry, first in admitted]
        schedule.measure(runners, seconds, deadline, self.rng, record, between_rounds)
        for runner in runners:
            if runner.samples == 0 and not runner.lost:
                took = f"its first fit took {runner.fit_seconds:.2g} s"
                self.progress.say(f"{runner.entry}: not timed: {took}, the budget is too small")

    def _runner(self, entry: Entry, first_seconds: float) -> Runner:
        def sample(fits: int) -> float:
            try:
                return self.pool.sample(entry, fits)
            except WorkerFailed as failure:
                self._failed(entry, "sample", failure)
                return float("nan")

        return Runner(entry.id, sample, first_seconds)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _commit() -> dict[str, Any]:
    """The suite's own commit, and whether the checkout differs from it."""

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}
