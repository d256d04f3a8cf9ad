"""`linreg-bench report`."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from benchmarks.errors import UserError
from benchmarks.printable import line


def report(
    runs: Annotated[
        list[Path],
        Argument(help="Run files, their folders, JSON of pytest-benchmark, or .benchmarks."),
    ],
    out: Annotated[Path | None, Option(help="Folder; default: that of the run.")] = None,
) -> None:
    """Draw the report of a run again, or set several runs side by side."""
    homeless = "several runs have no folder of their own: say where with --out"
    if out is None and len(runs) > 1:
        raise UserError(homeless)
    from reports import page, side_by_side, sources
    from reports.document import of_source

    found = [source for run in runs for source in sources.read_all(run)]
    for source in found:
        if source.note:
            print(line(f"{source.path}: {source.note}"))
    folder = out or sources.home(runs[0], found)
    if folder is None:
        raise UserError(homeless)
    if len(found) == 1:
        written = page.write(of_source(found[0]), folder)
    else:
        written = side_by_side.write(found, folder)
    print(line(f"report: {written}"))
