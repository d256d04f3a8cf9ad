"""The evidence for what `benchmarks/README.md` claims; anyone can run it."""

import typer

from benchmarks import command_line
from benchmarks.evidence import trials

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
app.command()(trials.aa)
app.command()(trials.power)
app.command()(trials.all_cores)
app.command()(trials.beside)
app.command()(trials.between)
app.command()(trials.pausing)
app.command()(trials.processes)

if __name__ == "__main__":
    command_line.run(app, "python -m benchmarks.evidence")
