"""Files that are compressed, by what they begin with."""

import bz2
import gzip
import io
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Callable

from benchmarks.errors import UserError
from benchmarks.printable import line
from benchmarks.problems.table import pa

#: What only a spreadsheet holds, of what is a ZIP archive as well.
_OF_SPREADSHEETS = {"[Content_Types].xml", "mimetype"}
#: What damaged files, and those with a password, make these libraries raise.
_ERRORS = (
    *(OSError, EOFError, ValueError, LookupError, RuntimeError, struct.error),
    *(zlib.error, lzma.LZMAError, zipfile.BadZipFile),
)


def unpack(content: bytes, where: str) -> bytes:
    """What a file holds, if it is compressed; else its content as it is.

    `where` begins the messages.

    Raises:
        UserError: it is damaged, or an archive of several files.
    """
    for start, (how, unpacked) in _WAYS.items():
        if re.match(start, content):
            try:
                return unpacked(content)
            except _ERRORS as error:
                raise UserError(f"{where} cannot be unpacked by {how}: {line(error)}") from None
    return content


def _zstd(content: bytes) -> bytes:
    with pa.CompressedInputStream(pa.BufferReader(content), "zstd") as stream:
        return bytes(stream.read())


def _zip(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        if _OF_SPREADSHEETS & set(names):
            raise ValueError("it is a spreadsheet; save it as CSV")
        files = [name for name in names if not name.endswith("/") and "__MACOSX/" not in name]
        if len(files) != 1:
            raise ValueError(f"it holds {len(files)} files; unpack it, and give one of them")
        return archive.read(files[0])


#: What a file begins with, in a regular expression: who packs so, and what unpacks it.
_WAYS: dict[bytes, tuple[str, Callable[[bytes], bytes]]] = {
    rb"\x1f\x8b": ("gzip", gzip.decompress),
    rb"BZh[1-9]1AY&SY": ("bzip2", bz2.decompress),
    rb"\xfd7zXZ\0": ("xz", lzma.decompress),
    rb"\x28\xb5\x2f\xfd": ("zstd", _zstd),
    rb"PK(\x03\x04|\x05\x06)": ("zip", _zip),
}
