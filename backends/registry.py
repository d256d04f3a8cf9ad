"""Which backends there are. Asking costs nothing: no framework is imported."""

from __future__ import annotations

import importlib.util
import shlex
import sys
from importlib.metadata import PackageNotFoundError, entry_points, version
from inspect import isabstract
from pathlib import Path
from types import ModuleType

from backends import cupy, numpy, scipy, sklearn, statsmodels
from backends.base import Backend
from backends.jax import descent as jax_descent
from backends.jax import least_squares as jax_least_squares
from backends.tensorflow import descent as tensorflow_descent
from backends.tensorflow import least_squares as tensorflow_least_squares
from backends.torch import descent as torch_descent
from backends.torch import least_squares as torch_least_squares
from backends.torch import loops as torch_loops
from backends.torch import refined as torch_refined

MODULES = (
    torch_descent,
    torch_loops,
    tensorflow_descent,
    jax_descent,
    numpy,
    scipy,
    sklearn,
    statsmodels,
    torch_least_squares,
    torch_refined,
    tensorflow_least_squares,
    jax_least_squares,
    cupy,
)
ENTRY_POINTS = "linreg_bench.backends"


class PluginError(Exception):
    """A plug-in cannot be used; the message says which and why, in one line."""


def load(plugins: tuple[Path, ...] = ()) -> dict[str, type[Backend]]:
    """All backends by name: the suite's own, installed entry points, then plug-in files.

    Raises:
        PluginError: a plug-in does not import, holds no backend, or takes a name that is taken.
    """
    found: dict[str, type[Backend]] = {}
    for module in MODULES:
        _add(found, _classes(module), module.__name__)
    for point in entry_points(group=ENTRY_POINTS):
        try:
            loaded = point.load()
        except Exception as error:
            raise PluginError(f"entry point {point.name!r}: {_line(error)}") from error
        _add(found, [loaded], f"entry point {point.name!r}")
    for path in plugins:
        _add(found, _plugin_classes(path), str(path))
    return found


def missing(backend: type[Backend]) -> str:
    """Why the backend's framework cannot be imported here, in one line; empty if it can."""
    if importlib.util.find_spec(backend.framework.partition(".")[0]) is not None:
        return ""
    return f"{backend.framework} is not installed: pip install {to_install(backend)}"


def to_install(backend: type[Backend]) -> str:
    """What pip is to install for the backend's framework, as a shell takes it."""
    return shlex.quote(backend.requires[0])


def installed_version(backend: type[Backend]) -> str:
    """The version of the distribution that brings the backend's framework here, or ''."""
    for name in backend.requires:
        try:
            return version(name.partition("[")[0])  # without extras
        except PackageNotFoundError:
            continue
    return ""


def _classes(module: ModuleType) -> list[type[Backend]]:
    """The concrete backends that a module defines itself; a leading underscore hides one."""
    return [
        item
        for item in vars(module).values()
        if isinstance(item, type)
        and issubclass(item, Backend)
        and not isabstract(item)
        and not item.__name__.startswith("_")
        and item.__module__ == module.__name__
    ]


def _plugin_classes(path: Path) -> list[type[Backend]]:
    name = f"linreg_bench_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise PluginError(f"plug-in {path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise PluginError(f"plug-in {path} does not import: {_line(error)}") from error
    if not (classes := _classes(module)):
        raise PluginError(f"plug-in {path}: defines no complete subclass of Backend")
    return classes


def _add(found: dict[str, type[Backend]], classes: list[type[Backend]], source: str) -> None:
    for backend in classes:
        lacking = [a for a in _ATTRIBUTES if not hasattr(backend, a)]
        if lacking:
            raise PluginError(f"{source}: {backend.__name__} does not say {', '.join(lacking)}")
        if backend.name in found:
            raise PluginError(f"{source}: the name {backend.name!r} is taken")
        found[backend.name] = backend


_ATTRIBUTES = (
    *("name", "framework", "requires", "methods", "devices"),
    *("algorithm", "stability", "style", "optional"),
)


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".replace("\n", " ")
