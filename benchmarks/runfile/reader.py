"""Reads a run file: every record is cleaned and validated here, once."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from benchmarks.errors import UserError, os_errors
from benchmarks.printable import clean
from benchmarks.runfile.header import Header
from benchmarks.runfile.records import Record
from benchmarks.runfile.run import Run
from benchmarks.runfile.writer import FORMAT, MACHINES, NAME

#: How each record begins.
_START = b'{"record": '
_KINDS = {kind.kind: kind for kind in Record.__subclasses__()}
#: Making one takes some milliseconds.
_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)


def read(path: Path) -> Run:
    """A run, given as its file or the folder that holds it.

    A last line that was cut off, by a kill or a full disk, is left out.

    Raises:
        UserError: there is no such file, it is not a run file of a format that is known, or one
            of its records is not sound; the message names the line and the field.
    """
    machines = sorted(path.glob(f"{MACHINES}/*/{NAME}"))
    path = path / NAME if path.is_dir() else path
    if machines and not path.exists():
        raise UserError(f"{path.parent} has a run for each machine: name one, {machines[0].parent}")
    with os_errors(f"cannot read {path}"):
        lines = path.read_bytes().split(b"\n")
    found = list(_objects(path, lines))
    headers = [(number, fields) for number, fields in found if fields.get("record") == "header"]
    if not headers:
        raise UserError(f"{path} is not a run file: it has no header")
    if len(headers) > 1:
        raise UserError(f"{path}, line {headers[1][0]}: a second header")
    [(number, fields)] = headers
    if fields.get("format") not in (1, FORMAT):
        known = f"this version reads 1 and {FORMAT}"
        raise UserError(f"{path} has format {fields.get('format')!r}; {known}")
    if fields["format"] == 1:
        _upgrade(fields)
    records = [
        _record(path, number, kind, fields)
        for number, fields in found
        if (kind := _KINDS.get(str(fields.get("record"))))
    ]
    header = next(record for record in records if isinstance(record, Header))
    [(twice, times)] = Counter(e.id for e in header.entries).most_common(1) or [("", 0)]
    if times > 1:
        raise UserError(f"{path}, line {number}: entries: {twice!r} stands there twice")
    return Run(header, records)


def _objects(path: Path, lines: list[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The JSON objects, each with the number of its line."""
    # What follows the last newline is empty in a whole file and torn in any other.
    for number, line in enumerate(lines[:-1], start=1):
        try:
            fields = _object(line)
        except (ValueError, RecursionError) as error:
            # A full disk may have torn a record, after which another one followed.
            whole = line[line.rfind(_START) :] if line.rfind(_START) > 0 else b""
            try:
                fields = _object(whole)
            except (ValueError, RecursionError):
                reason = f"not a record of a run ({error})"
                raise UserError(f"{path}, line {number}: {reason}") from error
        yield number, fields


def _object(line: bytes) -> dict[str, Any]:
    fields = clean(json.loads(line))
    if not isinstance(fields, dict):
        raise ValueError("not an object")
    return fields


def _record(path: Path, number: int, kind: type[Record], fields: dict[str, Any]) -> Any:
    try:
        return _adapter(kind).validate_python(fields)
    except ValidationError as error:
        raise UserError(f"{path}, line {number}: {trouble(error)}") from None


def trouble(error: ValidationError, what: str = "the record") -> str:
    """The first thing that is wrong with `what`: the field, and what is the matter with it."""
    first = error.errors(include_url=False, include_context=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or what}: {first['msg']}"


def _upgrade(header: dict[str, Any]) -> None:
    """Upgrade a header of format 1, where names of backends held variants."""
    environments = header.get("environments") or []
    paths = {e.get("name"): e.get("executable") for e in environments if isinstance(e, dict)}
    entries = header.get("entries")
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict):
            continue
        entry["id"] = entry.pop("entry", None)
        if entry.pop("variant_of", None):
            entry["backend"], _, name = str(entry.get("backend")).rpartition("@")
            kind = "environment" if name in paths else "revision"
            entry["variant"] = {"kind": kind, "name": name, "source": paths.get(name) or name}
    calibration = header.get("calibration")
    header["calibration"] = calibration.get("line", "") if isinstance(calibration, dict) else ""
