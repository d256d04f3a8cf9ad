"""What a worker prints is kept in part: its beginning and its end say most."""

import os
from contextlib import suppress
from pathlib import Path

#: So much is kept of the beginning and of the end each, bytes; and from how many on it is cut.
KEPT, MOST = 1 << 20, 4 << 20


def trim(path: Path, most: int = MOST) -> None:
    """Cut the middle out of a log that is longer than `most`, while nobody writes to it.

    Whoever has it open goes on at its new end, since logs are opened to be appended to.
    """
    with suppress(OSError):  # a log that cannot be cut is no reason to stop
        if path.stat().st_size <= most:
            return
        with path.open("rb+") as file:
            file.seek(-KEPT, os.SEEK_END)
            end = file.read()
            file.seek(KEPT)
            file.write(b"\n... (cut: it was too long) ...\n" + end)
            file.truncate()
