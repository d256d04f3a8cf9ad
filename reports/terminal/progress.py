"""What a person sees while a run works: events stay, what is going on is overwritten.

Nothing is drawn while a worker is being timed: no thread refreshes, and the caller reports between
samples.
"""

import time
from collections.abc import Callable, Sequence
from typing import Self

from rich.console import RenderableType
from rich.live import Live
from rich.text import Text

from benchmarks import estimates
from benchmarks.printable import line
from benchmarks.progress import Progress
from benchmarks.runfile.header import BASELINES, EntryRecord
from benchmarks.samples import Rounds
from reports import text
from reports.analysis.rows import Row, ranked
from reports.terminal.table import Console, grid, with_interval

#: A terminal is redrawn at most this often while rounds go on, seconds; elsewhere a line appears.
#: This time is part of the budget: comparing all pairs of 13 entries takes some 30 ms.
_LIVE_EVERY, _PLAIN_EVERY = 2.0, 10.0
_HEADS = ("#", "backend, device, threads", "time of one fit", "against the baseline", "rounds")


class TerminalProgress(Progress):
    """Writes to standard error: a live table on a terminal, plain lines elsewhere, or nothing."""

    def __init__(
        self,
        console: Console | None = None,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.console = console or Console(stderr=True, highlight=False, quiet=quiet)
        self._clock = clock
        self._live: Live | None = None
        if self.console.is_terminal and not quiet:
            self._live = Live(console=self.console, auto_refresh=False, transient=True)
        self._last = float("-inf")
        self._lost = False  # whether standard error can be written no more

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._live:
            self._live.stop()

    def say(self, text: str) -> None:
        """Something that happened, to stay on the screen."""
        self._print(lambda: self.console.print(line(text), markup=False, soft_wrap=True))

    def status(self, text: str) -> None:
        """What is going on just now."""
        if self._live:
            self._show(Text(line(text), no_wrap=True, overflow="ellipsis"))
        elif self.due():
            self._last = self._clock()
            self.say(text)

    def due(self) -> bool:
        """Whether enough time has passed for `standings` to be worth its time."""
        return self._clock() - self._last >= (_LIVE_EVERY if self._live else _PLAIN_EVERY)

    def standings(self, title: str, timed: Sequence[tuple[EntryRecord, Rounds]]) -> None:
        """Show the entries of one workload by speed, with their samples so far."""
        made = [
            Row(entry, "passed", True, "", len(rounds), rounds, time=estimates.typical(rounds))
            for entry, rounds in timed
            if rounds
        ]
        rows = ranked(made, BASELINES.values())
        if not self._live:
            best = " < ".join(row.entry.name for row in rows[:4])
            self.status(f"{title}; so far {best}" if best else title)
            return
        table = grid(_HEADS, map(_cells, rows), no_wrap=True)
        table.title, table.title_justify = Text(line(title), style="bold"), "left"
        self._show(table)

    def _show(self, what: RenderableType) -> None:
        live = self._live
        assert live is not None
        self._print(lambda: live.update(what, refresh=True))
        self._last = self._clock()

    def _print(self, write: Callable[[], None]) -> None:
        """Write; where nobody reads any more, or the disk is full, the run goes on in silence."""
        if not self._lost:
            try:
                write()
            except OSError:
                self._lost, self.console.quiet = True, True


def _cells(row: Row) -> list[str]:
    # These entries come from the engine and not from a run file: their names may hold anything.
    name = line(f"{row.entry.name} {row.entry.device} {row.entry.threads}")
    against = with_interval(*text.against(row))
    return [row.place, name, text.seconds(row.time), against, f"{row.samples:,}"]
