"""`linreg-bench report`."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from benchmarks.errors import UserError
from benchmarks.printable import line


def report(
    runs: Annotated[
        list[Path], Argument(help="Run files, their folders, or JSON of pytest-benchmark.")
    ],
    out: Annotated[Path | None, Option(help="Folder; default: that of the run.")] = None,
) -> None:
    """Draw the report of a run again, or set several runs side by side."""
    if out is None and len(runs) > 1:
        raise UserError("several runs have no folder of their own: say where with --out")
    from reports import page, side_by_side, sources
    from reports.document import of_source

    found = [sources.read(run) for run in runs]
    if len(found) > 1 and out is not None:
        written = side_by_side.write(found, out)
    else:
        written = page.write(of_source(found[0]), out or found[0].folder)
    print(line(f"report: {written}"))
