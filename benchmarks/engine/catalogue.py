"""Which backends there are, for the process that measures: it imports no plug-in.

A plug-in that was imported here could change the gate, the clock or the exit status. So a child
process imports it and says what it defines. Nobody vouches for that: it is checked here again.
"""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from backends import registry
from backends.description import LONGEST_TEXT, Description, PluginError
from benchmarks.engine import inquiry

#: Seconds that plug-ins may take to be imported, all together.
PATIENCE = 60.0


def known(plugins: Sequence[Path] = (), patience: float = PATIENCE) -> dict[str, Description]:
    """All backends by name: the suite's own, installed entry points, then plug-in files.

    Raises:
        PluginError: a plug-in does not import within `patience` (s), holds no backend, describes
            one wrongly, or uses a name that is taken.
    """
    own = (Description.of(backend, backend.__module__) for backend in registry.own())
    found = {description.name: description for description in own}
    # Without plug-ins no process is started: `list` answers at once.
    if sources := registry.sources(plugins):
        for description in _described(sources, patience):
            if description.name in found:
                who = registry.where(description.plugin)
                raise PluginError(f"{who}: the name {description.name!r} is taken")
            found[description.name] = description
    return found


def _described(sources: Sequence[str], patience: float) -> Iterator[Description]:
    reply = inquiry.ask(
        Path(sys.executable),
        "backends.worker.plugins",
        sources,
        expected=len(sources),
        patience=patience,
        environment=os.environ,
    )
    for source, line in zip(sources, reply.lines, strict=False):
        yield from _checked(source, line)
    if reply.trouble:
        culprit = registry.where(sources[len(reply.lines)])
        raise PluginError(f"{culprit} does not import: its process {reply.trouble}")


def _checked(source: str, line: bytes) -> list[Description]:
    """The descriptions in the answer about a source."""
    who = registry.where(source)
    try:
        answer = json.loads(line)
        if "trouble" in answer:
            raise PluginError(str(answer["trouble"])[: len(who) + 3 * LONGEST_TEXT])
        backends = [{key: _tuples(v) for key, v in one.items()} for one in answer["backends"]]
        return [Description.checked(values, who, source) for values in backends]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise PluginError(f"{who}: its process wrote something that is no answer") from None


def _tuples(value: Any) -> Any:
    """JSON has no tuples."""
    return tuple(value) if isinstance(value, list) else value
