"""One run: start the workers, and for each workload fit, judge and time its entries.

Everything that happens is written to the run file as it happens; nothing is kept elsewhere.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path

from benchmarks import runfile
from benchmarks.analysis.estimates import Sample
from benchmarks.analysis.results import BASELINES
from benchmarks.engine import gpu, machine, records, schedule, standings
from benchmarks.engine.home import Home
from benchmarks.engine.limits import Limits
from benchmarks.engine.options import Options
from benchmarks.engine.plan import Entry, Plan
from benchmarks.engine.pool import Pool
from benchmarks.engine.progress import Progress
from benchmarks.engine.resume import Earlier
from benchmarks.engine.schedule import Runner
from benchmarks.engine.workers import WorkerFailed
from benchmarks.errors import UserError
from benchmarks.evidence import calibrate
from benchmarks.gate.gate import Verdict
from benchmarks.gate.reference import Unsolvable
from benchmarks.problems.workloads import Workload
from benchmarks.runfile import RunWriter


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
            execution.write_header()
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
        self.writer, self.progress, self.earlier = writer, progress, earlier
        self.rng = random.Random(options.seed + earlier.workers)
        self.gpus = gpu.of({entry.home.device for entry in plan.entries})
        self.dropped = set(earlier.failed)
        ahead = [e for e in plan.entries if e.workload.name not in earlier.done]
        self.entries = [e for e in ahead if e.id not in self.dropped]
        self.homes = list(dict.fromkeys(h for e in self.entries for h in plan.processes(e)))
        self.numbers = {home: earlier.workers + n for n, home in enumerate(self.homes)}

        self.limits = Limits(
            pool,
            random.Random(options.seed),
            lambda **fields: writer.write("limit", **fields),
            lambda entry, home, failure: self._failed(entry, home, "limits", failure),
        )

    def go(self) -> None:
        """All workloads that are not done yet."""
        left = max(0.0, (self.options.budget or 0.0) - self.earlier.spent)
        workloads = [w for w in self.plan.workloads if w.name not in self.earlier.done]
        for position, workload in enumerate(workloads):
            title = f"{workload.name} ({position + 1} of {len(workloads)})"
            self._start_workers(workload)
            admitted = self._admit(workload, title)
            if self.options.budget is not None:
                self._measure_limits(workload, admitted)
                self._write_gpus(workload)
                gpus = gpu.Watch(self.gpus.values())
                watch, began = machine.Watch(), time.perf_counter()
                share = left / (len(workloads) - position)
                self._measure(admitted, share, began + left, title, gpus)
                left -= time.perf_counter() - began
                self._write_gpus(workload)
                self._measure_limits(workload, admitted)
                for trouble in watch.troubles() + gpus.troubles():
                    self.progress.say(f"{workload.name}: {trouble}")
                    self.writer.write("warning", message=f"{workload.name}: {trouble}")
                self._judge_last([entry for entry, _ in admitted])
            self.writer.write("done", workload=workload.name)
            later = [e for e in self.entries if e.workload in workloads[position + 1 :]]
            needed = {home for entry in later for home in self.plan.processes(entry)}
            self.pool.retire([home for home in self.pool.workers if home not in needed])

    def write_header(self) -> None:
        """What will be run, how, and on what machine."""
        facts = machine.describe(list(self.options.cores))
        calibration = calibrate.known(facts)
        if calibration:
            self.progress.say(str(calibration["line"]))
        header = records.header(self.plan, self.options)
        self.writer.write("header", **header, machine=facts, calibration=calibration)

    def _replicate(self, home: Home) -> int:
        """The number under which the samples of a process are recorded."""
        return self.earlier.replicates + home.replicate

    def _start_workers(self, workload: Workload) -> None:
        """Those that this workload needs and no earlier one did."""
        entries = [entry for entry in self.entries if entry.workload is workload]
        needed = dict.fromkeys(home for entry in entries for home in self.plan.processes(entry))
        missing = [home for home in needed if home not in self.pool.workers]
        count = len(missing)
        if count:
            self.progress.say(f"starting {count} workers for {workload.name}")
        # Cold ones one by one: the time that they take is wanted.
        at_once = 1 if self.plan.cold else len(self.options.cores)
        for ready, (home, answer) in enumerate(self.pool.start(missing, at_once), start=1):
            self.progress.status(f"started {ready} of {count} workers: {home.name}")
            if isinstance(answer, WorkerFailed):
                phase = "absent" if answer.kind == "unavailable" else "start"
                for entry in self._entries_of(home):
                    self._drop(entry, phase, str(answer), home)
                continue
            self.writer.write(
                "worker",
                worker=self.numbers[home],
                backend=home.name,
                device=home.device,
                threads=home.threads,
                replicate=self._replicate(home),
                import_seconds=answer["import_seconds"],
                start_seconds=answer["start_seconds"],
                log=self._log(home),
            )

    def _entries_of(self, home: Home) -> list[Entry]:
        return [entry for entry in self.entries if home in self.plan.processes(entry)]

    def _log(self, home: Home) -> str:
        """Where the output of a worker is, seen from the run's folder."""
        return f"logs/{self.pool.workers[home].log.name}"

    def _drop(self, entry: Entry, phase: str, reason: str, home: Home | None = None) -> None:
        """Record, once, that an entry is out of the run, and in which process that showed."""
        if entry.id not in self.dropped:
            self.dropped.add(entry.id)
            log = {"log": self._log(home)} if home else {}
            self.writer.write("failure", entry=entry.id, phase=phase, reason=reason, **log)
            self.progress.say(f"{entry.id}: {phase}: {reason}")

    def _failed(self, entry: Entry, home: Home, phase: str, failure: WorkerFailed) -> None:
        """Drop an entry; if its worker is gone, later workloads have to do without it, too."""
        self._drop(entry, phase, str(failure), home)
        if self.pool.workers[home].failed:
            reason = f"its worker was lost in workload {entry.workload.name!r}: {failure}"
            entries = self._entries_of(home)
            for later in entries[entries.index(entry) + 1 :]:
                self._drop(later, "start", reason, home)

    def _admit(self, workload: Workload, title: str) -> list[tuple[Entry, float]]:
        """The entries whose first fits the gate lets through, with the longest one's seconds."""
        self.progress.status(f"{title}: making the data and the reference solution")
        try:
            prepared = self.pool.prepare(workload)
        except Unsolvable as error:
            for entry in self.entries:
                if entry.workload is workload:
                    self._drop(entry, "reference", str(error))
            return []
        if workload.name not in self.earlier.data:
            self.writer.write("workload", **records.workload(prepared, self.options.seed))
        elif self.earlier.data[workload.name] != prepared.sha256:
            raise UserError(f"cannot resume: the data of {workload.name!r} come out otherwise now")
        admitted = []
        for entry in self.entries:
            if entry.workload is not workload or entry.id in self.dropped:
                continue
            self.progress.status(f"{title}: first fit of {entry.home.name}")
            seconds = [self._first_fit(entry, home) for home in self.plan.processes(entry)]
            if entry.id not in self.dropped:
                admitted.append((entry, max(seconds)))
        return admitted

    def _first_fit(self, entry: Entry, home: Home) -> float:
        """Fit once and record it; an entry that is not right is dropped. Its seconds."""
        if entry.id in self.dropped:
            return 0.0
        try:
            first = self.pool.first_fit(entry, home)
        except WorkerFailed as failure:
            self._failed(entry, home, "fit", failure)
            return 0.0
        self.writer.write(
            "fit",
            entry=entry.id,
            replicate=self._replicate(home),
            worker=self.numbers[home],
            fresh=self._entries_of(home)[0] is entry,
            **records.fit(first),
        )
        if first.mismatch:
            self._drop(entry, "parity", first.mismatch)
        else:
            self._write_verdict(entry, home, first.verdict)
        return first.seconds

    def _write_verdict(self, entry: Entry, home: Home, verdict: Verdict) -> None:
        self.writer.write(
            "verdict", entry=entry.id, replicate=self._replicate(home), **asdict(verdict)
        )
        if not verdict.passed:
            self.dropped.add(entry.id)
            self.progress.say(f"{entry.id}: failed: {verdict.reason}")

    def _write_device(self, entry: Entry, home: Home, **figures: float) -> None:
        replicate = self._replicate(home)
        self.writer.write("device", entry=entry.id, replicate=replicate, **figures)

    def _write_gpus(self, workload: Workload) -> None:
        for gauges in self.gpus.values():
            self.writer.write("gpu", workload=workload.name, **gauges.state())

    def _judge_last(self, entries: Sequence[Entry]) -> None:
        """Judge the last timed fits as well."""
        for entry in entries:
            for home in self.plan.processes(entry):
                if entry.id in self.dropped:
                    break
                try:
                    last = self.pool.last_fit(entry, home)
                    self._write_verdict(entry, home, last.verdict)
                    if last.device_seconds is not None:
                        self._write_device(entry, home, device_seconds=last.device_seconds)
                    if self.gpus:
                        self._write_transfers(entry, home)
                except WorkerFailed as failure:
                    self._failed(entry, home, "fit", failure)

    def _write_transfers(self, entry: Entry, home: Home) -> None:
        """What data on the host cost, on the CPU as well: there are two devices to compare."""
        try:
            seconds = self.pool.transfers(home)
        except WorkerFailed:
            if self.pool.workers[home].failed:
                raise
            return  # there is no room for the data twice: the entry is none the worse for it
        replicate = self._replicate(home)
        self.writer.write("transfer", entry=entry.id, replicate=replicate, seconds=seconds)

    def _measure(
        self,
        admitted: Sequence[tuple[Entry, float]],
        seconds: float,
        deadline: float,
        title: str,
        gpus: gpu.Watch,
    ) -> None:
        runners = [self._runner(entry, first) for entry, first in admitted]

        def record(runner: Runner, round_: int, fits: int, sample: Sample) -> None:
            gpus.look()
            self.writer.write(
                "sample",
                entry=runner.entry,
                replicate=sample.replicate,
                round=round_,
                fits=fits,
                seconds=sample.seconds,
            )

        usual = [e for e, _ in admitted if e.home.name == BASELINES[e.workload.method.kind]]
        usual.sort(key=lambda entry: entry.home.device != "cpu")
        baselines = [entry.id for entry in usual]

        def between_rounds(done: int) -> None:
            if self.progress.due():
                left = max(0.0, deadline - time.perf_counter())
                now = standings.standings(runners, baselines)
                self.progress.standings(f"{title}: round {done}, {left:.0f} s left", now)

        schedule.measure(
            runners,
            seconds,
            deadline,
            self.rng,
            record,
            precision=self.options.precision,
            between_rounds=between_rounds,
        )
        for runner in runners:
            if not runner.rounds and not runner.lost:
                took = f"its first fit took {runner.fit_seconds:.2g} s"
                self.progress.say(f"{runner.entry}: not timed: {took}, the budget is too small")

    def _measure_limits(self, workload: Workload, admitted: Sequence[tuple[Entry, float]]) -> None:
        """What the machine can do at best; on top of the budget, but bounded."""
        entries = [entry for entry, _ in admitted if entry.id not in self.dropped]
        self.limits.measure(workload, entries)

    def _runner(self, entry: Entry, first_seconds: float) -> Runner:
        processes = {self._replicate(home): home for home in self.plan.processes(entry)}

        def sample(replicate: int, fits: int) -> float:
            home = processes[replicate]
            gauges = self.gpus.get(home.device)
            before = gauges.joules() if gauges else None
            try:
                seconds = self.pool.sample(home, fits)
            except WorkerFailed as failure:
                self._failed(entry, home, "sample", failure)
                return float("nan")
            after = gauges.joules() if gauges else None
            if before is not None and after is not None and fits * seconds >= gpu.LONG_ENOUGH:
                self._write_device(entry, home, joules=(after - before) / fits)
            return seconds

        rounds = dict(self.earlier.rounds.get(entry.id, {}))
        return Runner(entry.id, sample, first_seconds, list(processes), entry.original, rounds)
