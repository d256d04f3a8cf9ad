"""Which backends there are. Asking costs nothing: no framework is imported.

The modules of plug-ins are imported by workers, and by tests. The suite itself asks a process of
its own about them (`backends.worker.plugins`), so that they cannot change how it measures.
"""

import importlib.util
import os
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from inspect import isabstract
from pathlib import Path
from types import ModuleType
from typing import Any

from backends.base import Backend
from backends.base import installed_version as installed_version
from backends.custom import CustomWorkload
from backends.description import Description, PluginError, described
from backends.lazy import from_file

#: The modules of this package with backends, in the order in which these are listed.
MODULES = (
    *("torch.descent", "torch.loops", "torch.operator", "tensorflow.descent", "jax.descent"),
    *("numpy", "numba", "scipy", "sklearn", "statsmodels"),
    *("torch.least_squares", "torch.refined", "tensorflow.least_squares", "jax.least_squares"),
    *("cupy", "distributed.torch", "distributed.dask", "distributed.spark"),
)
ENTRY_POINTS = "linreg_bench.backends"


def own() -> list[type[Backend]]:
    """The suite's own backends."""
    modules = (importlib.import_module(f"backends.{module}") for module in MODULES)
    return [backend for module in modules for backend in _classes(module, Backend)]


def sources(plugins: Iterable[Path] = ()) -> list[str]:
    """Where further backends come from, as `Description.plugin` says it; nothing is imported.

    Raises:
        PluginError: a plug-in is not a Python file.
    """
    points = dict.fromkeys(point.name for point in entry_points(group=ENTRY_POINTS))
    for path in plugins:
        _refuse_others(path)
    return [*points, *(str(path.resolve()) for path in plugins)]


def is_file(source: str) -> bool:
    """Whether a source is a file, and not an entry point."""
    return os.path.isabs(source)


def where(source: str) -> str:
    """A source in words."""
    return f"plug-in {source}" if is_file(source) else f"entry point {source!r}"


def load(plugins: tuple[Path, ...] = ()) -> dict[str, type[Backend]]:
    """All backends by name: the suite's own, installed entry points, then plug-in files.

    Raises:
        PluginError: a plug-in does not import, holds no backend, describes one wrongly, or uses a
            name that is taken.
    """
    found = {Description.of(backend, backend.__module__).name: backend for backend in own()}
    for source in sources(plugins):
        for backend in defined(source).backends:
            name = Description.of(backend, where(source)).name
            if name in found:
                raise PluginError(f"{where(source)}: the name {name!r} is taken")
            found[name] = backend
    return found


def find(name: str, sources: Sequence[str]) -> type[Backend] | None:
    """The backend of that name; of plug-ins, only `sources` are imported, if it is in them.

    Raises:
        PluginError: a source that is imported cannot be used.
    """
    if known := {backend.name: backend for backend in own()}.get(name):
        return known
    for source in sources:
        for backend in defined(source).backends:
            if Description.of(backend, where(source)).name == name:
                return backend
    return None


@dataclass(frozen=True)
class Defined:
    """The classes of a source, which are not checked yet."""

    backends: list[type[Backend]]
    workloads: list[type[CustomWorkload]]


def defined(source: str) -> Defined:
    """Import a source, and find what it defines.

    Raises:
        PluginError: it does not import, or holds neither a backend nor a workload.
    """
    # Whatever it raises: `sys.exit` in a module must not end the program without a word.
    try:
        if is_file(source):
            path = Path(source)
            _refuse_others(path)
            module = from_file(f"linreg_bench_plugin_{path.stem}", path)
            found = Defined(_classes(module, Backend), _classes(module, CustomWorkload))
            trouble = "defines no complete subclass of Backend or CustomWorkload"
        else:
            loaded = [p.load() for p in entry_points(group=ENTRY_POINTS, name=source)]
            found = Defined([], [])
            if all(_is_complete(item, Backend) for item in loaded):
                found = Defined(loaded, [])
            trouble = "is not a complete subclass of Backend"
    except PluginError:
        raise
    except BaseException as error:
        raise PluginError(f"{where(source)} does not import: {described(error)}") from error
    if not found.backends and not found.workloads:
        raise PluginError(f"{where(source)} {trouble}")
    return found


def missing(backend: type[Backend] | Description) -> str:
    """Why the backend's framework cannot be imported here, in one line; empty if it can."""
    if importlib.util.find_spec(backend.framework.partition(".")[0]) is not None:
        return ""
    return f"{backend.framework} is not installed: pip install {to_install(backend)}"


def to_install(backend: type[Backend] | Description) -> str:
    """What pip has to install for the backend's framework, quoted for a shell."""
    return shlex.quote(backend.requires[0])


def _classes(module: ModuleType, base: Any) -> list[Any]:
    """The concrete subclasses that a module defines itself; a leading underscore hides one."""
    own = [item for item in vars(module).values() if _is_complete(item, base)]
    return [c for c in own if c.__module__ == module.__name__ and not c.__name__.startswith("_")]


def _is_complete(item: Any, base: Any) -> bool:
    return isinstance(item, type) and issubclass(item, base) and not isabstract(item)


def _refuse_others(path: Path) -> None:
    if not path.is_file() or importlib.util.spec_from_file_location("plugin", path) is None:
        raise PluginError(f"plug-in {path}: not a Python file")
