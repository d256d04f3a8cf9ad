"""Appends records to a run file."""

import fcntl
import json
import math
import os
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from benchmarks.errors import UserError, os_errors
from benchmarks.runfile.records import Record
from benchmarks.signals import held_back

#: What is written now; the reader knows earlier ones as well.
FORMAT = 2
NAME = "run.jsonl"
#: In the folder of a run on a cluster: a folder for each machine, with a run file.
MACHINES = "machines"
#: What the first bytes of a run file hold.
_HEADER, _FIRST = b'"record": "header"', 256


class RunWriter:
    """Each record is on its way to disk before `write` returns."""

    def __init__(self, path: Path) -> None:
        """Open `path` for appending.

        Raises:
            UserError: the file cannot be written.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)
            lock(self._file, path)
            _cut_torn_line(path)  # of an earlier run: this one has the lock
            self._size = os.fstat(self._file.fileno()).st_size
        except OSError as error:
            raise UserError(f"cannot write {path}: {error.strerror}; choose --out") from error

    def write(self, record: Record) -> None:
        """Append one record: all of it, or nothing.

        Raises:
            UserError: the disk is full or gone, or somebody else has written to the file. What was
                written before stays readable.
        """
        fields = {"record": record.kind, **_plain(record)}
        line = (json.dumps(fields, allow_nan=False) + "\n").encode()
        with held_back(), os_errors(f"cannot write {self.path}"):
            self._check_size()
            try:
                rest = line
                while rest:
                    rest = rest[self._file.write(rest) :]
            except OSError:
                with suppress(OSError):  # a full disk takes a part of it
                    os.ftruncate(self._file.fileno(), self._size)
                raise
            self._size += len(line)

    def _check_size(self) -> None:
        """Refuse to go on if somebody else has written to the file: it would not be this run's.

        What stands after the end of what was written here is cut off.
        """
        found = os.fstat(self._file.fileno()).st_size
        if found > self._size:
            os.ftruncate(self._file.fileno(), self._size)
            what = f"{found - self._size} bytes were added, and are cut off again"
        elif found < self._size:
            what = f"{self._size - found} bytes are missing"
        else:
            return
        raise UserError(f"somebody else has written to {self.path}: {what}; run it again")

    def close(self) -> None:
        """Close the file; the write that caused an error has reported it."""
        with suppress(OSError):
            self._file.close()


def now() -> str:
    """The time as run files have it: ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def set_aside(folder: Path) -> None:
    """Rename a run file in `folder`: what was measured is never overwritten.

    Raises:
        UserError: another run is still writing to it, or it is somebody else's file.
    """
    old = folder / NAME
    with suppress(OSError):  # what cannot be moved cannot be written: that is said
        with old.open("rb") as file:
            lock(file, old)
            if _HEADER not in file.read(_FIRST) and file.tell():
                raise UserError(f"{old} is no run file of this suite: choose another folder, --out")
        taken = datetime.fromtimestamp(old.stat().st_mtime, UTC)
        old.rename(folder / f"run-{taken:%Y%m%d-%H%M%S}.jsonl")


def lock(file: IO[bytes], path: Path) -> None:
    """Lock a run file, until it is closed or this process ends.

    Raises:
        UserError: another run has it.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(f"another run is writing to {path}: choose another folder, --out") from None
    except OSError:  # some file systems have no locks
        return


def _cut_torn_line(path: Path) -> None:
    """Cut off a torn last line: the next record needs a line of its own."""
    if path.is_file():  # a device cannot be cut
        with path.open("rb+") as file:
            file.truncate(file.read().rfind(b"\n") + 1)


def _plain(value: Any) -> Any:
    """`value` as JSON: dataclasses, NumPy arrays, non-finite floats."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
