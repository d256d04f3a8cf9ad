"""One run: start the workers, and for each workload fit, judge and time its entries.

Everything that happens is written to the run file as it happens; nothing is kept elsewhere.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from benchmarks import estimates, runfile
from benchmarks.engine import gpu, machine, records, schedule
from benchmarks.engine.options import Options
from benchmarks.engine.plan import Entry, Plan
from benchmarks.engine.pool import Pool
from benchmarks.engine.process import Home
from benchmarks.engine.recorder import Ledger
from benchmarks.engine.resume import Earlier
from benchmarks.engine.roofline import Limits
from benchmarks.engine.schedule import Runner
from benchmarks.engine.worker import WorkerFailed
from benchmarks.errors import UserError
from benchmarks.estimates import Sample
from benchmarks.gate.solution import Unsolvable
from benchmarks.problems.workloads import Workload
from benchmarks.runfile import RunWriter
from reports.analysis.rows import BASELINES
from reports.terminal import standings
from reports.terminal.progress import Progress

#: Data that a core has in its own cache.
_FEW_BYTES = 1 << 20


def run(
    plan: Plan,
    options: Options,
    folder: Path,
    progress: Progress,
    earlier: Earlier | None = None,
) -> None:
    """Carry out `plan` and leave the run file and `logs/` in `folder`.

    Args:
        plan: the entries.
        options: how to run them.
        folder: for the run file; with `earlier`, the run file there is continued.
        progress: is told what happens.
        earlier: what is measured already, if an interrupted run is resumed.

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
        execution = _Execution(plan, options, pool, writer, progress, earlier or Earlier())
        if earlier is None:
            execution.ledger.opened(options)
        outcome = "interrupted"
        try:
            execution.go()
            outcome = "complete"
        finally:
            # With the disk full this fails as well; the error on its way matters more.
            with suppress(UserError):
                writer.write(
                    "footer", ended=records.now(), outcome=outcome, machine=machine.state()
                )


