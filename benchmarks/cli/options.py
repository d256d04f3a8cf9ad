"""What the commands that fit are asked: their options, declared once as fields of a dataclass."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from benchmarks.cli.quantities import parse_seconds, parse_share

Form = TypeVar("Form")

Seed = Annotated[int, typer.Option(min=0, help="For the data and for the order of the rounds.")]
Plugin = Annotated[
    list[Path] | None, typer.Option(help="A Python file with further backends; may be repeated.")
]
FailIfSlower = Annotated[
    str | None, typer.Option(help="Exit with 1 if an entry is slower by more, for certain.")
]


@dataclass(frozen=True)
class Asked:
    """What `check` takes, and `run` as well."""

    workloads: Annotated[
        str | None,
        typer.Option(help="Names, groups, globs or sizes such as 5000x10:float64, commas between."),
    ] = None
    data: Annotated[
        Path | None,
        typer.Option(
            help="Your own table (.csv, .parquet), or certified data in NIST's form (.dat)."
        ),
    ] = None
    target: Annotated[
        str | None,
        typer.Option(help="The column of --data to fit by all others that hold numbers."),
    ] = None
    backends: Annotated[
        list[str] | None,
        typer.Option(help="Names or globs such as 'torch-*', commas between; may be repeated."),
    ] = None
    full: Annotated[
        bool, typer.Option("--full", help="All workloads and backends, the optional ones too.")
    ] = False
    devices: Annotated[
        str | None,
        typer.Option(
            help="cpu, cuda, cuda:N or all, with commas between; by default CPU and first GPU."
        ),
    ] = None
    threads: Annotated[
        int | None, typer.Option(help="CPU threads of every entry, instead of each workload's own.")
    ] = None
    seed: Seed = 0
    out: Annotated[Path, typer.Option(help="Folder for the run file, the logs and the report.")] = (
        Path("reports/latest")
    )
    plugin: Plugin = None
    patience: Annotated[
        str, typer.Option(help="A worker that has not answered after this long is killed.")
    ] = "60s"
    tf32: Annotated[
        bool,
        typer.Option("--tf32", help="Let CUDA round float32 products to 11 bits, all of them."),
    ] = False
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Show nothing but errors and where the report is.")
    ] = False

    @property
    def plugins(self) -> tuple[Path, ...]:
        """The files with further backends."""
        return tuple(self.plugin or ())

    @property
    def patience_seconds(self) -> float:
        """What `--patience` says."""
        return parse_seconds("--patience", self.patience)


@dataclass(frozen=True)
class AskedToTime(Asked):
    """What `run` takes."""

    budget: Annotated[str, typer.Option(help="Time to measure for, all in all.")] = "45s"
    precision: Annotated[
        str, typer.Option(help="A ratio known this well needs no more rounds; 0: use all time.")
    ] = "1%"
    replicates: Annotated[
        int | None,
        typer.Option(min=1, help="Processes for each entry; by default 1 to 4, by their number."),
    ] = None
    cold: Annotated[
        bool,
        typer.Option("--cold", help="A fresh process for every entry: slower, exact first fits."),
    ] = False
    against: Annotated[
        str | None, typer.Option(help="A git revision whose backends are timed beside today's.")
    ] = None
    env: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[=PYTHON]",
            help="Another interpreter, whose packages are timed beside today's; may be repeated.",
        ),
    ] = None
    fail_if_slower: FailIfSlower = None
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the interrupted run in --out, as it was.")
    ] = False

    @property
    def budget_seconds(self) -> float:
        """What `--budget` says."""
        return parse_seconds("--budget", self.budget)

    @property
    def precision_share(self) -> float | None:
        """What `--precision` says; None: no ratio is ever known well enough."""
        if self.precision in ("0", "0%"):
            return None
        return parse_share("--precision", self.precision)

    @property
    def slower_share(self) -> float | None:
        """What `--fail-if-slower` says, if it is given."""
        if self.fail_if_slower is None:
            return None
        return parse_share("--fail-if-slower", self.fail_if_slower)


def as_options(form: type[Form]) -> Callable[[Callable[[Form], None]], Callable[..., None]]:
    """Let a command that takes a `form`, a dataclass, have an option for each of its fields."""
    hints = get_type_hints(form, include_extras=True)
    signature = inspect.signature(form)
    fields = [p.replace(annotation=hints[name]) for name, p in signature.parameters.items()]

    def decorate(command: Callable[[Form], None]) -> Callable[..., None]:
        @functools.wraps(command)
        def with_options(**given: Any) -> None:
            command(form(**given))

        with_options.__signature__ = signature.replace(parameters=fields)  # type: ignore[attr-defined]
        with_options.__annotations__ = {field.name: field.annotation for field in fields}
        return with_options

    return decorate
