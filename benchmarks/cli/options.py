"""Options that several commands share, and how their values are written."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from benchmarks.errors import UserError


def _completed(names: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """How a shell completes the last name of a comma-separated list."""

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        return [f"{before}{comma}{name}" for name in names() if name.startswith(last)]

    return complete


def _workloads() -> list[str]:
    from benchmarks.problems import workloads

    groups = (workload.group for workload in workloads.WORKLOADS.values())
    return [*workloads.WORKLOADS, *dict.fromkeys(groups), *workloads.SIZES]


def _backends() -> list[str]:
    from backends import registry

    return [backend.name for backend in registry.own()]


Seed = Annotated[int, Option(min=0, help="For the data and for the order of the rounds.")]
Plugin = Annotated[
    list[Path] | None, Option(help="A Python file with more backends; may be repeated.")
]
JSON = Annotated[bool, Option("--json", help="Print JSON to standard output, and nothing else.")]
FailIfSlower = Annotated[
    str | None, Option(help="Exit with 1 if an entry is certainly slower by more than this.")
]
RunPath = Annotated[Path, Argument(help="A run file, or the folder that holds one.")]

LATEST = Path("reports/latest")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What `run` and `check` are asked for: each field is an option, as it was given."""

    workloads: Annotated[
        str | None,
        Option(
            help="Names, groups, globs or sizes such as 5000x10:float64, comma-separated.",
            autocompletion=_completed(_workloads),
        ),
    ] = None
    data: Annotated[
        Path | None,
        Option(
            help="Your own table: text such as CSV; Parquet or a folder of it; Feather; also "
            "compressed; - for standard input; or certified data in NIST's form (.dat)."
        ),
    ] = None
    target: Annotated[
        str | None,
        Option(help="The column of --data to predict from all other columns of numbers."),
    ] = None
    features: Annotated[
        str,
        Option(help="Only these columns of --data: names or globs such as 'x_*', comma-separated."),
    ] = ""
    exclude: Annotated[
        str, Option(help="Not these columns of --data: names or globs, comma-separated.")
    ] = ""
    missing: Annotated[
        str,
        Option(help="What else stands for no value in --data, such as '?,-999', comma-separated."),
    ] = ""
    drop_missing: Annotated[
        bool, Option("--drop-missing", help="Leave out the rows of --data that lack a value.")
    ] = False
    delimiter: Annotated[
        str, Option(help="What separates the columns of --data: one character, tab or space.")
    ] = ""
    decimal: Annotated[str, Option(help="What begins a fraction in --data: . or a comma.")] = ""
    encoding: Annotated[str, Option(help="The encoding of --data, such as cp1252.")] = ""
    no_header: Annotated[
        bool, Option("--no-header", help="The first line of --data holds data and not names.")
    ] = False
    backends: Annotated[
        list[str] | None,
        Option(
            help="Names or globs such as 'torch-*', comma-separated; may be repeated.",
            autocompletion=_completed(_backends),
        ),
    ] = None
    full: Annotated[
        bool,
        Option("--full", help="All backends, also optional ones; without --data, all workloads."),
    ] = False
    devices: Annotated[
        str | None,
        Option(help="cpu, cuda, cuda:N or all, comma-separated; default: CPU and first GPU."),
    ] = None
    threads: Annotated[
        int | None, Option(help="CPU threads of every entry, instead of each workload's own.")
    ] = None
    workers: Annotated[
        str,
        Option(help="How many processes share each fit of a distributed backend, such as 1,2."),
    ] = "1"
    cores: Annotated[
        str | None,
        Option(help="Use these cores only, such as 0,2-3; default: all that are usable."),
    ] = None
    seed: Seed = 0
    out: Annotated[Path, Option(help="Folder for the run file, the logs and the report.")] = LATEST
    plugin: Plugin = None
    patience: Annotated[
        str, Option(help="A worker that has not answered after this long is killed.")
    ] = "60s"
    tf32: Annotated[
        bool, Option("--tf32", help="Let CUDA round the factors of float32 products to 11 bits.")
    ] = False
    quiet: Annotated[
        bool, Option("--quiet", "-q", help="Print only errors and the path of the report.")
    ] = False

    @property
    def plugins(self) -> tuple[Path, ...]:
        """The files of `--plugin`."""
        return tuple(self.plugin or ())


def with_asked(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `Asked` before its own; it takes them as `**given`."""
    context, *own, _ = signature(command).parameters.values()
    shared = [
        Parameter(one.name, context.kind, default=one.default, annotation=one.type)
        for one in fields(Asked)
    ]
    command.__signature__ = Signature([context, *shared, *own])  # type: ignore[attr-defined]
    return command


_UNITS = {"min": 60.0, "ms": 1e-3, "m": 60.0, "s": 1.0}


def is_written(context: typer.Context, parameter: str) -> bool:
    """Whether it stands on the command line, and is no default or setting."""
    source = context.get_parameter_source(parameter)
    return source is not None and source.name == "COMMANDLINE"


def parse_seconds(option: str, text: str) -> float:
    """Seconds from `90`, `90s`, `1.5m` or `2min`.

    Raises:
        UserError: `text` is not a duration, or not positive.
    """
    number = text.strip().lower()
    unit = next((unit for unit in _UNITS if number.endswith(unit)), "")
    try:
        value = float(number.removesuffix(unit)) * _UNITS.get(unit, 1.0)
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise UserError(f"{option} {text}: needs a time above zero, such as 60s or 2min")
    return value


def parse_workers(text: str) -> list[int]:
    """Numbers of workers from `1,2`.

    Raises:
        UserError: `text` has another form.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part[:9]) >= 1 for part in parts):
        raise UserError(f"--workers {text}: needs numbers of workers, such as 1,2")
    return list(dict.fromkeys(int(part[:9]) for part in parts))


def parse_cores(text: str) -> set[int]:
    """Numbers of cores from `0,2-3`.

    Raises:
        UserError: `text` has another form.
    """
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if not first.isdecimal() or not (last or first).isdecimal() or len(part) > 20:
            raise UserError(f"--cores {text}: needs numbers of cores, such as 0,2-3")
        if int(last or first) > 100_000:
            raise UserError(f"--cores {text}: there is no core {int(last or first)}")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def parse_share(option: str, text: str | None, most: float = 1) -> float | None:
    """A share from `5%` or `0.05`; None if the option was not given.

    Raises:
        UserError: `text` is not above 0 and below `most`; a number without % must be below 1, as
            `5` may be meant for 5%.
    """
    if text is None:
        return None
    percent = text.endswith("%")
    try:
        value = float(text.removesuffix("%")) / (100 if percent else 1)
    except ValueError:
        value = float("nan")
    if not 0 < value < (most if percent else 1):
        if most > 1:
            raise UserError(f"{option} {text}: needs a share such as 5%, 0.05 or 200%")
        raise UserError(f"{option} {text}: needs a share between 0 and 1, such as 5% or 0.05")
    return value


def parse_limit(text: str | None) -> float | None:
    """The share of --fail-if-slower; None if it was not given.

    Raises:
        UserError: `text` is no share.
    """
    return parse_share("--fail-if-slower", text, most=float("inf"))