class _Execution:
    """A run while it goes on."""

    def __init__(
        self,
        plan: Plan,
        options: Options,
        pool: Pool,
        writer: RunWriter,
        progress: Progress,
        earlier: Earlier,
    ) -> None:
        self.plan, self.options, self.pool = plan, options, pool
        self.progress, self.earlier = progress, earlier
        self.ledger = Ledger(plan, pool, writer, progress, earlier)
        self.rng = random.Random(options.seed + earlier.workers)
        self.gpus = gpu.of({entry.home.device for entry in plan.entries})
        self.typical: dict[str, float] = {}  # seconds of one fit, by entry
        self.limits = Limits(
            pool,
            random.Random(options.seed),
            lambda **fields: writer.write("limit", **fields),
            lambda entry, home, failure: self.ledger.failed(entry, home, "limits", failure),
        )

    def go(self) -> None:
        """All workloads that are not done yet."""
        left = trials = max(0.0, (self.options.budget or 0.0) - self.earlier.spent)
        workloads = [w for w in self.plan.workloads if w.name not in self.earlier.done]
        for position, workload in enumerate(workloads):
            title = f"{workload.name} ({position + 1} of {len(workloads)})"
            self._start_workers(workload)
            admitted = self._admit(workload, title)
            if self.options.budget is not None:
                self._measure_limits(workload, admitted)
                self.ledger.gpus(workload, self.gpus.values())
                gpus = gpu.Watch(self.gpus.values())
                watch, began = machine.Watch(), time.perf_counter()
                share = left / (len(workloads) - position)
                on_top = self._measure(admitted, share, began + left, trials, title, gpus)
                left -= time.perf_counter() - began - on_top
                trials -= on_top
                self.ledger.gpus(workload, self.gpus.values())
                self._measure_energy(admitted)
                self._measure_limits(workload, admitted)
                self.ledger.troubled(workload, watch.troubles() + gpus.troubles())
                self._judge_last([entry for entry, _ in admitted])
            self.ledger.done(workload)
            later = [entry for w in workloads[position + 1 :] for entry in self.ledger.of(w)]
            needed = {home for entry in later for home in self.plan.processes(entry)}
            self.pool.retire([home for home in self.pool.workers if home not in needed])

    def _start_workers(self, workload: Workload) -> None:
        """Those that this workload needs and no earlier one did."""
        entries = self.ledger.of(workload)
        needed = dict.fromkeys(home for entry in entries for home in self.plan.processes(entry))
        missing = [home for home in needed if home not in self.pool.workers]
        count = len(missing)
        if count:
            self.progress.say(f"starting {count} workers for {workload.name}")
        # Cold ones one by one: the time that they take is wanted.
        at_once = 1 if self.plan.cold else len(self.options.cores)
        for ready, (home, answer) in enumerate(self.pool.start(missing, at_once), start=1):
            self.progress.status(f"started {ready} of {count} workers: {home.name}")
            self.ledger.started(home, answer)

    def _admit(self, workload: Workload, title: str) -> list[tuple[Entry, float]]:
        """The entries whose first fits the gate lets through, with the shortest one's seconds."""
        self.progress.status(f"{title}: making the data and the reference solution")
        try:
            prepared = self.pool.prepare(workload)
        except Unsolvable as error:
            for entry in self.ledger.of(workload):
                self.ledger.drop(entry, "reference", str(error))
            return []
        self.ledger.prepared(prepared, self.options.seed)
        entries = self.ledger.of(workload)
        seconds: dict[str, list[float]] = {entry.id: [] for entry in entries}

        def wanted() -> Iterator[tuple[Entry, Home]]:
            for entry in entries:
                for home in self.plan.processes(entry):
                    if entry.id not in self.ledger.dropped:
                        self.progress.status(f"{title}: first fit of {entry.home.name}")
                        yield entry, home

        for entry, home, first in self.pool.first_fits(wanted(), self._at_once(entries)):
            if isinstance(first, WorkerFailed):
                self.ledger.failed(entry, home, "fit", first)
            else:
                self.ledger.fitted(entry, home, first)
                seconds[entry.id].append(first.seconds)
        return [(e, min(seconds[e.id])) for e in entries if e.id not in self.ledger.dropped]

    def _at_once(self, entries: Sequence[Entry]) -> int:
        """How many first fits go on at the same time, each on cores of its own.

        On few data they compile more than they fit; on many they would fight over the memory.
        """
        few = all(e.workload.bytes <= _FEW_BYTES and e.home.device == "cpu" for e in entries)
        if self.plan.cold or not few or not entries:
            return 1
        return max(1, len(self.options.cores) // max(e.home.threads for e in entries))

    def _judge_last(self, entries: Sequence[Entry]) -> None:
        """Judge the last timed fits as well."""
        for entry in entries:
            for home in self.plan.processes(entry):
                if entry.id in self.ledger.dropped:
                    break
                try:
                    last = self.pool.last_fit(entry, home)
                    self.ledger.judged(entry, home, last.verdict)
                    if last.device_seconds is not None:
                        self.ledger.device(entry, home, device_seconds=last.device_seconds)
                    if self.gpus:  # on the CPU as well: there are two devices to compare
                        self._time_transfers(entry, home)
                except WorkerFailed as failure:
                    self.ledger.failed(entry, home, "fit", failure)

    def _time_transfers(self, entry: Entry, home: Home) -> None:
        """What data on the host cost; where they do not fit twice, that is no fault of the fit."""
        try:
            seconds = self.pool.transfers(home)
        except WorkerFailed:
            if self.pool.workers[home].failed:
                raise
            return
        self.ledger.transfers(entry, home, seconds)

    def _measure(
        self,
        admitted: Sequence[tuple[Entry, float]],
        seconds: float,
        deadline: float,
        trials: float,
        title: str,
        gpus: gpu.Watch,
    ) -> float:
        """Time what was admitted; the arguments and what is returned are `schedule.measure`'s."""
        runners = [self._runner(entry, first) for entry, first in admitted]

        def record(runner: Runner, round_: int, fits: int, sample: Sample) -> None:
            gpus.look()
            self.ledger.sampled(runner.entry, round_, fits, sample)

        usual = [e for e, _ in admitted if e.home.name == BASELINES[e.workload.method.kind]]
        usual.sort(key=lambda entry: entry.home.device != "cpu")
        baselines = [entry.id for entry in usual]

        def between_rounds(done: int, left: float) -> None:
            if self.progress.due():
                now = standings.standings(runners, baselines)
                self.progress.standings(f"{title}: round {done}, {max(0.0, left):.0f} s left", now)

        on_top = schedule.measure(
            runners,
            seconds,
            deadline,
            self.rng,
            record,
            precision=self.options.precision,
            trials=trials,
            between_rounds=between_rounds,
        )
        self.typical |= {r.entry: estimates.middle(r.rounds) for r in runners if r.rounds}
        for runner in runners:
            if not runner.rounds and not runner.lost:
                took = f"a fit took {runner.fit_seconds:.2g} s"
                self.progress.say(f"{runner.entry}: not timed: {took}, the budget is too small")
        return on_top

    def _measure_energy(self, admitted: Sequence[tuple[Entry, float]]) -> None:
        """Of the fastest entry on each GPU, by fits in a row that are long enough to tell.

        It comes on top of the budget; for all entries it would take as long as the samples do.
        """
        for device, gauges in self.gpus.items():
            there = [entry for entry, _ in admitted if entry.home.device == device]
            there = [e for e in there if e.id in self.typical and e.id not in self.ledger.dropped]
            if gauges.joules() is None or not there:
                continue
            fastest = min(there, key=lambda entry: self.typical[entry.id])
            seconds = self.typical[fastest.id]
            if seconds < gpu.LONG_ENOUGH:  # others are measured by their samples
                fits = math.ceil(1.2 * gpu.LONG_ENOUGH / seconds)
                self._sample(fastest, fastest.home, fits)

    def _sample(self, entry: Entry, home: Home, fits: int) -> float:
        """Seconds of one fit, NaN if the worker was lost; and its energy, if it lasts long."""
        gauges = self.gpus.get(home.device)
        before = gauges.joules() if gauges else None
        try:
            seconds = self.pool.sample(home, fits)
        except WorkerFailed as failure:
            self.ledger.failed(entry, home, "sample", failure)
            return float("nan")
        after = gauges.joules() if gauges else None
        if before is not None and after is not None and fits * seconds >= gpu.LONG_ENOUGH:
            self.ledger.device(entry, home, joules=(after - before) / fits)
        return seconds

    def _measure_limits(self, workload: Workload, admitted: Sequence[tuple[Entry, float]]) -> None:
        """What the machine can do at best; on top of the budget, but bounded."""
        entries = [entry for entry, _ in admitted if entry.id not in self.ledger.dropped]
        self.limits.measure(workload, entries)

    def _runner(self, entry: Entry, first_seconds: float) -> Runner:
        processes = {self.ledger.replicate(home): home for home in self.plan.processes(entry)}

        def sample(replicate: int, fits: int) -> float:
            return self._sample(entry, processes[replicate], fits)

        rounds = dict(self.earlier.rounds.get(entry.id, {}))
        return Runner(entry.id, sample, first_seconds, list(processes), entry.original, rounds)
