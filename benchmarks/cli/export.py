"""`linreg-bench export`."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from typer import Option

from benchmarks.cli.options import RunPath
from benchmarks.errors import UserError, os_errors

Format = StrEnum("Format", ["json", "csv", "parquet", "pytest-benchmark"])


def export(
    run: RunPath,
    format: Annotated[Format, Option(help="How to write the rows.")] = Format.json,
    out: Annotated[Path | None, Option(help="A file instead of standard output.")] = None,
) -> None:
    """Write the rows of a run, to standard output or to a file."""
    if out is None and sys.stdout is None:
        raise UserError("standard output is closed: say where with --out")
    if out is None and format is Format.parquet and sys.stdout.isatty():
        raise UserError("parquet is binary and this is a terminal: say where with --out")
    from benchmarks.runfile.run import Run
    from reports import export as exporter
    from reports.analysis.rows import rows

    found = Run.read(run)
    content = exporter.write(found, rows(found), format.value)
    if out is None:
        sys.stdout.buffer.write(content)
        return
    with os_errors(f"cannot write {out}"):
        out.write_bytes(content)
