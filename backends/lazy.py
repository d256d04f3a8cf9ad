"""Modules that are imported on first use, so that listing backends imports no framework.

And those that are imported from a file, or not at all.
"""

import importlib.util
import sys
from collections.abc import Iterable
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any


class _LazyModule(ModuleType):
    """Stands for a module and imports it when an attribute is first asked for."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(importlib.import_module(self.__name__), name)
        setattr(self, name, value)  # the next look-up does not come here
        return value


def lazy(name: str) -> Any:
    """The module `name`, imported when it is first used.

    Dynamo, the tracer of `torch.compile`, does not know what this returns: bind what a compiled
    function calls to local names first.
    """
    return _LazyModule(name)


def from_file(name: str, path: str | Path) -> ModuleType:
    """Import the module of a Python file, which need be in no package, under this name."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
