"""What `linreg-bench list` shows. No framework is imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from rich.console import Console
from rich.table import Table
from rich.text import Text

from backends import registry
from backends.base import Backend, Kind
from benchmarks.engine import machine
from benchmarks.problems.workloads import SIZE_HELP, SIZES, WORKLOADS


def show(backends: Mapping[str, type[Backend]], console: Console | None = None) -> None:
    """Print what can be run here, and why the rest cannot."""
    console = console or Console()
    gpus = machine.gpus()
    for method in get_args(Kind):
        console.print(_backends(method, backends))
    console.print(_devices(gpus))
    for group in dict.fromkeys(workload.group for workload in WORKLOADS.values()):
        console.print(_workloads(group))
    console.print(_sizes())
    console.print(f"\nA size is a workload too: {SIZE_HELP}", markup=False, highlight=False)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        last = column == columns[-1]
        table.add_column(column, no_wrap=not last, overflow="fold", min_width=24 if last else None)
    return table


def _backends(method: Kind, backends: Mapping[str, type[Backend]]) -> Table:
    title = f"Backends for {method}"
    table = _table(title, "name", "devices", "style", "run", "available", "algorithm")
    for name, backend in backends.items():
        if method not in backend.methods:
            continue
        missing = registry.missing(backend)
        version = registry.installed_version(backend)
        about = missing or backend.algorithm
        # Text, not markup: a plug-in may call itself what it likes.
        run = "--full" if backend.optional else "default"
        cells = (name, ", ".join(backend.devices), backend.style, run, version or "no", about)
        table.add_row(*(Text(cell) for cell in cells), style="dim" if missing else None)
    return table


def _devices(gpus: list[dict[str, object]]) -> Table:
    table = _table("Devices", "name", "what it is")
    cores = machine.usable_cores()
    table.add_row("cpu", f"{len(cores)} usable cores")
    for number, gpu in enumerate(gpus):
        table.add_row(f"cuda:{number}", Text(f"{gpu['name']}, driver {gpu['driver']}"))
    if not gpus:
        table.add_row("cuda", "not available: no NVIDIA GPU on this machine", style="dim")
    return table


def _workloads(group: str) -> Table:
    title = "Workloads" if group == "default" else f"Workloads of the group {group}"
    table = _table(title, "name", "size", "dtype", "what it is")
    for workload in (w for w in WORKLOADS.values() if w.group == group):
        recipe = workload.recipe
        size = f"{recipe.n_samples:,} x {recipe.n_features:,}"
        table.add_row(workload.name, size, recipe.dtype, workload.description)
    return table


def _sizes() -> Table:
    table = _table("Groups of sizes", "name", "size", "dtype", "what it is")
    for name, sizes in SIZES.items():
        what = f"{sizes[0]} to {sizes[-1]}: how time grows"
        table.add_row(name, f"{len(sizes)} sizes", "float32", what)
    return table
