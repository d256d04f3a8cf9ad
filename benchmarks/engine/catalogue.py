"""What there is, for the process that measures: it imports no plug-in.

A plug-in that was imported here could change the gate, the clock or the exit status. So a child
process imports it and says what it defines. Nobody vouches for that: it is checked here again.
"""

import json
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backends import registry
from backends.description import LONGEST_TEXT, Description, PluginError, WorkloadDescription
from benchmarks.engine import custom, inquiry
from benchmarks.engine.custom import GROUP
from benchmarks.problems.workloads import SIZES, WORKLOADS, Workload

#: Seconds that plug-ins may take to be imported, all together.
PATIENCE = 60.0


@dataclass(frozen=True)
class Catalogue:
    """All that there is, by name."""

    backends: dict[str, Description]
    workloads: dict[str, Workload]  # of plug-ins


def known(plugins: Sequence[Path] = (), patience: float = PATIENCE) -> dict[str, Description]:
    """All backends by name; see `survey`."""
    return survey(plugins, patience).backends


def survey(plugins: Sequence[Path] = (), patience: float = PATIENCE) -> Catalogue:
    """The suite's own backends, then what installed entry points and plug-in files define.

    Raises:
        PluginError: a plug-in does not import within `patience` (s), holds nothing, describes
            something wrongly, or uses a name that is taken.
    """
    own = (Description.of(backend, backend.__module__) for backend in registry.own())
    found = Catalogue({description.name: description for description in own}, {})
    taken = {*WORKLOADS, *SIZES, *(workload.group for workload in WORKLOADS.values()), GROUP}
    # Without plug-ins no process is started: `list` answers at once.
    if sources := registry.sources(plugins):
        for source, backends, workloads in _described(sources, patience):
            for description in backends:
                _refuse(description.name, found.backends, source)
                found.backends[description.name] = description
            for workload in workloads:
                _refuse(workload.name, {*taken, *found.workloads}, source)
                found.workloads[workload.name] = workload
    return found


def _refuse(name: str, taken: Container[str], source: str) -> None:
    if name in taken:
        raise PluginError(f"{registry.where(source)}: the name {name!r} is taken")


def _described(
    sources: Sequence[str], patience: float
) -> Iterator[tuple[str, list[Description], list[Workload]]]:
    """Each source, and what it defines."""
    module, expected = "backends.worker.plugins", len(sources)
    reply = inquiry.ask(module, sources, expected=expected, patience=patience)
    for source, line in zip(sources, reply.lines, strict=False):
        yield source, *_checked(source, line)
    if reply.trouble:
        culprit = registry.where(sources[len(reply.lines)])
        raise PluginError(f"{culprit} does not import: its process {reply.trouble}")


def _checked(source: str, line: bytes) -> tuple[list[Description], list[Workload]]:
    """What the answer about a source describes."""
    who = registry.where(source)
    try:
        answer = json.loads(line)
        if "trouble" in answer:
            raise PluginError(str(answer["trouble"])[: len(who) + 3 * LONGEST_TEXT])
        raw = [{key: _tuples(v) for key, v in one.items()} for one in answer["backends"]]
        backends = [Description.checked(values, who, plugin=source) for values in raw]
        workloads = [WorkloadDescription.checked(one, who) for one in answer["workloads"]]
        return backends, [custom.workload(one, source) for one in workloads]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise PluginError(f"{who}: its process wrote something that is no answer") from None


def _tuples(value: Any) -> Any:
    """JSON has no tuples."""
    return tuple(value) if isinstance(value, list) else value
