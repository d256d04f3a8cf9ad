"""Packages that are installed, and not found by whoever imports them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any


def hide(packages: Iterable[str]) -> None:
    """From now on these top-level packages cannot be imported in this process.

    What is imported already stays. `None` in `sys.modules` would do less: some look there to see
    whether a package is in use, and take it for one.
    """
    hidden = frozenset(packages)

    class Without(PathFinder):
        @classmethod
        def find_spec(cls, fullname: str, *where: Any) -> ModuleSpec | None:
            return None if fullname in hidden else super().find_spec(fullname, *where)

    for position, finder in enumerate(sys.meta_path):
        if isinstance(finder, type) and issubclass(finder, PathFinder):  # an earlier one, too
            sys.meta_path[position] = Without
