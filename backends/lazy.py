"""Frameworks that are imported on first use, so that listing backends imports none."""

from __future__ import annotations

import importlib
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
