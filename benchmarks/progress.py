"""What a run tells whoever watches it. `reports.terminal.progress` shows it in a terminal."""

from collections.abc import Sequence

from benchmarks.runfile.header import EntryRecord
from benchmarks.samples import Rounds


class Progress:
    """Is told what happens, and says nothing.

    It is called between samples, while all workers are stopped.
    """

    def say(self, text: str) -> None:
        """Something that happened, to stay on the screen."""

    def status(self, text: str) -> None:
        """What is going on just now."""

    def due(self) -> bool:
        """Whether enough time has passed for `standings` to be worth its time."""
        return False

    def standings(self, title: str, timed: Sequence[tuple[EntryRecord, Rounds]]) -> None:
        """The samples so far of one workload; call it when it is `due`."""
