"""The command line of environments: `linreg-bench env create`, `list` and `remove`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from benchmarks.engine import environments

app = typer.Typer(no_args_is_help=True, help="Environments for `run --env`, in .envs.")

Name = Annotated[str, typer.Argument(help="What `run --env` will know it by.")]


@app.command()
def create(
    name: Name,
    requirements: Annotated[
        list[str], typer.Argument(help="What pip installs, such as 'torch==2.12.*'.")
    ],
) -> None:
    """Make an environment with venv and pip; NumPy is added."""
    from benchmarks.engine import environments

    _show(environments.create(name, requirements))


@app.command("list")
def list_() -> None:
    """Show the environments and what they have."""
    from benchmarks.engine import environments

    for found in environments.made():
        if isinstance(found, environments.Environment):
            _show(found)
        else:
            print(found)


@app.command()
def remove(name: Name) -> None:
    """Delete an environment."""
    from benchmarks.engine import environments

    environments.remove(name)


def _show(environment: environments.Environment) -> None:
    facts = environment.to_json()
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    print(f"{environment.name}: Python {environment.version}, {packages}")
