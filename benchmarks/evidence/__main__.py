"""The evidence for what `benchmarks/README.md` claims; anyone can run it."""

from __future__ import annotations

import typer

from benchmarks import command_line
from benchmarks.evidence import regressions, trials

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
app.command()(trials.aa)
app.command()(trials.power)
app.command()(trials.all_cores)
app.command()(trials.pausing)
app.command()(regressions.beside)
app.command()(regressions.between)

if __name__ == "__main__":
    command_line.run(app, "python -m benchmarks.evidence")
