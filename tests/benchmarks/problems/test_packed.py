"""Tables that are compressed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from benchmarks.errors import UserError
from benchmarks.printable import line
from tests.benchmarks.problems.tables import A, B, Y, assert_fits, read, rows, write


def _zstd(content: bytes) -> bytes:
    """As a stream, without the size of what it holds."""
    packed = pa.BufferOutputStream()
    with pa.CompressedOutputStream(packed, "zstd") as stream:
        stream.write(content)
    return bytes(packed.getvalue())


def _zip(*names: str) -> Callable[[bytes], bytes]:
    def pack(content: bytes) -> bytes:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in names:
                archive.writestr(name, content)
        return packed.getvalue()

    return pack


WAYS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": _zstd,
    "zip": _zip("folder/", "folder/t.csv", "__MACOSX/folder/._t.csv"),
}


@pytest.mark.parametrize("how", WAYS)
def test_a_compressed_table_is_read_whatever_its_name(tmp_path: Path, how: str) -> None:
    path = write(tmp_path / "t.csv", rows(), "utf-16", delimiter=";")
    path.write_bytes(WAYS[how](path.read_bytes()))
    assert_fits(found := read(path), [A, B])
    assert "separated by semicolons, UTF-16" in found.description
    parquet.write_table(pa.table({"a": A, "b": B, "y": Y}), path)
    path.write_bytes(WAYS[how](path.read_bytes()))
    assert_fits(read(path), [A, B])


@pytest.mark.parametrize("how", WAYS)
def test_what_is_damaged_is_one_line(tmp_path: Path, how: str) -> None:
    path, rng = tmp_path / "t.csv", random.Random(3)
    packed = WAYS[how](write(path, [*rows(), *rows()[1:] * 30]).read_bytes())
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(UserError, match=f"t.csv cannot be unpacked by {how}: "):
        read(path)
    for _ in range(100):
        broken = bytearray(packed)
        for _ in range(rng.choice([1, 3, 30])):
            broken[rng.randrange(4, len(broken))] = rng.randrange(256)
        path.write_bytes(broken)
        try:
            said = read(path).description
        except UserError as error:
            said = str(error)
        assert line(said) == said


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["[Content_Types].xml", "xl/workbook.xml"], "it is a spreadsheet; save it as CSV"),
        (["mimetype", "content.xml"], "it is a spreadsheet; save it as CSV"),
        (["auto-mpg.data", "auto-mpg.names"], "it holds 2 files; unpack it, and give one of them"),
        ([], "it holds 0 files"),
    ],
)
def test_an_archive_of_something_else_is_refused(
    tmp_path: Path, names: list[str], why: str
) -> None:
    (tmp_path / "t.zip").write_bytes(_zip(*names)(b"a,y\n1,2\n"))
    with pytest.raises(UserError, match=rf"t\.zip cannot be unpacked by zip: {why}"):
        read(tmp_path / "t.zip")


@pytest.mark.parametrize("how", list(WAYS)[:-1])
def test_files_that_were_compressed_in_parts_are_read_whole(tmp_path: Path, how: str) -> None:
    path = write(tmp_path / "t.csv", rows())
    content, pack = path.read_bytes(), WAYS[how]
    path.write_bytes(pack(content[:50]) + pack(content[50:]))
    assert_fits(read(path), [A, B])


def test_text_that_begins_like_a_compressed_file_is_text(tmp_path: Path) -> None:
    table = rows()
    assert_fits(read(write(tmp_path / "t.csv", [["BZh", *table[0][1:]], *table[1:]])), [A, B])
