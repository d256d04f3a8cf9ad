"""How much memory a call needs at its peak, from what Linux says of the process."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from pathlib import Path

_SELF = Path("/proc/self")


class Peak:
    """Resident memory at its highest since this was made, over what was resident then.

    The kernel keeps the highest value itself (`VmHWM`), and forgets it when 5 is written to
    `clear_refs` (proc(5)); nothing watches meanwhile, so nothing is slowed down.
    """

    def __init__(self) -> None:
        self._before: int | None = None
        if sys.platform != "linux":
            return
        # What the allocator keeps of earlier work would hide what this needs.
        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).malloc_trim(0)
        with suppress(OSError):
            (_SELF / "clear_refs").write_text("5")
            self._before = _resident("VmRSS")

    def bytes(self) -> int | None:
        """None where the system does not say."""
        highest = None if self._before is None else _resident("VmHWM")
        if highest is None or self._before is None:
            return None
        return max(0, highest - self._before)


def _resident(field: str) -> int | None:
    """`VmRSS` or `VmHWM` of this process, in bytes."""
    try:
        lines = (_SELF / "status").read_text().splitlines()
        found = next(line for line in lines if line.startswith(f"{field}:"))
    except (OSError, StopIteration):
        return None
    return int(found.split()[1]) * 1024
