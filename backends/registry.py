"""Which backends there are. Asking costs nothing: no framework is imported."""

from __future__ import annotations

import importlib.util
import shlex
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from inspect import isabstract
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

from backends.base import Backend
from backends.base import installed_version as installed_version

#: The modules of this package with backends, in the order in which these are listed.
MODULES = (
    *("torch.descent", "torch.loops", "tensorflow.descent", "jax.descent"),
    *("numpy", "scipy", "sklearn", "statsmodels"),
    *("torch.least_squares", "torch.refined", "tensorflow.least_squares", "jax.least_squares"),
    "cupy",
)
ENTRY_POINTS = "linreg_bench.backends"


class PluginError(Exception):
    """A plug-in cannot be used; the message says which and why, in one line."""

    def __init__(self, message: str) -> None:
        super().__init__(_printable(message))


def load(plugins: tuple[Path, ...] = ()) -> dict[str, type[Backend]]:
    """All backends by name: the suite's own, installed entry points, then plug-in files.

    Raises:
        PluginError: a plug-in does not import, holds no backend, describes one wrongly, or uses a
            name that is taken.
    """
    found: dict[str, type[Backend]] = {}
    for module in MODULES:
        _add(found, _classes(importlib.import_module(f"backends.{module}")), module)
    for point in entry_points(group=ENTRY_POINTS):
        try:
            loaded = point.load()
        except Exception as error:
            raise PluginError(f"entry point {point.name!r}: {_described(error)}") from error
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
    """What pip has to install for the backend's framework, quoted for a shell."""
    return shlex.quote(backend.requires[0])


def _classes(module: ModuleType) -> list[type[Backend]]:
    """The concrete backends that a module defines itself; a leading underscore hides one."""
    own = [item for item in vars(module).values() if _is_complete(item)]
    return [c for c in own if c.__module__ == module.__name__ and not c.__name__.startswith("_")]


def _is_complete(item: Any) -> bool:
    return isinstance(item, type) and issubclass(item, Backend) and not isabstract(item)


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
        raise PluginError(f"plug-in {path} does not import: {_described(error)}") from error
    if not (classes := _classes(module)):
        raise PluginError(f"plug-in {path}: defines no complete subclass of Backend")
    return classes


def _add(found: dict[str, type[Backend]], classes: list[Any], source: str) -> None:
    for backend in classes:
        _validate(backend, source)
        if backend.name in found:
            raise PluginError(f"{source}: the name {backend.name!r} is taken")
        found[backend.name] = backend


def _validate(backend: Any, source: str) -> None:
    """Check what a backend says of itself, and make its texts printable.

    Raises:
        PluginError: it is no complete backend, or an attribute is missing or has a wrong type.
    """
    if not _is_complete(backend):
        raise PluginError(f"{source}: {backend!r} is not a complete subclass of Backend")
    who = f"{source}: {backend.__name__}"
    needed = [name for name in _ATTRIBUTES if not hasattr(Backend, name)]
    if lacking := [name for name in needed if not getattr(backend, name, "")]:
        raise PluginError(f"{who} does not say {', '.join(lacking)}")
    for name, wanted in _ATTRIBUTES.items():
        value = getattr(backend, name)
        if not _has_type(value, wanted):
            raise PluginError(f"{who}: {name} must be {wanted}, and is {value!r:.100}")
        if (printable := _printable(value)) != value:
            setattr(backend, name, printable)
    if "least squares" in backend.methods and not backend.stability:
        raise PluginError(f"{who} lists 'least squares' and does not say its stability")


#: The type of each attribute that a backend's class has.
_ATTRIBUTES = {
    name: get_args(hint)[0]
    for name, hint in get_type_hints(Backend).items()
    if get_origin(hint) is ClassVar
}


def _has_type(value: Any, wanted: Any) -> bool:
    """Whether `value` is of an annotated type, of the kinds that `Backend` uses."""
    kind, parts = get_origin(wanted), get_args(wanted)
    if kind is Literal:
        return value in parts
    if kind is tuple:
        return isinstance(value, tuple) and all(_has_type(item, parts[0]) for item in value)
    if kind is Mapping:
        return isinstance(value, Mapping) and _has_type((*value, *value.values()), tuple[str, ...])
    return isinstance(value, wanted)


def _printable(value: Any) -> Any:
    """`value` with a blank for every unprintable character in its texts."""
    if isinstance(value, str):
        return "".join(c if c.isprintable() else " " for c in value)
    if isinstance(value, tuple):
        return tuple(map(_printable, value))
    if isinstance(value, Mapping):
        return {_printable(key): _printable(item) for key, item in value.items()}
    return value


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
