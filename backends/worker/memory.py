"""How much memory a call needs at its peak, as Linux reports it for the process."""

from __future__ import annotations

import ctypes
import re
from contextlib import suppress
from pathlib import Path


class Peak:
    """The highest resident memory since this was made, minus what was resident then.

    The kernel keeps the highest value itself (`VmHWM`), and forgets it when 5 is written to
    `clear_refs` (proc(5)). Nothing has to watch meanwhile, so nothing is slowed down.
    """

    def __init__(self, process: Path = Path("/proc/self")) -> None:
        self._process = process
        self._before: int | None = None
        # What the allocator keeps of earlier work would hide what this needs.
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).malloc_trim(0)
        with suppress(OSError):
            (process / "clear_refs").write_text("5")
            self._before = self._resident("VmRSS")

    def bytes(self) -> int | None:
        """None where the system does not say."""
        highest = self._resident("VmHWM") if self._before is not None else None
        return None if highest is None or self._before is None else max(0, highest - self._before)

    def _resident(self, field: str) -> int | None:
        """`VmRSS` or `VmHWM` of the process, in bytes."""
        found = re.search(rf"{field}:\s+(\d+)", (self._process / "status").read_text())
        return int(found[1]) * 1024 if found else None
