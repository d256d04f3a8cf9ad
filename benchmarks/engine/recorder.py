"""What happens in a run: written to its file at once, told to who watches, and remembered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.engine import machine, records
from benchmarks.engine.gpu import Gpu
from benchmarks.engine.options import Options
from benchmarks.engine.plan import Entry, Plan
from benchmarks.engine.pool import FirstFit, Pool, Prepared
from benchmarks.engine.process import Home
from benchmarks.engine.resume import Earlier
from benchmarks.engine.worker import WorkerFailed
from benchmarks.errors import UserError
from benchmarks.estimates import Sample
from benchmarks.evidence import calibrate
from benchmarks.gate.gate import Verdict
from benchmarks.problems.workloads import Workload
from benchmarks.runfile import RunWriter
from reports.terminal.progress import Progress


class Ledger:
    """The entries of a run, which of them have dropped out, and all that is on record of them."""

    def __init__(
        self, plan: Plan, pool: Pool, writer: RunWriter, progress: Progress, earlier: Earlier
    ) -> None:
        self.plan, self.pool, self.writer, self.progress = plan, pool, writer, progress
        self.earlier = earlier
        self.dropped = set(earlier.failed)
        ahead = [e for e in plan.entries if e.workload.name not in earlier.done]
        self.entries = [e for e in ahead if e.id not in self.dropped]
        homes = dict.fromkeys(h for e in self.entries for h in plan.processes(e))
        self.numbers = {home: earlier.workers + n for n, home in enumerate(homes)}

    def of(self, workload: Workload) -> list[Entry]:
        """The entries of a workload that have not dropped out."""
        return [e for e in self.entries if e.workload is workload and e.id not in self.dropped]

    def of_home(self, home: Home) -> list[Entry]:
        """The entries that a process serves."""
        return [entry for entry in self.entries if home in self.plan.processes(entry)]

    def replicate(self, home: Home) -> int:
        """The number under which the samples of a process are recorded."""
        return self.earlier.replicates + home.replicate

    def opened(self, options: Options) -> None:
        """What will be run, how, and on what machine."""
        facts = machine.describe(list(options.cores))
        calibration = calibrate.known(facts)
        if calibration:
            self.progress.say(str(calibration["line"]))
        header = records.header(self.plan, options)
        self.writer.write("header", **header, machine=facts, calibration=calibration)

    def started(self, home: Home, answer: dict[str, Any] | WorkerFailed) -> None:
        """A process is ready, or all its entries are out."""
        if isinstance(answer, WorkerFailed):
            phase = "absent" if answer.kind == "unavailable" else "start"
            for entry in self.of_home(home):
                self.drop(entry, phase, str(answer), home)
            return
        self.writer.write(
            "worker",
            worker=self.numbers[home],
            backend=home.name,
            device=home.device,
            threads=home.threads,
            replicate=self.replicate(home),
            import_seconds=answer["import_seconds"],
            start_seconds=answer["start_seconds"],
            log=self._log(home),
        )

    def prepared(self, prepared: Prepared, seed: int) -> None:
        """The data of a workload are made.

        Raises:
            UserError: they are not those of the run that is being resumed.
        """
        name = prepared.workload.name
        if name not in self.earlier.data:
            self.writer.write("workload", **records.workload(prepared, seed))
        elif self.earlier.data[name] != prepared.sha256:
            raise UserError(f"cannot resume: the data of {name!r} come out otherwise now")

    def fitted(self, entry: Entry, home: Home, first: FirstFit) -> None:
        """A first fit is made, and judged."""
        self.writer.write(
            "fit",
            entry=entry.id,
            replicate=self.replicate(home),
            worker=self.numbers[home],
            fresh=self.of_home(home)[0] is entry,
            **records.fit(first),
        )
        if first.mismatch:
            self.drop(entry, "parity", first.mismatch)
        else:
            self.judged(entry, home, first.verdict)

    def judged(self, entry: Entry, home: Home, verdict: Verdict) -> None:
        """A fit has its verdict; an entry that is not right is out."""
        self.writer.write(
            "verdict", entry=entry.id, replicate=self.replicate(home), **asdict(verdict)
        )
        if not verdict.passed:
            self.dropped.add(entry.id)
            self.progress.say(f"{entry.id}: failed: {verdict.reason}")

    def sampled(self, entry: str, round_: int, fits: int, sample: Sample) -> None:
        """One sample of the entry with this id."""
        self.writer.write(
            "sample",
            entry=entry,
            replicate=sample.replicate,
            round=round_,
            fits=fits,
            seconds=sample.seconds,
        )

    def device(self, entry: Entry, home: Home, **figures: float) -> None:
        """What a device says of its own time or energy."""
        self.writer.write("device", entry=entry.id, replicate=self.replicate(home), **figures)

    def transfers(self, entry: Entry, home: Home, seconds: Sequence[float]) -> None:
        """Further transfers of the data of an entry."""
        replicate = self.replicate(home)
        self.writer.write("transfer", entry=entry.id, replicate=replicate, seconds=list(seconds))

    def gpus(self, workload: Workload, gauges: Iterable[Gpu]) -> None:
        """The state of the GPUs before or after the samples of a workload."""
        for one in gauges:
            self.writer.write("gpu", workload=workload.name, **one.state())

    def troubled(self, workload: Workload, troubles: Iterable[str]) -> None:
        """What disturbed the measurement."""
        for trouble in troubles:
            self.progress.say(f"{workload.name}: {trouble}")
            self.writer.write("warning", message=f"{workload.name}: {trouble}")

    def done(self, workload: Workload) -> None:
        """All that there was to do for a workload."""
        self.writer.write("done", workload=workload.name)

    def drop(self, entry: Entry, phase: str, reason: str, home: Home | None = None) -> None:
        """Record, once, that an entry is out of the run, and in which process that showed."""
        if entry.id not in self.dropped:
            self.dropped.add(entry.id)
            log = {"log": self._log(home)} if home else {}
            self.writer.write("failure", entry=entry.id, phase=phase, reason=reason, **log)
            self.progress.say(f"{entry.id}: {phase}: {reason}")

    def failed(self, entry: Entry, home: Home, phase: str, failure: WorkerFailed) -> None:
        """Drop an entry; if its worker is gone, later workloads have to do without it, too."""
        self.drop(entry, phase, str(failure), home)
        if self.pool.workers[home].failed:
            reason = f"its worker was lost in workload {entry.workload.name!r}: {failure}"
            entries = self.of_home(home)
            for later in entries[entries.index(entry) + 1 :]:
                self.drop(later, "start", reason, home)

    def _log(self, home: Home) -> str:
        """Where the output of a worker is, seen from the run's folder."""
        return f"logs/{self.pool.workers[home].log.name}"
