"""The run file: JSON Lines, appended and flushed as things happen.

One JSON object a line; `record` says which kind. A reader must ignore kinds and fields that it
does not know. Times are seconds; arrays are lists; `NaN` and infinities are the strings that
Python's `float` reads. `entry` is the id `workload/backend/device/threads`.

| record    | written                      | fields |
| --------- | ---------------------------- | ------ |
| header    | first                        | format (1), started (ISO 8601, UTC), command (list), seed, budget_seconds, precision, replicates, cold (whether each entry had processes of its own), plugins [path], tf32 (whether it was asked for), suite {version, commit, dirty}, calibration {line, ...} or null, machine {see `machine.py`}, environments [{name, executable, python, packages}], entries [{entry, workload, backend, device, threads, framework, algorithm, style, known_failure, variant_of (entry or null)}], absent [{backend, device, reason}], files [{name (of the workload), path, target (or null), sha256 (of the file)}] for the user's own data |
| workload  | when its data are made       | name, description, method {kind, ...}, dtype, n_samples, n_features, n_test, sigma, seed, sha256, condition, tangent, rank (of the centred features), note (what is special, or empty), weight, bias (these two and sigma are null for data that were read), certified (coefficients, bias last, or null), solution (least squares, bias last), descent_errors (gradient descent: of each iterate of the reference, from its start, against `solution`), and points {X, y, X_test, y_test} if it has one feature and few samples |
| worker    | when a process is ready      | worker (number), backend, device, threads, replicate, import_seconds, start_seconds, log (file name) |
| fit       | after an entry's first fit   | entry, replicate, worker, cores, fresh (whether it is the worker's first workload), sha256, transfer_seconds, compile_seconds, peak_bytes (of memory, over what was resident before; or null), weight, bias, train_losses, test_losses, description {see `Backend.describe`} |
| verdict   | when the gate has judged     | entry, replicate, passed, reason, weight_error, bound, checks [{name, error, bound, passed, source}], digits {coefficients (correct digits of each, bias last), least, bound, possible, most} where certified, else null |
| sample    | after every timed sample     | entry, replicate, round, fits (in a row), seconds (per fit) |
| device    | after the samples, or one    | entry, replicate, and of a fit device_seconds (by the device's own clock) or joules (of its GPU) |
| transfer  | after the samples, with GPUs | entry, replicate, seconds [of each further transfer of the same data] |
| gpu       | before and after the samples | workload, gpu (number), clock_mhz, memory_clock_mhz, temperature, watts, limited_by [words] |
| limit     | before and after a workload's samples | workload, framework, device, threads, dtype, words (what the call does), call_seconds, product_rate (operations a second), read_rate (bytes a second), took_seconds; what was not measured is null |
| done      | when a workload is finished  | workload |
| failure   | when an entry drops out      | entry, phase, reason, and log (file name) if a process of it had one |
| warning   | when the machine misbehaved  | message |
| footer    | last                         | ended, outcome ("complete" or "interrupted"), machine {load, clock_mhz} |

A `verdict` after the last sample judges the last timed fit: a later verdict of an entry
supersedes an earlier one only if it fails.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.errors import UserError

Record = dict[str, Any]
FORMAT = 1
NAME = "run.jsonl"
#: What nothing can be read without: of a header, and of each of its entries.
_HEADER = ("entries",)
_ENTRY = (
    *("entry", "workload", "backend", "device", "threads"),
    *("framework", "algorithm", "known_failure", "variant_of"),
)
#: What a run cannot go on without.
RESUMED = ("seed", "budget_seconds", "precision", "replicates", "plugins", "machine", "absent")


class RunWriter:
    """Appends records to a run file; each is on its way to disk before the call returns."""

    def __init__(self, path: Path) -> None:
        """Open `path` for appending.

        Raises:
            UserError: the file cannot be written.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _mend(path)
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise UserError(f"cannot write {path}: {error.strerror}; choose --out") from error

    def write(self, record: str, **fields: Any) -> Record:
        """Append one record and flush it; returns what was written.

        Raises:
            UserError: the disk is full or gone. What was written before stays readable.
        """
        entry = {"record": record, **fields}
        try:
            self._file.write(json.dumps(_plain(entry), allow_nan=False) + "\n")
            self._file.flush()
        except OSError as error:
            raise UserError(f"cannot write {self.path}: {error.strerror}") from error
        return entry

    def close(self) -> None:
        """Close the file; an error to flush was reported by the write that caused it."""
        with suppress(OSError):
            self._file.close()


def _mend(path: Path) -> None:
    """Cut off a torn last line, so that the next record begins on a line of its own."""
    if path.is_file():
        with path.open("rb+") as file:
            file.truncate(file.read().rfind(b"\n") + 1)


def _plain(value: Any) -> Any:
    """`value` with NumPy arrays and scalars, tuples and non-finite floats made JSON."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def read(path: Path) -> list[Record]:
    """All whole records of a run file, given as the file or the folder that holds it.

    A last line that was cut off, by a kill or a full disk, is left out.

    Raises:
        UserError: there is no such file, it is not a run file of this format, or its header lacks
            what nothing can be read without.
    """
    if path.is_dir():
        path = path / NAME
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    records = list(_parse(path, lines))
    if not records or records[0].get("record") != "header":
        raise UserError(f"{path} is not a run file: its first line is no header")
    if records[0].get("format") != FORMAT:
        raise UserError(
            f"{path} has format {records[0].get('format')!r}; this version reads {FORMAT}"
        )
    require(path, records[0], _HEADER)
    entries = records[0]["entries"]
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UserError(f"{path} is not a run file: the entries in its header are no objects")
    for number, entry in enumerate(entries, start=1):
        require(path, entry, _ENTRY, f"entry {number} of its header")
    return records


def require(path: Path, record: Record, fields: Iterable[str], where: str = "its header") -> None:
    """Refuse a record without one of `fields`.

    Raises:
        UserError: the line says which is missing.
    """
    if missing := [name for name in fields if name not in record]:
        raise UserError(f"{path} is not a whole run file: {where} has no {missing[0]!r}")


def _parse(path: Path, lines: list[bytes]) -> Iterator[Record]:
    # What follows the last newline is empty in a whole file and torn in any other.
    for number, line in enumerate(lines[:-1], start=1):
        try:
            record = json.loads(line)
            if not isinstance(record, dict):
                raise ValueError("not an object")
        except ValueError as error:
            raise UserError(f"{path}, line {number}: not a record of a run ({error})") from error
        yield record


def of_kind(records: Iterable[Record], kind: str) -> list[Record]:
    """The records of one kind, in the order they were written."""
    return [record for record in records if record["record"] == kind]


def set_aside(folder: Path) -> None:
    """Rename a run file that is already in `folder`: what was measured is never overwritten."""
    old = folder / NAME
    with suppress(OSError):  # if it cannot be moved, it cannot be written either, and that is said
        taken = datetime.fromtimestamp(old.stat().st_mtime, UTC)
        old.rename(folder / f"run-{taken:%Y%m%d-%H%M%S}.jsonl")
