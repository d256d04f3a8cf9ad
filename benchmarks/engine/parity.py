"""Did the entry do the work that it was given? What the worker read back, against the plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.engine.plan import Entry


def mismatch(entry: Entry, description: Mapping[str, Any], received: str, sent: str) -> str:
    """The first difference between what was asked for and what is in force; '' if none.

    Args:
        entry: what was asked for.
        description: what the backend's `describe` returned after a fit.
        received: SHA-256 that the worker computed of its data.
        sent: SHA-256 of the data as they were made.
    """
    if received != sent:
        return "worked on other data than it was given (SHA-256 differs)"
    # A worker sees its own GPU alone, as its first.
    device = "cpu" if entry.home.device == "cpu" else "cuda:0"
    wanted = {
        "device": device,
        "dtype": entry.workload.recipe.dtype,
        "threads": entry.home.threads,
        "tf32": entry.home.tf32,
    }
    for key, value in wanted.items():
        found = description.get(key)
        if found != value and found is not None:
            return f"{key} is {found!r}, not {value!r} as asked for"
    for key in ("version", "device", "dtype", "algorithm"):
        if not description.get(key):
            return f"does not say its {key}"
    return ""
