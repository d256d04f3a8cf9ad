"""What `run` and `check` share: plan the entries, run them, and report."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import psutil

from backends.description import Description
from benchmarks.cli.options import parse_seconds
from benchmarks.engine import machine
from benchmarks.engine import plan as planning
from benchmarks.engine import run as engine
from benchmarks.engine.plan import Options, Plan
from benchmarks.engine.resume import Earlier
from benchmarks.errors import FAILED, INTERRUPTED, UserError
from benchmarks.evidence import calibrate
from benchmarks.printable import line
from benchmarks.problems.workloads import DEFAULT, FULL, Workload, select
from benchmarks.runfile import reader, writer
from reports.terminal.progress import TerminalProgress


def choose_workloads(
    names: str | None, data: Path | None, target: str | None, full: bool
) -> list[Workload]:
    """The named workloads; with `--data` the table, and others only if named.

    Raises:
        UserError: a name is unknown, or the table cannot be fitted.
    """
    chosen = select(split(names) if names else FULL if full else DEFAULT)
    if data is None and target is None:
        return chosen
    if data is None:
        raise UserError("--target needs --data, the table that has this column")
    from benchmarks.problems import table  # imports pyarrow

    return [table.workload(data, target), *(chosen if names or full else [])]


def make_plan(
    workloads: Sequence[Workload],
    backends: Sequence[str],
    devices: str,
    known: Mapping[str, Description],
    *,
    full: bool,
    tf32: bool,
    **how: Any,
) -> Plan:
    """The plan for this machine; `how` is for `engine.plan.make`.

    Raises:
        UserError: a name is unknown, or there is nothing to run, for a backend that was asked for
            by its name or at all.
    """
    n_gpus, asked = len(machine.gpus()), split(",".join(backends))
    chosen = planning.choose_backends(asked, known, full)
    on = planning.choose_devices(split(devices), n_gpus)
    for backend in (backend for backend in chosen if backend.name in asked):
        _check_use(backend, workloads, on)
    plan = planning.make(
        workloads,
        chosen,
        on,
        n_cores=len(machine.usable_cores()),
        n_gpus=n_gpus,
        available_bytes=psutil.virtual_memory().available,
        tf32=tf32,
        **how,
    )
    if tf32 and not any(entry.process.tf32 for entry in plan.entries):
        print("--tf32 changes nothing: no entry runs on CUDA", file=sys.stderr)
    return plan


def _check_use(backend: Description, workloads: Sequence[Workload], devices: Sequence[str]) -> None:
    """Refuse a backend that would get no row, and so be left out without a word."""
    kinds, places = {w.method.kind for w in workloads}, {d.partition(":")[0] for d in devices}
    for what, has, asked in (
        ("does", backend.methods, kinds),
        ("runs on", backend.devices, places),
    ):
        if asked.isdisjoint(has):
            wanted = " and ".join(sorted(asked))
            raise UserError(
                f"nothing to run for {backend.name!r}: it {what} {' and '.join(has)}, and this run"
                f" asks for {wanted}"
            )


def make_options(
    command: Sequence[str],
    seed: int,
    plugins: tuple[Path, ...],
    patience: str,
    budget: float | None = None,
    precision: float | None = None,
) -> Options:
    """How to run a plan on the usable cores of this machine."""
    cores = machine.usable_cores()
    seconds = parse_seconds("--patience", patience)
    calibration = calibrate.known(machine.describe(cores))
    return Options(
        command, cores, seed, budget, precision, seconds, plugins, calibration=calibration
    )


def split(text: str) -> list[str]:
    """The parts of a comma-separated list."""
    return [part.strip() for part in text.split(",") if part.strip()]


def execute(
    plan: Plan,
    options: Options,
    out: Path,
    quiet: bool,
    earlier: Earlier | None = None,
    limit: float | None = None,
) -> NoReturn:
    """Run, leave the run file and a report in `out`, and exit with the status of the outcome.

    An entry may be slower than its variant by the share `limit`; None: by any share.
    """
    if earlier is None:
        writer.set_aside(out)
    stopped: BaseException | None = None
    progress = TerminalProgress(quiet=quiet)
    with progress:
        try:
            engine.run(plan, options, out, progress, earlier)
        except (KeyboardInterrupt, UserError) as error:
            stopped = error
    # Whatever ended the run, it is reported.
    failed = (out / writer.NAME).exists() and _report(out, quiet, limit)
    if isinstance(stopped, UserError):
        raise stopped
    if stopped:
        print("interrupted: the report holds what was measured until then", file=sys.stderr)
        raise SystemExit(INTERRUPTED)
    raise SystemExit(FAILED if failed else 0)


def _report(folder: Path, quiet: bool, limit: float | None) -> bool:
    """Show the run and draw its page; whether an entry failed or is too slow."""
    from rich.console import Console

    from reports import page  # imports matplotlib, which bad input need not wait for
    from reports.analysis.rows import rows
    from reports.document import document
    from reports.terminal.document import show

    run = reader.read(folder)
    found = rows(run)
    seen = document(run, found, folder)
    if not quiet:
        show(seen, Console())
    print(line(f"report: {page.write(seen, folder)}"))
    failed = [row for row in found if row.status == "failed" and not row.entry.variant]
    slower = [c for c in seen.changes if limit is not None and c.certainly_slower(limit)]
    for change in slower:
        print(f"slower: {change.entry} takes {change.ratio} times as long")
    return bool(slower) or any(not row.entry.known_failure for row in failed)
