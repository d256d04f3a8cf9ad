"""`linreg-bench env create`, `list` and `remove`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from benchmarks.engine.variants import Environment

app = typer.Typer(no_args_is_help=True, help="Environments for `run --env`, in .envs.")

Name = Annotated[str, typer.Argument(help="Its name, as in `run --env NAME`.")]


@app.command()
def create(
    name: Name,
    requirements: Annotated[
        list[str], typer.Argument(help="What pip installs, such as 'torch==2.12.*'.")
    ],
) -> None:
    """Make an environment with venv and pip; NumPy is added."""
    from benchmarks.engine import variants

    print(_shown(variants.create(name, requirements)))


@app.command("list")
def list_() -> None:
    """Show the environments and what they have."""
    from benchmarks.engine import variants

    for found in variants.made():
        print(_shown(found) if isinstance(found, variants.Environment) else found)


@app.command()
def remove(name: Name) -> None:
    """Delete an environment."""
    from benchmarks.engine import variants

    variants.remove(name)


def _shown(environment: Environment) -> str:
    record = environment.record()
    packages = ", ".join(f"{name} {version}" for name, version in record.packages.items())
    return f"{record.name}: Python {record.python}, {packages}"
