"""The workers of a run and their data: load, fit once, judge, give samples."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

from backends.worker.messages import UNFINISHED, method_to_json
from benchmarks.engine import controls, machine
from benchmarks.engine.answers import (
    Changed,
    First,
    Fitted,
    Last,
    Loaded,
    Renewed,
    Sampled,
    Started,
    short,
)
from benchmarks.engine.contender import EXPENSIVE_SECONDS
from benchmarks.engine.first_fit import FirstFit
from benchmarks.engine.parallel import in_parallel
from benchmarks.engine.plan import Entry
from benchmarks.engine.prepared import Prepared, prepare
from benchmarks.engine.process import ROOT, Process
from benchmarks.engine.temporary import TemporaryFolder
from benchmarks.engine.worker import SLOW_DISK, WorkerFailed
from benchmarks.engine.workers import Workers
from benchmarks.errors import os_errors
from benchmarks.gate import gate
from benchmarks.problems.workloads import Workload
from benchmarks.verdict import Verdict

#: A sample that takes so many times as long as expected, and seconds, is one that hangs.
_PATIENCE, _LEAST_PATIENCE = 100.0, 10.0


class WrongFit(Exception):
    """A fit of a sample is not right."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict


class Pool:
    """Workers by process, and the data of the current workload.

    Use as a context manager, or `close`. What a worker does wrong is a `WorkerFailed`.
    """

    def __init__(
        self,
        folder: Path,
        cores: Sequence[int],
        *,
        seed: int = 0,
        affordable: float = 0.0,
        **kept: Any,
    ) -> None:
        """Nothing is started yet.

        Args:
            folder: gets `logs/`; data and temporary files are elsewhere, until the pool is closed.
            cores: to measure on.
            seed: for the data.
            affordable: seconds that a second fit may take, and after which none follows.
            kept: for `Worker`: patience and so on.
        """
        self.cores = list(cores)
        self.seed, self.affordable, self._repeated = seed, affordable, 0.0
        #: What each process was last asked to fit, and how its samples look from outside.
        self._entries: dict[Process, Entry] = {}
        self._watches: dict[Process, controls.Watch] = {}
        #: Seconds of each process's last first fit; before it, of its start.
        self._took: dict[Process, float] = {}
        self._prepared: Prepared | None = None
        self._quietest: list[int] = []  # cores; those that others use least first
        with os_errors(f"cannot write to {folder}"):
            (folder / "logs").mkdir(parents=True, exist_ok=True)
        self._temporary = TemporaryFolder()
        self.workers = Workers(folder / "logs", self._temporary.path, len(cores), **kept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop all workers and remove the data."""
        self.workers.close()
        self._temporary.close()

    def start(
        self, processes: Iterable[Process], at_once: int | None = None
    ) -> Iterator[tuple[Process, Started | WorkerFailed]]:
        """Start workers; see `Workers.start`."""
        for process, answer in self.workers.start(processes, at_once):
            if isinstance(answer, Started):
                self._took[process] = answer.import_seconds + answer.start_seconds
            yield process, answer

    def cores_for(self, threads: int) -> list[int]:
        """The cores that others use least; the same for a whole workload."""
        if threads >= len(self.cores):
            return self.cores
        if not self._quietest:
            self._quietest = machine.quietest(self.cores)
        return sorted(self._quietest[:threads])

    def prepare(self, workload: Workload) -> Prepared:
        """The data of a workload and its reference; one workload's data at a time.

        Raises:
            UserError: the data cannot be written.
        """
        if self._prepared is None or self._prepared.workload is not workload:
            self._prepared = None  # which keeps its files
            self._prepared = prepare(workload, self.seed, self._temporary.path / "data")
            self._quietest = []
        return self._prepared

    def first_fit(self, entry: Entry, process: Process | None = None) -> FirstFit:
        """Load, fit once and judge, by default in the entry's first process.

        Raises:
            WorkerFailed: the worker did not start, or not fit.
        """
        process = process or entry.process
        if process not in self.workers:
            self.workers.add(process).start()
        self.prepare(entry.workload)
        return self._load_and_fit(entry, process, self.cores_for(process.threads))

    def longest_first(self, wanted: Iterable[tuple[Entry, Process]]) -> list[tuple[Entry, Process]]:
        """In the order in which their first fits leave no core without work at the end.

        How long they take is guessed from the last ones. Before the first ones it is only known how
        long a framework took to start: large ones compile more, too. Those of one framework stay in
        the order of the plan.
        """
        return sorted(wanted, key=lambda pair: -round(self._took.get(pair[1], 0.0), 1))

    def first_fits(
        self, wanted: Iterable[tuple[Entry, Process]], at_once: int = 1
    ) -> Iterator[tuple[Entry, Process, FirstFit | WorkerFailed]]:
        """Load, fit once and judge, `at_once` at a time, on cores of their own.

        Args:
            wanted: entries of one workload, and processes that are started.
            at_once: no more than there are cores for.

        Yields:
            Each as it ends.
        """
        free: list[list[int]] = []

        def jobs() -> Iterator[tuple[Any, Callable[[], FirstFit]]]:
            for entry, process in wanted:
                if not free:
                    self.prepare(entry.workload)
                    free.extend(self._sets_of_cores(process.threads, at_once))
                job = entry, process, free.pop()
                yield job, partial(self._load_and_fit, *job)

        for (entry, process, cores), first in in_parallel(jobs(), at_once):
            free.append(cores)
            yield entry, process, first

    def _load_and_fit(self, entry: Entry, process: Process, cores: list[int]) -> FirstFit:
        """Load and fit on some cores, bind the worker to those of its samples; judge."""
        worker, prepared = self.workers[process], self.prepare(entry.workload)
        worker.reading = entry.workload.bytes / SLOW_DISK
        worker.ask("pin", cores=cores)
        method = method_to_json(entry.workload.method)
        loaded: Loaded = worker.ask("load", folder=str(prepared.folder), method=method)
        answer: First = worker.ask("first")
        self._took[process] = answer.seconds
        mismatch = short(entry.mismatch(answer.description, loaded.sha256, prepared.sha256))
        self._entries[process] = entry
        verdict = self._judge(entry, process, answer.fit)
        later = self.cores_for(process.threads)
        first = FirstFit(loaded, answer, later, mismatch, verdict)
        if process == entry.process and not first.reason:
            first = self._fit_again(first, process)
        # What the worker is asked before its rounds counts as work outside of samples.
        self._watches.pop(process, None)
        worker.ask("pin", cores=later)
        return first

    def _fit_again(self, first: FirstFit, process: Process) -> FirstFit:
        """A second fit, which does not compile, says whether an expensive entry is slow itself."""
        seconds = first.answer.seconds
        if not EXPENSIVE_SECONDS < seconds <= self.affordable or self._repeated > self.affordable:
            return first
        try:
            second = self.sample(process, 1, expected=seconds)
        except WrongFit as wrong:
            return replace(first, verdict=wrong.verdict)
        self._repeated += second
        return replace(first, second=second)

    def _sets_of_cores(self, threads: int, count: int) -> list[list[int]]:
        """Sets of cores with none in common; the last is that of the samples."""
        self.cores_for(threads)
        order = self._quietest or self.cores
        sets = [sorted(order[n * threads : (n + 1) * threads]) for n in range(count)]
        return sets[::-1]

    def sample(self, process: Process, fits: int, expected: float = 0.0) -> float:
        """Time that many fits in a row; the seconds per fit.

        Args:
            process: a worker that has fitted the current workload.
            fits: how many.
            expected: seconds that they should take, where that is known: many times as long is a
                hang, without waiting as long as for a first fit.

        Raises:
            WrongFit: one of them is unlike those before, and wrong.
        """
        worker = self.workers[process]
        if process not in self._watches:
            cores = self.cores_for(process.threads)
            self._watches[process] = controls.Watch(worker.pid, process.threads, cores)
        began = time.perf_counter()
        patience = max(_LEAST_PATIENCE, _PATIENCE * expected) if expected else math.inf
        sampled: Sampled = worker.ask("sample", patience, fits=fits)
        self._watches[process].add(time.perf_counter() - began, fits, sampled)
        if sampled.fit:
            verdict = self._judge(self._entries[process], process, sampled.fit)
            if not verdict.passed:
                raise WrongFit(verdict)
        return sampled.seconds

    def watched(self, process: Process) -> controls.Watch | None:
        """How the samples of its last workload look from outside; nothing was asked since."""
        return self._watches.get(process)

    def renewed(
        self, entry: Entry, process: Process, judged: bool = True
    ) -> tuple[Renewed, Verdict | None]:
        """Fits of data that the worker had not seen: their times and, if wanted, one's verdict.

        Raises:
            WorkerFailed: the backend could not do it.
        """
        found: Renewed = self.workers[process].ask("renewed", judged=judged)
        return found, self._judge(entry, process, found.fit or Fitted()) if judged else None

    def last_fit(
        self, entry: Entry, process: Process | None = None
    ) -> tuple[Verdict, float | None]:
        """The verdict of the last timed fit: not only the first must be right.

        And the seconds of one fit by the device's own clock, where it has one.
        """
        process = process or entry.process
        last: Last = self.workers[process].ask("last")
        return self._judge(entry, process, last.fit), last.device_seconds

    def _judge(self, entry: Entry, process: Process, fitted: Fitted) -> Verdict:
        prepared = self.prepare(entry.workload)
        held_to = prepared.with_tf32 if process.tf32 else prepared.reference
        verdict = gate.judge(fitted.fit, held_to, entry.backend.stability)
        # Another revision's worker may not know it.
        if verdict.passed or not verdict.judged or process.launch.tree != ROOT:
            return verdict
        changed: Changed = self.workers[process].ask("changed", seconds=UNFINISHED)
        if changed.changed:
            early = "returned before its device had finished: the result changed afterwards"
            return replace(verdict, reason=f"{early}; at first, {verdict.reason}")
        return verdict
