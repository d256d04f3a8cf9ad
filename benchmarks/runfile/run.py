"""A run as its file tells it: every record is cleaned and validated here, once."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import TypeAdapter, ValidationError

from benchmarks.errors import UserError, os_errors
from benchmarks.printable import clean
from benchmarks.runfile.header import Header
from benchmarks.runfile.records import (
    FitRecord,
    Footer,
    Record,
    SampleRecord,
    VerdictRecord,
    WorkerRecord,
    WorkloadRecord,
)
from benchmarks.runfile.writer import FORMAT, MACHINES, NAME
from benchmarks.samples import Rounds, Sample

R = TypeVar("R", bound=Record)

#: How each record begins.
_START = b'{"record": '
_KINDS = {kind.kind: kind for kind in Record.__subclasses__()}
#: Of a class; making one takes some milliseconds.
adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)


@dataclass(frozen=True)
class Run:
    """All records of a run file, in the order in which they were written."""

    header: Header
    records: Sequence[Record]

    @classmethod
    def read(cls, path: Path) -> Self:
        """A run, given as its file or the folder that holds it.

        A last line that was cut off, by a kill or a full disk, is left out.

        Raises:
            UserError: there is no such file, it is not a run file of a format that is known, or one
                of its records is not sound; the message names the line and the field.
        """
        machines = sorted(path.glob(f"{MACHINES}/*/{NAME}"))
        path = path / NAME if path.is_dir() else path
        if machines and not path.exists():
            one = machines[0].parent
            raise UserError(f"{path.parent} has a run for each machine: name one, {one}")
        with os_errors(f"cannot read {path}"):
            lines = path.read_bytes().split(b"\n")
        found = list(_objects(path, lines))
        headers = [(number, fields) for number, fields in found if fields.get("record") == "header"]
        if not headers:
            raise UserError(f"{path} is not a run file: it has no header")
        if len(headers) > 1:
            raise UserError(f"{path}, line {headers[1][0]}: a second header")
        [(line, head)] = headers
        if head.get("format") not in (1, FORMAT):
            known = f"this version reads 1 and {FORMAT}"
            raise UserError(f"{path} has format {head.get('format')!r}; {known}")
        if head["format"] == 1:
            _upgrade(head)
        records: list[Any] = []
        for number, fields in found:
            if kind := _KINDS.get(str(fields.get("record"))):
                try:
                    records.append(adapter(kind).validate_python(fields))
                except ValidationError as error:
                    raise UserError(f"{path}, line {number}: {trouble(error)}") from None
        header = next(record for record in records if isinstance(record, Header))
        [(twice, times)] = Counter(e.id for e in header.entries).most_common(1) or [("", 0)]
        if times > 1:
            raise UserError(f"{path}, line {line}: entries: {twice!r} stands there twice")
        return cls(header, records)

    @cached_property
    def _by_kind(self) -> dict[tuple[type, str], list[Any]]:
        """By class, and by class and entry."""
        found = defaultdict(list)
        for record in self.records:
            found[type(record), ""].append(record)
            if entry := getattr(record, "entry", ""):
                found[type(record), entry].append(record)
        return dict(found)

    def of(self, kind: type[R], entry: str = "") -> list[R]:
        """The records of one class; of one entry, if its id is given."""
        return self._by_kind.get((kind, entry), [])

    @cached_property
    def own_data(self) -> dict[str, str]:
        """By workload, what is said of the user's own data: features, and what is left out."""
        own = {file.name for file in self.header.files}
        return {name: work.description for name, work in self.workloads.items() if name in own}

    @cached_property
    def workloads(self) -> dict[str, WorkloadRecord]:
        """By name."""
        return {record.name: record for record in self.of(WorkloadRecord)}

    @cached_property
    def workers(self) -> dict[int, WorkerRecord]:
        """By number."""
        return {record.worker: record for record in self.of(WorkerRecord)}

    @property
    def footer(self) -> Footer | None:
        """None for a run that was cut off, or still goes on."""
        return next(reversed(self.of(Footer)), None)

    def rounds(self, entry: str) -> Rounds:
        """The samples of an entry by round."""
        return {s.round: Sample(s.replicate, s.seconds) for s in self.of(SampleRecord, entry)}

    def first_fit(self, entry: str) -> FitRecord | None:
        """Of its first process."""
        return next(iter(self.of(FitRecord, entry)), None)

    def verdict(self, entry: str) -> VerdictRecord | None:
        """The first that failed, or else was not judged, or else the first."""
        found = self.of(VerdictRecord, entry)
        # `min` takes the first of those that are alike.
        return min(found, key=lambda v: (v.passed, not v.judged), default=None)


def _objects(path: Path, lines: list[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The JSON objects, each with the number of its line."""
    # What follows the last newline is empty in a whole file and torn in any other.
    for number, line in enumerate(lines[:-1], start=1):
        # A full disk may have torn a record, after which another one followed.
        wrong = ""
        for start in sorted({0, max(line.rfind(_START), 0)}):
            try:
                fields = clean(json.loads(line[start:]))
            except (ValueError, RecursionError) as error:
                wrong = wrong or str(error)
                continue
            if isinstance(fields, dict):
                yield number, fields
                break
            wrong = wrong or "not an object"
        else:
            raise UserError(f"{path}, line {number}: not a record of a run ({wrong})")


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
