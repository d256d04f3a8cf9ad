"""`linreg-bench list`. It imports no framework, nor what draws tables: it answers at once."""

import json
import shutil
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.cli.options import JSON, Plugin
from benchmarks.printable import line

#: Between the columns of a table.
_GAP = "  "
#: How the last one is wrapped below the others: names stay whole.
_BELOW: dict[str, Any] = {
    "initial_indent": 4 * " ",
    "subsequent_indent": 4 * " ",
    "break_long_words": False,
    "break_on_hyphens": False,
}


def list_(plugin: Plugin = None, as_json: JSON = False) -> None:
    """Show backends, devices and workloads, and why something is not available."""
    from benchmarks.engine import catalogue

    known = catalogue.survey(plugin or ())
    found = {
        "backends": _backends(known.backends),
        "devices": _devices(),
        "workloads": _workloads(known.workloads),
        "groups": _groups(),
    }
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        _show(found)


def _backends(known: dict[str, Any]) -> list[dict[str, Any]]:
    from backends import registry

    # Reading a version takes a millisecond, and many backends share a framework.
    frameworks = {backend.requires for backend in known.values()}
    versions = {requires: registry.installed_version(requires) for requires in frameworks}
    return [
        {
            "name": name,
            "framework": backend.framework,
            "methods": backend.methods,
            "devices": backend.devices,
            "style": backend.style,
            "default": not backend.optional,
            "version": versions[backend.requires] or None,
            "missing": registry.missing(backend) or None,
            "algorithm": backend.algorithm,
            "plugin": backend.source or None,
        }
        for name, backend in known.items()
    ]


def _devices() -> list[dict[str, Any]]:
    from benchmarks.engine import machine

    gpus = [f"{gpu.name}, driver {gpu.driver}" for gpu in machine.gpus()]
    devices = {"cpu": f"{len(machine.usable_cores())} usable cores"}
    devices |= {f"cuda:{number}": gpu for number, gpu in enumerate(gpus)}
    found = [{"name": name, "is": what, "available": True} for name, what in devices.items()]
    none = {"name": "cuda", "is": "not available: no NVIDIA GPU on this machine"}
    return found if gpus else [*found, none | {"available": False}]


def _workloads(further: dict[str, Any]) -> list[dict[str, Any]]:
    from benchmarks.problems.workloads import WORKLOADS

    return [
        {
            "name": workload.name,
            "group": workload.group,
            "method": workload.method.kind,
            "n_samples": workload.recipe.n_samples,
            "n_features": workload.recipe.n_features,
            "dtype": workload.recipe.dtype,
            "description": workload.description,
        }
        for workload in (*WORKLOADS.values(), *further.values())
    ]


def _groups() -> list[dict[str, Any]]:
    from benchmarks.problems.workloads import SIZES

    return [{"name": name, "sizes": sizes} for name, sizes in SIZES.items()]


def _show(found: dict[str, list[dict[str, Any]]]) -> None:
    """Print tables."""
    from benchmarks.problems.workloads import SIZE_HELP

    backends, workloads = found["backends"], found["workloads"]
    for method in dict.fromkeys(method for one in backends for method in one["methods"]):
        _print(
            f"Backends for {method}",
            ("name", "devices", "style", "run", "available", "algorithm"),
            (
                (
                    one["name"],
                    ", ".join(one["devices"]),
                    one["style"],
                    "default" if one["default"] else "--full",
                    one["version"] or "no",
                    one["missing"] or one["algorithm"],
                )
                for one in backends
                if method in one["methods"]
            ),
        )
    _print("Devices", ("name", "what it is"), ((d["name"], d["is"]) for d in found["devices"]))
    heads = ("name", "size", "dtype", "what it is")
    for group in dict.fromkeys(one["group"] for one in workloads):
        lines = (
            (w["name"], f"{w['n_samples']:,} x {w['n_features']:,}", w["dtype"], w["description"])
            for w in workloads
            if w["group"] == group
        )
        of = "" if group == "default" else f" of the group {group}"
        _print(f"Workloads{of}", heads, lines)
    groups = (
        (one["name"], f"{len(sizes)} sizes", "float32", f"{sizes[0]} to {sizes[-1]}")
        for one in found["groups"]
        if (sizes := one["sizes"])
    )
    _print("Groups of sizes: how time grows", heads, groups)
    print(f"A size is a workload too: {SIZE_HELP}")


def _print(title: str, heads: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    """Print a table, whose last column goes below the others where the terminal is narrow.

    What is read by a program, and not on a terminal, has one line for each row.
    """
    table = [heads, *([line(cell) for cell in cells] for cells in lines)]
    widths = [max(map(len, column)) for column in list(zip(*table, strict=True))[:-1]]
    indent = sum(widths) + len(_GAP) * len(widths)
    room = shutil.get_terminal_size(fallback=(10**6, 0)).columns
    below = indent + max(len(cells[-1]) for cells in table) > room
    print(title)
    for *cells, last in table:
        row = _GAP.join(f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True))
        if not below:
            print(f"{row}{_GAP}{last}")
            continue
        print(row.rstrip())
        print(textwrap.fill(last, room, **_BELOW))
    print()
