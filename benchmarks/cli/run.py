"""What the commands that run something share: plan, run, show, draw, and the exit status."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import psutil
from rich.console import Console
from rich.text import Text

from backends import registry
from benchmarks import runfile
from benchmarks.cli.options import Asked, AskedToTime
from benchmarks.engine import environments, machine, plan, resume, revisions
from benchmarks.engine import run as engine
from benchmarks.engine.options import Options
from benchmarks.engine.plan import Plan
from benchmarks.engine.resume import Earlier
from benchmarks.errors import FAILED, INTERRUPTED, UserError
from benchmarks.printable import line
from benchmarks.problems.workloads import DEFAULT, FULL, Workload, select
from benchmarks.runfile import Record
from reports.analysis.changes import changes
from reports.analysis.rows import Row, rows, workloads
from reports.sections import certified as digits
from reports.sections import changes as pairs
from reports.sections import run as facts
from reports.terminal import table
from reports.terminal.progress import Progress


def run(asked: AskedToTime) -> NoReturn:
    """What `linreg-bench run` does."""
    options = make_options(asked, asked.budget_seconds, asked.precision_share)
    with tempfile.TemporaryDirectory() as folder:
        older = [revisions.checkout(asked.against, Path(folder))] if asked.against else []
        plan = make_plan(
            asked,
            replicates=asked.replicates,
            cold=asked.cold,
            variants=[None, *older],
            environments=environments.find_all(asked.env or [], asked.plugins),
        )
        execute(plan, options, asked, limit=asked.slower_share)


def check(asked: Asked) -> NoReturn:
    """What `linreg-bench check` does."""
    execute(make_plan(asked, replicates=1), make_options(asked), asked)


def make_plan(asked: Asked, **how: Any) -> Plan:
    """The plan for what was asked for on the command line, on this machine.

    Args:
        asked: which entries.
        how: handed on to `plan.make`.
    """
    n_gpus = len(machine.gpus())
    known = registry.load(asked.plugins)
    names = _split(asked.workloads) if asked.workloads else FULL if asked.full else DEFAULT
    wanted = select(names)
    if asked.data or asked.target:
        beside = wanted if asked.workloads or asked.full else []
        wanted = [_own(asked.data, asked.target), *beside]
    made = plan.make(
        wanted,
        plan.choose_backends(_split(",".join(asked.backends or [])), known, asked.full),
        plan.choose_devices(_split(asked.devices or ""), n_gpus),
        n_cores=len(machine.usable_cores()),
        n_gpus=n_gpus,
        threads=asked.threads,
        available_bytes=psutil.virtual_memory().available,
        tf32=asked.tf32,
        **how,
    )
    if asked.tf32 and not any(entry.home.tf32 for entry in made.entries):
        print("--tf32 changes nothing: no entry runs on CUDA", file=sys.stderr)
    return made


def _own(data: Path | None, target: str | None) -> Workload:
    """The user's data; pyarrow is imported for nothing else."""
    if data is None:
        raise UserError("--target needs --data, the table that has this column")
    from benchmarks.problems import table as own

    return own.workload(data, target)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def make_options(
    asked: Asked, budget: float | None = None, precision: float | None = None
) -> Options:
    """How to run it, on the usable cores of this machine."""
    return Options(
        command=["linreg-bench", *sys.argv[1:]],
        cores=machine.usable_cores(),
        seed=asked.seed,
        patience=asked.patience_seconds,
        plugins=asked.plugins,
        budget=budget,
        precision=precision,
    )


def resume_run(asked: AskedToTime) -> NoReturn:
    """Go on with the run in `--out`, as it was begun."""
    try:
        records = runfile.read(asked.out)
        runfile.require(asked.out, records[0], runfile.RESUMED)
    except UserError as error:
        raise UserError(f"nothing to resume: {error}") from error
    header = records[0]
    ends = runfile.of_kind(records, "footer")
    if ends and ends[-1]["outcome"] == "complete":
        raise UserError(f"the run in {asked.out} is complete; there is nothing to resume")
    resume.check_machine(header, machine.describe(machine.usable_cores()))
    asked = replace(asked, seed=header["seed"], plugin=list(resume.plugins(header)))
    again = resume.plan(header, registry.load(asked.plugins))
    options = make_options(asked, header["budget_seconds"], header["precision"])
    execute(again, options, asked, resume.earlier(records))


def execute(
    wanted: Plan,
    options: Options,
    asked: Asked,
    earlier: Earlier | None = None,
    limit: float | None = None,
) -> NoReturn:
    """Run, show and draw; leaves with the exit status that the outcome deserves.

    Args:
        wanted: what to run.
        options: how to run it.
        asked: where the run file and the report go, and whether nothing else is to be shown.
        earlier: what is there already of a run that is resumed.
        limit: by which share an entry may be slower than its variant.
    """
    out, quiet = asked.out, asked.quiet
    if earlier is None:
        runfile.set_aside(out)
    stopped: BaseException | None = None
    with Progress(quiet=quiet) as progress:
        try:
            engine.run(wanted, options, out, progress, earlier)
        except (KeyboardInterrupt, UserError) as error:
            stopped = error
    from reports import page  # matplotlib, which bad input need not wait for

    records = runfile.read(out) if (out / runfile.NAME).exists() else []
    found = rows(records) if records else []
    if records:
        # Whatever ended the run, what was measured by then is shown.
        if not quiet:
            _show(records, found)
        print(line(f"report: {page.write(records, out)}"))
    if isinstance(stopped, UserError):
        raise stopped
    if stopped:
        print("interrupted: the report holds what was measured until then", file=sys.stderr)
        raise SystemExit(INTERRUPTED)
    before = {e["entry"] for e in records[0]["entries"] if e["variant_of"]}
    failed = [
        row.entry
        for row in found
        if row.status == "failed" and not row.known_failure and row.entry not in before
    ]
    slower = [c for c in changes(records) if limit and c.certainly_slower(limit)]
    for change in slower:
        assert change.ratio is not None
        interval = f"{change.ratio.low:.3f} to {change.ratio.high:.3f}"
        times = f"{change.ratio.value:.3f} times as long ({interval})"
        print(f"slower: {line(change.entry)} takes {times}")
    raise SystemExit(FAILED if failed or slower else 0)


def _show(records: list[Record], found: list[Row]) -> None:
    console = Console()
    table.show(found, console)
    for what, why in facts.absent(records[0]["absent"]):
        console.print(Text(f"absent: {what}: {why}", style="dim"))
    pairs.show(records, console)
    for dtype, sentence in digits.sentences(found, workloads(records)):
        print(f"{dtype}: {sentence}")
    if any(row.device != "cpu" for row in found):
        from reports.sections import break_even  # with matplotlib

        for sentence in break_even.sentences(records, found):
            print(sentence)
