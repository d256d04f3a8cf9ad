"""Where the bytes of a table come from, and what kind of table they are."""

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.errors import UserError, os_errors
from benchmarks.printable import line
from benchmarks.problems.table import pa, packed

#: The path that stands for standard input.
STDIN = Path("-")
_PARQUET = (".parquet", ".pq")
#: The first bytes of formats that hold columns with types.
_TYPED = {b"PAR1": "Parquet", b"ARROW1": "Feather"}
#: Those of what is refused, and what to do about it.
_REFUSED = {
    b"\xd0\xcf\x11\xe0": "an old spreadsheet; save it as CSV",
    b"%PDF": "a PDF; save its table as CSV",
    b"<!DOCTYPE": "a page of the web, and perhaps no download; save its table as CSV",
    b"<html": "a page of the web, and perhaps no download; save its table as CSV",
    b"[{": "JSON; save the table as CSV or Parquet",
    b'{"': "JSON; save the table as CSV or Parquet",
    b"\x93NUMPY": "an array of NumPy; save it as CSV or Parquet",
    b"SQLite format 3": "a database of SQLite; save the table as CSV",
    b"FEA1": "Feather in its first version; save the table as Feather or Parquet of today",
    b"\x89HDF": "HDF5; save the table as Parquet",
    b"\xff\xff\xff\xff": "a stream of Arrow; save the table as Feather or Parquet",
}


@dataclass(frozen=True)
class File:
    """A file of the user, or a folder of Parquet files."""

    name: str  # of the workload
    path: str  # absolute; "-" for standard input
    sha256: str
    kind: str  # "Parquet", "Feather", "folder" or "text"
    content: bytes = b""  # unpacked; empty for a folder

    @classmethod
    def open(cls, path: Path) -> "File":
        """Read `path`, or standard input for "-".

        Raises:
            UserError: it cannot be read, is empty, or is of a kind that is not read here.
        """
        if path == STDIN:
            return cls._of("stdin", str(path), _standard_input())
        with os_errors(f"--data: cannot read {line(path)}"):
            whole = path.resolve()
            if path.is_dir():
                digest, found = hashlib.sha256(), _parts(path)
                if not found:
                    raise UserError(f"--data: {line(path)} is a folder without .parquet files")
                for one in found:
                    digest.update(str(one.relative_to(path)).encode(errors="surrogateescape"))
                    digest.update(hashlib.sha256(one.read_bytes()).digest())
                return cls(_name(whole), str(whole), digest.hexdigest(), "folder")
            if path.is_char_device() or path.is_block_device():
                raise UserError(f"--data: {line(path)} is a device and not a file")
            return cls._of(_name(whole), str(whole), path.read_bytes())

    @classmethod
    def _of(cls, name: str, path: str, content: bytes) -> "File":
        digest, where = hashlib.sha256(content).hexdigest(), f"--data: {line(path)}"
        content = packed.unpack(content, where)
        if not content:
            raise UserError(f"{where} is empty")
        for start, what in _REFUSED.items():
            if content.startswith(start):
                raise UserError(f"{where} is {what}")
        kinds = (kind for start, kind in _TYPED.items() if content.startswith(start))
        return cls(name, path, digest, next(kinds, "text"), content)

    @property
    def where(self) -> str:
        """How errors begin."""
        return f"--data: {line(self.path)}"


def _standard_input() -> bytes:
    stream = sys.stdin
    if stream is None or stream.isatty():
        raise UserError("--data -: standard input is a terminal; pipe a table into it")
    with os_errors("--data: cannot read standard input"):
        return stream.buffer.read()


def _name(path: Path) -> str:
    """The workload's name: no other workload's, whose names have no suffix."""
    return line(path.name) if path.suffix else f"{line(path.name)} (table)"


def _parts(folder: Path) -> list[Path]:
    """The Parquet files of a folder and of its parts, which are called `key=value`, in order."""
    parts: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and "=" in path.name:
            parts += _parts(path)
        elif path.suffix.lower() in _PARQUET and path.is_file():
            parts.append(path)
    return parts


def typed(file: File) -> "pa.Table":
    """A table in a format whose columns have types.

    Raises:
        UserError: it is damaged, or the files of a folder do not fit together.
    """
    from pyarrow import parquet

    try:
        if file.kind == "folder":
            found = _folder(file.path)
        elif file.kind == "Parquet":
            # Unlike `read_table`, it also reads columns of one name.
            found = parquet.ParquetFile(pa.BufferReader(file.content)).read()
        else:
            found = pa.ipc.open_file(pa.BufferReader(file.content)).read_all()
        # What is damaged may point anywhere.
        found.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UserError(f"{file.where} cannot be read: {line(error)[:300]}") from None
    return found


def _folder(path: str) -> "pa.Table":
    """The table of a folder."""
    from pyarrow import dataset

    parts = [str(part) for part in _parts(Path(path))]
    layout = {"partitioning": "hive", "partition_base_dir": path}
    found = dataset.dataset(parts, format="parquet", **layout)
    schemas = [found.schema, *(part.physical_schema for part in found.get_fragments())]
    both = pa.unify_schemas(schemas, promote_options="permissive")
    return found.replace_schema(both).to_table()


def pandas_index(schema: "pa.Schema") -> set[str]:
    """The columns that were the index of a pandas table, as its metadata say."""
    try:
        found: Any = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
        return {name for name in found.get("index_columns", ()) if isinstance(name, str)}
    except (ValueError, RecursionError, TypeError, AttributeError):
        return set()
