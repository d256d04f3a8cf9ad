"""`linreg-bench list`. It imports no framework."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.cli.options import Plugin


def list_(plugin: Plugin = None) -> None:
    """Show backends, devices and workloads, and why something is not available."""
    from backends import registry
    from benchmarks.engine import machine
    from benchmarks.problems.workloads import SIZE_HELP, SIZES, WORKLOADS

    backends = registry.load(tuple(plugin or ())).values()
    for method in dict.fromkeys(method for backend in backends for method in backend.methods):
        lines, missing = [], set()
        for backend in (b for b in backends if method in b.methods):
            if reason := registry.missing(backend):
                missing.add(backend.name)
            devices, version = ", ".join(backend.devices), registry.installed_version(backend)
            run = "--full" if backend.optional else "default"
            about = reason or backend.algorithm
            lines.append((backend.name, devices, backend.style, run, version or "no", about))
        heads = ("name", "devices", "style", "run", "available", "algorithm")
        _print(f"Backends for {method}", heads, lines, missing)
    gpus = machine.gpus()
    devices = [("cpu", f"{len(machine.usable_cores())} usable cores")]
    devices += [(f"cuda:{n}", f"{gpu.name}, driver {gpu.driver}") for n, gpu in enumerate(gpus)]
    if not gpus:
        devices.append(("cuda", "not available: no NVIDIA GPU on this machine"))
    _print("Devices", ("name", "what it is"), devices, {"cuda"})
    heads = ("name", "size", "dtype", "what it is")
    for group in dict.fromkeys(workload.group for workload in WORKLOADS.values()):
        title = "Workloads" if group == "default" else f"Workloads of the group {group}"
        lines = []
        for workload in (w for w in WORKLOADS.values() if w.group == group):
            recipe = workload.recipe
            size = f"{recipe.n_samples:,} x {recipe.n_features:,}"
            lines.append((workload.name, size, recipe.dtype, workload.description))
        _print(title, heads, lines)
    lines = [
        (name, f"{len(sizes)} sizes", "float32", f"{sizes[0]} to {sizes[-1]}: how time grows")
        for name, sizes in SIZES.items()
    ]
    _print("Groups of sizes", heads, lines)
    print(f"\nA size is a workload too: {SIZE_HELP}")


def _print(
    title: str, heads: Sequence[str], lines: Iterable[Sequence[str]], dim: Iterable[str] = ()
) -> None:
    """Print a table; lines whose name is in `dim` are about what is not available."""
    from rich import print
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for head in heads[:-1]:
        table.add_column(head, no_wrap=True)
    table.add_column(heads[-1], overflow="fold", min_width=24)
    for line in lines:
        # As Text: the name of a plug-in could be taken for markup.
        table.add_row(*map(Text, line), style="dim" if line[0] in dim else None)
    print(table)
