"""The command line, `linreg-bench`.

What a command does not need it does not import: `list` must answer at once.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from backends import registry
from benchmarks import command_line
from benchmarks.cli import env as env_cli
from benchmarks.cli.options import Asked, AskedToTime, FailIfSlower, Plugin, Seed, as_options
from benchmarks.cli.quantities import parse_seconds, parse_share
from benchmarks.errors import FAILED, UserError
from benchmarks.printable import line

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Which linear-regression implementation is fastest on your machine, "
    "at the accuracy you need?",
)

app.add_typer(env_cli.app, name="env")

RunPath = Annotated[Path, typer.Argument(help="A run file, or the folder that holds one.")]


@app.command("list")
def list_(plugin: Plugin = None) -> None:
    """Show backends, devices and workloads, and why something is not available."""
    from benchmarks.cli import list as listing

    listing.show(registry.load(tuple(plugin or ())))


@app.command()
@as_options(AskedToTime)
def run(asked: AskedToTime) -> None:
    """Fit, judge and time; leave a run file and a report."""
    if asked.slower_share is not None and asked.against is None and not asked.env:
        raise UserError("--fail-if-slower needs --against or --env, or the command `compare`")
    from benchmarks.cli import run as session

    if asked.resume:
        session.resume_run(asked)
    session.run(asked)


@app.command()
@as_options(Asked)
def check(asked: Asked) -> None:
    """Fit and judge without timing; the exit status is 1 if anything fails."""
    from benchmarks.cli import run as session

    session.check(asked)


@app.command()
def report(
    runs: Annotated[
        list[Path], typer.Argument(help="Run files, their folders, or JSON of pytest-benchmark.")
    ],
    out: Annotated[Path | None, typer.Option(help="Folder; by default the run's own.")] = None,
) -> None:
    """Draw the report of a run again, or set several runs side by side."""
    from reports import page, side_by_side, sources

    if out is None and len(runs) > 1:
        raise UserError("several runs have no folder of their own: say where with --out")
    found = [sources.read(run) for run in runs]
    if len(found) > 1 and out is not None:
        written = side_by_side.write(found, out)
    else:
        written = page.write_view(found[0].view(), out or found[0].folder)
    print(line(f"report: {written}"))


class Format(StrEnum):
    """What `export` can write."""

    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"
    PYTEST_BENCHMARK = "pytest-benchmark"


@app.command()
def export(
    run: RunPath,
    format: Annotated[Format, typer.Option(help="How to write the rows.")] = Format.JSON,
    out: Annotated[Path | None, typer.Option(help="A file instead of standard output.")] = None,
) -> None:
    """Write the rows of a run, to standard output or to a file."""
    from benchmarks import runfile
    from reports import export as exporter

    if out is None and format.value in exporter.BINARY and sys.stdout.isatty():
        raise UserError(f"{format.value} is binary and this is a terminal: say where with --out")
    content = exporter.write(runfile.read(run), format.value)
    if out is None:
        sys.stdout.buffer.write(content)
        return
    try:
        out.write_bytes(content)
    except OSError as error:
        raise UserError(f"cannot write {out}: {error.strerror}") from error


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

    from benchmarks import runfile
    from reports.analysis import compare as comparing
    from reports.terminal import comparison

    limit = None if fail_if_slower is None else parse_share("--fail-if-slower", fail_if_slower)
    before, after = runfile.read(old), runfile.read(new)
    if differ := comparing.differences(before, after):
        more = f" (and {len(differ) - 1} more)" if len(differ) > 1 else ""
        if not anyway:
            raise UserError(f"not comparable: {differ[0]}{more}; --anyway compares nevertheless")
        print(line(f"warning: the runs differ: {differ[0]}{more}"), file=sys.stderr)
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
    from benchmarks.engine import machine, plan
    from benchmarks.evidence import calibrate as calibration
    from benchmarks.evidence.trials import FIFTY
    from benchmarks.problems.workloads import select

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
        print(f"  {name}: {ratio}, {word}")
    print(f"an empty fit takes {1e9 * found.overhead.empty_fit:.0f} ns; ", end="")
    print(f"between two samples pass {1e6 * found.overhead.between_samples:.0f} µs")
    print(found.line())


def main() -> NoReturn:
    """Entry point: a known problem is one line on standard error and a non-zero exit status."""
    command_line.run(app, "linreg-bench")


if __name__ == "__main__":
    main()
