"""What a person sees while a run works: events stay, what is going on is overwritten.

Nothing is drawn while a worker is being timed: there is no thread that refreshes, and who calls
this does so between rounds, when all workers are stopped.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from benchmarks.printable import line
from reports.terminal import live
from reports.terminal.standings import Standing

#: A terminal is drawn at most this often while rounds go on, seconds; elsewhere a line appears.
#: It comes out of the budget: to compare all pairs of 13 entries takes some 30 ms.
_LIVE_EVERY, _PLAIN_EVERY = 2.0, 10.0


class Progress:
    """Writes to standard error: a live table on a terminal, plain lines elsewhere, or nothing."""

    def __init__(self, console: Console | None = None, quiet: bool = False) -> None:
        self.console = console or Console(stderr=True, highlight=False, quiet=quiet)
        self._live = (
            Live(console=self.console, auto_refresh=False, transient=True)
            if self.console.is_terminal and not quiet
            else None
        )
        self._last = float("-inf")

    def __enter__(self) -> Progress:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()

    def say(self, text: str) -> None:
        """Something that happened, to stay on the screen."""
        self.console.print(line(text), markup=False, soft_wrap=True)

    def status(self, text: str) -> None:
        """What is going on just now."""
        if self._live:
            self._show(Text(line(text), no_wrap=True, overflow="ellipsis"))
        elif self.due():
            self._last = time.monotonic()
            self.say(text)

    def due(self) -> bool:
        """Whether enough time has passed for `standings` to be worth its while."""
        every = _LIVE_EVERY if self._live else _PLAIN_EVERY
        return time.monotonic() - self._last >= every

    def standings(self, title: str, found: Sequence[Standing]) -> None:
        """Who is ahead so far; call it between rounds, when it is `due`."""
        if self._live:
            self._show(live.table(title, found))
        else:
            best = " < ".join(standing.name.split(" ")[0] for standing in found[:4])
            self.status(f"{title}; so far {best}")

    def _show(self, what: RenderableType) -> None:
        assert self._live is not None
        self._live.update(what, refresh=True)
        self._last = time.monotonic()
