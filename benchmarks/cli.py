"""The command line, `linreg-bench`.

What a command does not need it does not import: `list` must answer at once.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from backends import registry
from benchmarks.errors import UserError

if TYPE_CHECKING:
    from benchmarks.plan import Plan
    from benchmarks.resume import Earlier
    from benchmarks.run import Options
    from benchmarks.runfile import Record
    from benchmarks.workers import Variant

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Which linear-regression implementation is fastest on your machine, "
    "at the accuracy you need?",
)

FAILED, USAGE, INTERRUPTED = 1, 2, 130

Workloads = Annotated[
    str, typer.Option(help="Names, globs or sizes such as 5000x10:float64, with commas between.")
]
Backends = Annotated[
    list[str] | None, typer.Option(help="A name or a glob such as 'torch-*'; may be repeated.")
]
Devices = Annotated[str, typer.Option(help="cpu, cuda, cuda:N or all, with commas between.")]
Threads = Annotated[
    int | None, typer.Option(help="CPU threads of every entry, instead of each workload's own.")
]
Seed = Annotated[int, typer.Option(min=0, help="For the data and for the order of the rounds.")]
Plugin = Annotated[
    list[Path] | None, typer.Option(help="A Python file with further backends; may be repeated.")
]
Patience = Annotated[
    str, typer.Option(help="A worker that has not answered after this long is killed.")
]
Out = Annotated[Path, typer.Option(help="Folder for the run file, the logs and the report.")]
FailIfSlower = Annotated[
    str | None, typer.Option(help="Exit with 1 if an entry is slower by more, for certain.")
]
RunPath = Annotated[Path, typer.Argument(help="A run file, or the folder that holds one.")]


@app.command("list")
def list_(plugin: Plugin = None) -> None:
    """Show backends, devices and workloads, and why something is not available."""
    from benchmarks import listing

    listing.show(registry.load(tuple(plugin or ())))


@app.command()
def run(
    workloads: Workloads = "*",
    backends: Backends = None,
    devices: Devices = "all",
    threads: Threads = None,
    budget: Annotated[str, typer.Option(help="Time to measure for, all in all.")] = "45s",
    seed: Seed = 0,
    out: Out = Path("reports/latest"),
    plugin: Plugin = None,
    patience: Patience = "60s",
    precision: Annotated[
        str, typer.Option(help="A ratio known this well needs no more rounds; 0: use all time.")
    ] = "1%",
    replicates: Annotated[
        int | None,
        typer.Option(min=1, help="Processes for each entry; by default 1 to 4, by their number."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(help="A git revision whose backends are timed beside today's."),
    ] = None,
    fail_if_slower: FailIfSlower = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the interrupted run in --out, as it was.")
    ] = False,
) -> None:
    """Fit, judge and time; leave a run file and a report."""
    seconds = parse_seconds("--budget", budget)
    share = None if precision in ("0", "0%") else parse_share("--precision", precision)
    patience_seconds = parse_seconds("--patience", patience)
    limit = None if fail_if_slower is None else parse_share("--fail-if-slower", fail_if_slower)
    if limit is not None and against is None:
        raise UserError("--fail-if-slower needs --against, or the command `compare`")
    if resume:
        _resume(out, patience_seconds)
    options = _options(seed, plugin, patience_seconds, budget=seconds, precision=share)
    with tempfile.TemporaryDirectory() as folder:
        variants = [_checkout(against, Path(folder))] if against else []
        plan = _plan(workloads, backends, devices, threads, plugin, replicates, variants)
        _execute(plan, options, out, fail_if_slower=limit)


@app.command()
def check(
    workloads: Workloads = "*",
    backends: Backends = None,
    devices: Devices = "all",
    threads: Threads = None,
    seed: Seed = 0,
    out: Out = Path("reports/latest"),
    plugin: Plugin = None,
    patience: Patience = "60s",
) -> None:
    """Fit and judge without timing; the exit status is 1 if anything fails."""
    plan = _plan(workloads, backends, devices, threads, plugin, replicates=1)
    _execute(plan, _options(seed, plugin, parse_seconds("--patience", patience), budget=None), out)


@app.command()
def report(
    run: RunPath,
    out: Annotated[Path | None, typer.Option(help="Folder; by default the run's own.")] = None,
) -> None:
    """Draw the report of a run again."""
    from benchmarks import runfile

    records = runfile.read(run)
    _draw(records, out or (run if run.is_dir() else run.parent))


class Format(StrEnum):
    """What `export` can write."""

    JSON = "json"
    CSV = "csv"


@app.command()
def export(
    run: RunPath,
    format: Annotated[Format, typer.Option(help="How to write the rows.")] = Format.JSON,
) -> None:
    """Write the rows of a run to standard output."""
    from benchmarks import runfile
    from reports import export as exporter

    sys.stdout.write(exporter.write(runfile.read(run), format.value))


@app.command()
def compare(
    old: RunPath,
    new: RunPath,
    fail_if_slower: FailIfSlower = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Even if machines, threads or data differ.")
    ] = False,
) -> None:
    """Hold a run against an earlier one; the exit status is 1 if an entry newly fails the gate."""
    from rich.console import Console

    from benchmarks import compare as comparing
    from benchmarks import runfile
    from reports import comparison

    limit = None if fail_if_slower is None else parse_share("--fail-if-slower", fail_if_slower)
    before, after = runfile.read(old), runfile.read(new)
    if differ := comparing.differences(before, after):
        more = f" (and {len(differ) - 1} more)" if len(differ) > 1 else ""
        if not anyway:
            raise UserError(f"not comparable: {differ[0]}{more}; --anyway compares nevertheless")
        print(f"warning: the runs differ: {differ[0]}{more}", file=sys.stderr)
    compared = comparing.compare(before, after)
    comparison.show(compared, Console(), limit)
    slower = limit is not None and compared.slower(limit)
    raise SystemExit(FAILED if compared.newly_failing or slower else 0)


@app.command()
def calibrate(
    budget: Annotated[str, typer.Option(help="Time to measure for.")] = "60s",
    workload: Annotated[str, typer.Option(help="What to fit; by default 50 epochs of it.")] = "",
    backend: Annotated[str, typer.Option(help="What to fit it with.")] = "torch-eager",
    seed: Seed = 0,
) -> None:
    """Find out which differences this machine can tell, for later runs to show."""
    from benchmarks import calibrate as calibration
    from benchmarks import machine, plan
    from benchmarks.evidence import FIFTY
    from benchmarks.workloads import select

    seconds = parse_seconds("--budget", budget)
    [chosen] = plan.choose_backends([backend], registry.load())
    [wanted] = select([workload]) if workload else [FIFTY]
    if wanted.method.kind not in chosen.methods:
        raise UserError(f"{backend} does not solve {wanted.method.kind}; choose --workload")
    found = calibration.calibrate(wanted, chosen, seconds, machine.usable_cores(), seed)
    calibration.save(found)
    print(f"{backend} on {wanted.name}, time against itself as it is:")
    for name, ratio in found.ratios.items():
        word = ratio.against_one()
        print(f"  {name}: {ratio.value:.4f} ({ratio.low:.4f} to {ratio.high:.4f}), {word}")
    print(f"an empty fit takes {1e9 * found.overhead.empty_fit:.0f} ns; ", end="")
    print(f"between two samples pass {1e6 * found.overhead.between_samples:.0f} µs")
    print(found.line())


def parse_seconds(option: str, text: str) -> float:
    """Seconds from `90`, `90s`, `1.5m` or `2min`.

    Raises:
        UserError: it is no such thing, or not positive.
    """
    number = text.strip().lower()
    factor = 1.0
    for unit, seconds in (("min", 60.0), ("ms", 1e-3), ("m", 60.0), ("s", 1.0)):
        if number.endswith(unit):
            number, factor = number.removesuffix(unit), seconds
            break
    try:
        value = float(number) * factor
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise UserError(f"{option} {text}: needs a time above zero, such as 60s or 2min")
    return value


def parse_share(option: str, text: str) -> float:
    """A share from `5%` or `0.05`.

    Raises:
        UserError: it is no such thing, or not between 0 and 1.
    """
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = float("nan")
    if not 0 < value < 1:
        raise UserError(f"{option} {text}: needs a share between 0 and 1, such as 5% or 0.05")
    return value


def _plan(
    workloads: str,
    backends: list[str] | None,
    devices: str,
    threads: int | None,
    plugin: list[Path] | None,
    replicates: int | None,
    variants: Sequence[Variant] = (),
) -> Plan:
    import psutil

    from benchmarks import machine, plan
    from benchmarks.workloads import select

    n_gpus = len(machine.gpus())
    known = registry.load(tuple(plugin or ()))
    return plan.make(
        select(_split(workloads)),
        plan.choose_backends(backends or ["*"], known),
        plan.choose_devices(_split(devices), n_gpus),
        n_cores=len(machine.usable_cores()),
        n_gpus=n_gpus,
        threads=threads,
        available_bytes=psutil.virtual_memory().available,
        replicates=replicates,
        variants=[None, *variants],
    )


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _checkout(revision: str, folder: Path) -> Variant:
    from benchmarks import against

    return against.checkout(revision, folder)


def _options(
    seed: int,
    plugin: list[Path] | None,
    patience: float,
    budget: float | None,
    precision: float | None = None,
) -> Options:
    from benchmarks import machine
    from benchmarks.run import Options

    return Options(
        command=["linreg-bench", *sys.argv[1:]],
        cores=machine.usable_cores(),
        seed=seed,
        patience=patience,
        plugins=tuple(plugin or ()),
        budget=budget,
        precision=precision,
    )


def _resume(out: Path, patience: float) -> NoReturn:
    """Go on with the run in `out`."""
    from benchmarks import machine, resume, runfile

    try:
        records = runfile.read(out)
    except UserError as error:
        raise UserError(f"nothing to resume: {error}") from error
    header = records[0]
    ends = runfile.of_kind(records, "footer")
    if ends and ends[-1]["outcome"] == "complete":
        raise UserError(f"the run in {out} is complete; there is nothing to resume")
    resume.check_machine(header, machine.describe(machine.usable_cores()))
    plugins = resume.plugins(header)
    plan = resume.plan(header, registry.load(plugins))
    options = _options(
        header["seed"],
        list(plugins),
        patience,
        budget=header["budget_seconds"],
        precision=header["precision"],
    )
    _execute(plan, options, out, resume.earlier(records))


def _execute(
    plan: Plan,
    options: Options,
    out: Path,
    earlier: Earlier | None = None,
    fail_if_slower: float | None = None,
) -> NoReturn:
    """Run, show and draw; leaves with the exit status that the outcome deserves."""
    from benchmarks import runfile
    from benchmarks.progress import Progress
    from benchmarks.run import run

    if earlier is None:
        runfile.set_aside(out)
    stopped: BaseException | None = None
    with Progress() as progress:
        try:
            run(plan, options, out, progress, earlier)
        except (KeyboardInterrupt, UserError) as error:
            stopped = error
    if (out / runfile.NAME).exists():
        # Whatever ended the run, what was measured by then is shown.
        _show_and_draw(runfile.read(out), out)
    if isinstance(stopped, UserError):
        raise stopped
    if stopped:
        print("interrupted: the report holds what was measured until then", file=sys.stderr)
        raise SystemExit(INTERRUPTED)
    from benchmarks.against import changes
    from benchmarks.results import rows

    records = runfile.read(out)
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
        print(f"slower: {change.entry} takes {change.ratio.value:.3f} times as long ({interval})")
    raise SystemExit(FAILED if failed or slower else 0)


def _show_and_draw(records: list[Record], out: Path) -> None:
    from rich.console import Console

    from benchmarks.results import rows
    from reports import table

    table.show(rows(records), Console())
    _draw(records, out)


def _draw(records: list[Record], out: Path) -> None:
    from reports import page

    try:
        print(f"report: {page.write(records, out)}")
    except OSError as error:
        raise UserError(f"cannot write the report to {out}: {error.strerror}") from error


def main() -> NoReturn:
    """Entry point: a known problem is one line on standard error and a non-zero exit status."""
    try:
        app()
    except (UserError, registry.PluginError) as error:
        print(f"linreg-bench: {error}", file=sys.stderr)
        raise SystemExit(USAGE) from None
    raise SystemExit(0)


if __name__ == "__main__":
    main()
