"""How much memory a call needs at its peak, as Linux reports it for the process."""

import ctypes
import re
import threading
from contextlib import suppress
from pathlib import Path

#: How often a fit of large data is looked at, seconds.
_LOOK = 5e-3


class Peak:
    """The highest resident memory since this was made, minus what was resident then.

    The kernel keeps the highest value itself (`VmHWM`), and forgets it when 5 is written to
    `clear_refs` (proc(5)). Nothing has to watch meanwhile, so nothing is slowed down.
    """

    def __init__(self, process: Path = Path("/proc/self")) -> None:
        """From now on."""
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
        return self._more(self._resident("VmHWM"))

    def _more(self, highest: int | None) -> int | None:
        return None if highest is None or self._before is None else max(0, highest - self._before)

    def _resident(self, field: str) -> int | None:
        """`VmRSS` and the like of the process, in bytes."""
        try:
            found = re.search(rf"{field}:\s+(\d+)", (self._process / "status").read_text())
        except OSError:
            return None
        return int(found[1]) * 1024 if found else None


class WatchedPeak(Peak):
    """The same without the pages of mapped files, which the kernel counts in `VmHWM`.

    It comes and goes with those of data that memory does not hold. So a thread has to watch.
    """

    def __init__(self, process: Path = Path("/proc/self")) -> None:
        """From now on, until asked."""
        super().__init__(process)
        self._ended = threading.Event()
        self._before = self._highest = self._resident("RssAnon")
        self._watching = threading.Thread(target=self._watch, daemon=True)
        self._watching.start()

    def bytes(self) -> int | None:
        """None where the system does not say."""
        self._ended.set()
        self._watching.join()
        return self._more(self._highest)

    def _watch(self) -> None:
        while self._highest is not None and not self._ended.wait(_LOOK):
            self._highest = max(self._highest, self._resident("RssAnon") or 0)


def ran_out_of_memory(error: str) -> bool:
    """Whether the name or the text of an error says that there was no more memory."""
    return any(words in error.lower() for words in _OUT_OF_MEMORY)


#: How that is said: in Python, NumPy, torch and CuPy; in TensorFlow; in XLA; in the CUDA runtime,
#: its driver, cuBLAS and cuSOLVER; in RAPIDS.
_OUT_OF_MEMORY = (
    *("memoryerror", "resourceexhausted", "resource_exhausted"),
    *("out of memory", "out_of_memory", "memoryallocation", "alloc_failed", "bad_alloc"),
)
