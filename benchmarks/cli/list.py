"""`linreg-bench list`. It imports no framework."""

from collections.abc import Collection, Iterable, Sequence

from benchmarks.cli.options import Plugin


def list_(plugin: Plugin = None) -> None:
    """Show backends, devices and workloads, and why something is not available."""
    from backends import registry
    from benchmarks.engine import catalogue, machine
    from benchmarks.problems.workloads import SIZE_HELP, SIZES, WORKLOADS

    known = catalogue.known(plugin or ())
    # Reading a version takes a millisecond, and many backends share a framework.
    frameworks = {backend.requires for backend in known.values()}
    versions = {requires: registry.installed_version(requires) for requires in frameworks}
    missing = {name: why for name, b in known.items() if (why := registry.missing(b))}
    for method in dict.fromkeys(method for b in known.values() for method in b.methods):
        _print(
            f"Backends for {method}",
            ("name", "devices", "style", "run", "available", "algorithm"),
            (
                (
                    name,
                    ", ".join(backend.devices),
                    backend.style,
                    "--full" if backend.optional else "default",
                    versions[backend.requires] or "no",
                    missing.get(name, backend.algorithm),
                )
                for name, backend in known.items()
                if method in backend.methods
            ),
            dim=missing,
        )
    gpus = [f"{gpu.name}, driver {gpu.driver}" for gpu in machine.gpus()]
    devices = {"cpu": f"{len(machine.usable_cores())} usable cores"}
    devices |= {f"cuda:{number}": gpu for number, gpu in enumerate(gpus)}
    none = {} if gpus else {"cuda": "not available: no NVIDIA GPU on this machine"}
    _print("Devices", ("name", "what it is"), (devices | none).items(), dim=none)
    heads = ("name", "size", "dtype", "what it is")
    for group in dict.fromkeys(workload.group for workload in WORKLOADS.values()):
        lines = (
            (w.name, f"{r.n_samples:,} x {r.n_features:,}", r.dtype, w.description)
            for w, r in ((w, w.recipe) for w in WORKLOADS.values() if w.group == group)
        )
        of = "" if group == "default" else f" of the group {group}"
        _print(f"Workloads{of}", heads, lines)
    groups = (
        (name, f"{len(sizes)} sizes", "float32", f"{sizes[0]} to {sizes[-1]}: how time grows")
        for name, sizes in SIZES.items()
    )
    _print("Groups of sizes", heads, groups)
    print(f"\nA size is a workload too: {SIZE_HELP}")


def _print(
    title: str, heads: Sequence[str], lines: Iterable[Sequence[str]], dim: Collection[str] = ()
) -> None:
    """Print a table; `dim` names the lines about what is not available."""
    from rich.table import Table
    from rich.text import Text

    from reports.terminal.console import Console

    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for head in heads[:-1]:
        table.add_column(head, no_wrap=True)
    table.add_column(heads[-1], overflow="fold", min_width=24)
    for line in lines:
        # Text is not parsed as markup, which a plug-in's name could contain.
        table.add_row(*map(Text, line), style="dim" if line[0] in dim else None)
    # A narrow terminal wraps lines; nothing is cut off.
    Console().print(table, crop=False)
