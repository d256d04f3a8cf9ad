"""What a person sees while a run works: events stay, the status line is overwritten."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.status import Status

#: Where the output is no terminal, a status line appears at most this often, seconds.
_PLAIN_EVERY = 10.0


class Progress:
    """Writes to standard error; a live line on a terminal, plain lines elsewhere."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False)
        self._live = Status("", console=self.console) if self.console.is_terminal else None
        self._last_plain = float("-inf")

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
        self.console.print(text, markup=False, soft_wrap=True)

    def status(self, text: str) -> None:
        """What is going on just now."""
        if self._live:
            # Escaped, since names come from plug-ins; cut, since a live line must not wrap.
            line = text[: max(self.console.width - 4, 20)]
            self._live.update(line.replace("[", r"\["))
        elif time.monotonic() - self._last_plain >= _PLAIN_EVERY:
            self._last_plain = time.monotonic()
            self.say(text)
