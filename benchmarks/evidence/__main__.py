"""The evidence for what `benchmarks/README.md` claims; anyone can run it."""

import typer

from benchmarks import command_line
from benchmarks.evidence.coverage import coverage
from benchmarks.evidence.decision import decision
from benchmarks.evidence.endings import ended
from benchmarks.evidence.trials import aa, all_cores, beside, between, pausing, power, processes

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
for trial in (aa, power, all_cores, beside, between, pausing, processes, ended, coverage, decision):
    app.command()(trial)

if __name__ == "__main__":
    command_line.run(app, "python -m benchmarks.evidence")
