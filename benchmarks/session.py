"""What the commands that run something share: plan, run, show, draw, and the exit status."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NoReturn

import psutil
from rich.console import Console
from rich.text import Text

from backends import registry
from benchmarks import runfile
from benchmarks.analysis.beside import changes
from benchmarks.analysis.results import rows, workloads
from benchmarks.engine import machine, plan, resume
from benchmarks.engine.options import Options
from benchmarks.engine.plan import Plan
from benchmarks.engine.progress import Progress
from benchmarks.engine.resume import Earlier
from benchmarks.engine.run import run
from benchmarks.errors import FAILED, INTERRUPTED, UserError
from benchmarks.printable import line
from benchmarks.problems.workloads import DEFAULT, FULL, Workload, select
from benchmarks.runfile import Record
from reports import facts, page
from reports.sections import break_even, digits, pairs
from reports.terminal import table


def make_plan(
    workloads: str | None,
    backends: list[str] | None,
    devices: str | None,
    threads: int | None,
    plugin: list[Path] | None,
    full: bool,
    own: tuple[Path | None, str | None] = (None, None),
    **how: Any,
) -> Plan:
    """The plan for what was asked for on the command line, on this machine.

    Args:
        workloads: names, groups, globs or sizes, with commas between.
        backends: names or globs.
        devices: names, with commas between; None: the CPU, and the first GPU if there is one.
        threads: for all entries, instead of each workload's own number.
        plugin: files with further backends.
        full: whether all workloads and backends are wanted.
        own: the user's own data: a file, and which column is the target.
        how: handed on to `plan.make`.
    """
    n_gpus = len(machine.gpus())
    known = registry.load(tuple(plugin or ()))
    wanted = select(_split(workloads) if workloads else FULL if full else DEFAULT)
    if any(own):
        wanted = [_own(*own), *(wanted if workloads or full else [])]
    made = plan.make(
        wanted,
        plan.choose_backends(backends or [], known, full),
        plan.choose_devices(_split(devices or ""), n_gpus),
        n_cores=len(machine.usable_cores()),
        n_gpus=n_gpus,
        threads=threads,
        available_bytes=psutil.virtual_memory().available,
        **how,
    )
    if how.get("tf32") and not any(entry.home.tf32 for entry in made.entries):
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
    seed: int,
    plugin: list[Path] | None,
    patience: float,
    budget: float | None,
    precision: float | None = None,
) -> Options:
    """How to run it, on the usable cores of this machine."""
    return Options(
        command=["linreg-bench", *sys.argv[1:]],
        cores=machine.usable_cores(),
        seed=seed,
        patience=patience,
        plugins=tuple(plugin or ()),
        budget=budget,
        precision=precision,
    )


def resume_run(out: Path, patience: float, quiet: bool = False) -> NoReturn:
    """Go on with the run in `out`."""
    try:
        records = runfile.read(out)
        runfile.require(out, records[0], runfile.RESUMED)
    except UserError as error:
        raise UserError(f"nothing to resume: {error}") from error
    header = records[0]
    ends = runfile.of_kind(records, "footer")
    if ends and ends[-1]["outcome"] == "complete":
        raise UserError(f"the run in {out} is complete; there is nothing to resume")
    resume.check_machine(header, machine.describe(machine.usable_cores()))
    plugins = resume.plugins(header)
    again = resume.plan(header, registry.load(plugins))
    options = make_options(
        header["seed"],
        list(plugins),
        patience,
        budget=header["budget_seconds"],
        precision=header["precision"],
    )
    execute(again, options, out, resume.earlier(records), quiet=quiet)


def execute(
    wanted: Plan,
    options: Options,
    out: Path,
    earlier: Earlier | None = None,
    fail_if_slower: float | None = None,
    quiet: bool = False,
) -> NoReturn:
    """Run, show and draw; leaves with the exit status that the outcome deserves.

    If `quiet`, nothing is shown but what is wrong, and where the report is.
    """
    if earlier is None:
        runfile.set_aside(out)
    stopped: BaseException | None = None
    with Progress(quiet=quiet) as progress:
        try:
            run(wanted, options, out, progress, earlier)
        except (KeyboardInterrupt, UserError) as error:
            stopped = error
    records = runfile.read(out) if (out / runfile.NAME).exists() else []
    if records:
        # Whatever ended the run, what was measured by then is shown.
        if not quiet:
            _show(records)
        print(line(f"report: {page.write(records, out)}"))
    if isinstance(stopped, UserError):
        raise stopped
    if stopped:
        print("interrupted: the report holds what was measured until then", file=sys.stderr)
        raise SystemExit(INTERRUPTED)
    before = {e["entry"] for e in records[0]["entries"] if e["variant_of"]}
    failed = [
        row.entry
        for row in rows(records)
        if row.status == "failed" and not row.known_failure and row.entry not in before
    ]
    slower = [c for c in changes(records) if fail_if_slower and c.certainly_slower(fail_if_slower)]
    for change in slower:
        assert change.ratio is not None
        interval = f"{change.ratio.low:.3f} to {change.ratio.high:.3f}"
        times = f"{change.ratio.value:.3f} times as long ({interval})"
        print(f"slower: {line(change.entry)} takes {times}")
    raise SystemExit(FAILED if failed or slower else 0)


def _show(records: list[Record]) -> None:
    found, console = rows(records), Console()
    table.show(found, console)
    for what, why in facts.absent(records[0]["absent"]):
        console.print(Text(f"absent: {what}: {why}", style="dim"))
    pairs.show(records, console)
    for certified in digits.tables(found, workloads(records)):
        print(f"{certified.dtype}: {certified.sentence}")
    for sentence in break_even.sentences(records, found):
        print(sentence)
