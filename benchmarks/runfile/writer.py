"""Appends records to a run file."""

import json
import math
import os
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.errors import UserError, os_errors
from benchmarks.runfile.records import Record

#: What is written now; the reader knows earlier ones as well.
FORMAT = 2
NAME = "run.jsonl"


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
            _cut_torn_line(path)
            self._file = path.open("a", encoding="utf-8")
            self._size = os.fstat(self._file.fileno()).st_size
        except OSError as error:
            raise UserError(f"cannot write {path}: {error.strerror}; choose --out") from error

    def write(self, record: Record) -> None:
        """Append one record and flush it.

        Raises:
            UserError: the disk is full or gone, or somebody else has written to the file. What was
                written before stays readable.
        """
        fields = {"record": record.kind, **_plain(record)}
        line = json.dumps(fields, allow_nan=False) + "\n"
        with os_errors(f"cannot write {self.path}"):
            self._check_size()
            self._file.write(line)
            self._file.flush()
        self._size += len(line.encode())

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
    """Rename a run file in `folder`: what was measured is never overwritten."""
    old = folder / NAME
    with suppress(OSError):  # what cannot be moved cannot be written: that is said
        taken = datetime.fromtimestamp(old.stat().st_mtime, UTC)
        old.rename(folder / f"run-{taken:%Y%m%d-%H%M%S}.jsonl")


def _cut_torn_line(path: Path) -> None:
    """Cut off a torn last line: the next record needs a line of its own."""
    if path.is_file():
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
