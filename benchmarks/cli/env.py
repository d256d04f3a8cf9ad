"""`linreg-bench env create`, `list` and `remove`."""

from typing import Annotated

import typer
from typer import Argument

app = typer.Typer(no_args_is_help=True, help="Environments for `run --env`, in .envs.")

Name = Annotated[str, Argument(help="Its name, as in `run --env NAME`.")]
Requirements = Annotated[list[str], Argument(help="What to install, such as 'torch==2.12.*'.")]


@app.command()
def create(name: Name, requirements: Requirements) -> None:
    """Make an environment with venv, and uv or else pip; NumPy is added."""
    from benchmarks.engine import variants

    print(variants.create(name, requirements))


@app.command("list")
def list_() -> None:
    """Show the environments and what they have."""
    from benchmarks.engine import variants

    for found in variants.made():
        print(found)


@app.command()
def remove(name: Name) -> None:
    """Delete an environment."""
    from benchmarks.engine import variants

    variants.remove(name)
