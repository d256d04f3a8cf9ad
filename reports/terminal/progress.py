"""What a person sees while a run works: events stay, what is going on is overwritten.

Nothing is drawn while a worker is being timed: there is no thread that refreshes, and the caller
reports between samples, when all workers are stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from benchmarks import estimates
from benchmarks.estimates import Rounds
from benchmarks.runfile.header import EntryRecord
from reports import text
from reports.analysis.rows import BASELINES
from reports.terminal.table import grid

#: A terminal is redrawn at most this often while rounds go on, seconds; elsewhere a line appears.
#: It comes out of the budget: to compare all pairs of 13 entries takes some 30 ms.
_LIVE_EVERY, _PLAIN_EVERY = 2.0, 10.0
_HEADS = ("#", "backend, device, threads", "time of one fit", "against the baseline", "rounds")


class TerminalProgress:
    """Writes to standard error: a live table on a terminal, plain lines elsewhere, or nothing.

    It has the methods of `benchmarks.engine.progress.Progress`.
    """

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

    def __enter__(self) -> TerminalProgress:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._live:
            self._live.stop()

    def say(self, text: str) -> None:
        """Something that happened, to stay on the screen."""
        self.console.print(text, markup=False, soft_wrap=True)

    def status(self, text: str) -> None:
        """What is going on just now."""
        if self._live:
            self._show(Text(text, no_wrap=True, overflow="ellipsis"))
        elif self.due():
            self._last = self._clock()
            self.say(text)

    def due(self) -> bool:
        """Whether enough time has passed for `standings` to be worth its time."""
        every = _LIVE_EVERY if self._live else _PLAIN_EVERY
        return self._clock() - self._last >= every

    def standings(self, title: str, timed: Sequence[tuple[EntryRecord, Rounds]]) -> None:
        """Show the entries of one workload by speed, with their samples so far."""
        ordered = sorted(timed, key=lambda pair: estimates.middle(pair[1]))
        if self._live:
            table = grid(_HEADS, _standings(ordered), no_wrap=True)
            table.title, table.title_justify = Text(title, style="bold"), "left"
            self._show(table)
        else:
            best = " < ".join(entry.name for entry, _ in ordered[:4])
            self.status(f"{title}; so far {best}")

    def _show(self, what: RenderableType) -> None:
        assert self._live is not None
        self._live.update(what, refresh=True)
        self._last = self._clock()


def _standings(ordered: Sequence[tuple[EntryRecord, Rounds]]) -> list[list[str]]:
    """The cells under `_HEADS`, the fastest first."""
    if not ordered:
        return []
    usual = [pair for pair in ordered if pair[0].name in BASELINES.values()]
    base, base_rounds = min(usual, key=lambda pair: pair[0].device != "cpu", default=ordered[0])
    confidence = estimates.simultaneous(len(ordered))
    places = estimates.places({entry.id: rounds for entry, rounds in ordered}, confidence)
    found = []
    for entry, rounds in ordered:
        where = f"{entry.name} {entry.device} {entry.threads}"
        ratio = estimates.ratio(rounds, base_rounds, confidence)
        against = text.MISSING if ratio is None else "{} ({})".format(*text.compared(ratio))
        found.append(
            [
                places[entry.id],
                where,
                text.seconds(estimates.middle(rounds)),
                "baseline" if entry is base else against,
                f"{len(rounds):,}",
            ]
        )
    return found
