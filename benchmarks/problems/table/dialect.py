"""How a table of text is laid out: its encoding, what separates columns, and its header.

All is found in the text, unless it was asked for; what was found is said.
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Sequence

from benchmarks.errors import UserError
from benchmarks.printable import line
from benchmarks.problems.table import pa
from benchmarks.problems.table.cells import MISSING, label, looks_like_a_number
from benchmarks.problems.table.columns import Table
from benchmarks.problems.table.numbers import MOSTLY
from benchmarks.runfile.header import Reading

#: What may separate columns, the likeliest first, and what it is called.
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}
_CALLED = {"tab": "\t", "\\t": "\t", "space": " "}
#: Byte order marks; that of UTF-32 begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
#: Latin text in UTF-16 has a zero in nearly every second byte.
_ZEROS = 0.3
#: So many lines tell the layout, or fewer if they are long.
_LINES, _LONG = 100, 1 << 20
#: In a table separated by blanks: a quoted cell; blanks at the ends of a line; others.
_BLANKS = re.compile(r'("[^"\n]*")|^[ \t]+|[ \t]+$|([ \t]+)', re.M)
#: A line of blanks.
_EMPTY = re.compile(r"^ +$", re.M)
#: Excel's own way to say what separates columns.
_SEPARATOR = re.compile(r'"?sep=([^\n])"?\n')
#: What may stand for no value where the header is looked for.
_PERHAPS_MISSING = MISSING | {"?", ".", "-", "*"}
#: Bytes that are parsed at once: a row has to fit.
_BLOCK = 1 << 30


def read(content: bytes, target: str | None, reading: Reading, where: str) -> Table:
    """Read a table of text, all columns as text; `where` begins the messages.

    Raises:
        UserError: it is no table, or its layout has to be said.
    """
    text, encoding = _decoded(content, reading.encoding, where)
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n\x1a")
    if excel := _SEPARATOR.match(text):
        text = text[excel.end() :].lstrip("\n")
    asked = reading.delimiter or (excel[1] if excel else "")
    delimiter = called(asked) if asked else _found(text)
    said = f"separated by {_DELIMITERS.get(delimiter, repr(delimiter))}, {encoding}"
    text, delimiter = _prepared(text, delimiter)
    rows = _rows(text, delimiter)
    if not rows:
        reason = "a quote has no end" if text.strip() else "it holds nothing but blanks"
        raise UserError(f"{where} is no table: {reason}")
    (end, names), body = rows[0], [row for _, row in rows[1:]]
    if not reading.no_header and _is_header(names, body, target):
        text = text[end:]
        if body and {len(row) for row in body} == {len(names) + 1}:
            # R writes no name above those of rows; others end each row with a delimiter.
            names = ["", *names] if any(row[-1] for row in body) else [*names, ""]
    else:
        said += ", no header line, so columns are called 'column 1' and so on"
        names = [f"column {n}" for n in range(1, len(names) + 1)]
    names = [label(name) for name in names]
    unnamed = {n for n, name in enumerate(names) if not name}
    columns = _columns(text, delimiter, len(names), where)
    names = [name or f"column {n}" for n, name in enumerate(names, 1)]
    return Table(columns, names, unnamed, delimiter=delimiter, said=said)


def _decoded(content: bytes, asked: str, where: str) -> tuple[str, str]:
    """The text, and its encoding in words."""
    marked = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "")
    name = asked or marked or _guessed(content)
    try:
        text = content.decode(name)
    except LookupError:
        usual = "utf-8, latin-1, cp1252 and utf-16 are usual"
        raise UserError(f"--encoding {line(asked)}: there is no such encoding; {usual}") from None
    except ValueError as error:
        reason = f"{line(error)[:100]}; say its encoding with --encoding"
        raise UserError(f"{where} cannot be decoded: {reason}") from None
    if "\0" in text:
        raise UserError(f"{where} is no table of text: it holds zero bytes; is it --encoding?")
    shown = line(name).upper() if name.startswith("utf") else line(name)
    doubt = "" if asked or marked or name != "cp1252" else ", as it is not UTF-8"
    return text.removeprefix("\ufeff"), f"{shown}{doubt}"


def _guessed(content: bytes) -> str:
    start = content[:_LONG]
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) > _ZEROS * len(start) / 2:
        return "utf-16-le" if odd > even else "utf-16-be"
    try:
        content.decode()
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def called(text: str) -> str:
    """The character that `--delimiter` asks for.

    Raises:
        UserError: it is none that can separate columns.
    """
    found = _CALLED.get(text.lower(), text)
    if len(found) != 1 or found == '"' or not (found == "\t" or " " <= found <= "~"):
        needs = "needs one ASCII character such as ';', or 'tab' or 'space'"
        raise UserError(f"--delimiter {line(text)}: {needs}")
    return found


def _prepared(text: str, delimiter: str) -> tuple[str, str]:
    """Text as readers of CSV expect it, and what separates columns in it.

    Any number of blanks that separate becomes a tab; blanks before a quoted cell, and those alone
    in a line, go away.
    """
    if delimiter == " ":
        return _BLANKS.sub(lambda found: found[1] or ("\t" if found[2] else ""), text), "\t"
    if ' "' in text:
        end = re.escape(delimiter)
        text = re.sub(rf'(?<={end}) +(?="[^"\n]*" *({end}|$))', "", text, flags=re.M)
    return _EMPTY.sub("", text) if "\n " in text else text, delimiter


def _sample(text: str) -> str:
    """The first lines, or all."""
    end = 0
    for number in range(_LINES):
        end = text.find("\n", end) + 1
        if not end:
            return text
        if number > 2 and end > _LONG:
            break
    return text[:end]


def _rows(text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """The first rows without empty ones, each with the position in `text` where it ends."""
    lines = io.StringIO(sample := _sample(text))
    found: list[tuple[int, list[str]]] = []
    try:
        for row in csv.reader(lines, delimiter=delimiter):
            if row:
                found.append((lines.tell(), row))
    except csv.Error:  # a cell without end
        return found
    # The last row of a sample may be cut off.
    return found[:-1] if len(sample) < len(text) and len(found) > 1 else found


def _found(text: str) -> str:
    """What separates columns: what makes most rows alike, and most cells numbers."""
    best, most, numbers, sample = ",", 0.0, 0.0, _sample(text)
    whole = len(sample) == len(text)
    for delimiter in _DELIMITERS:
        rows = [row for _, row in _rows(*_prepared(sample, delimiter))]
        rows = rows if whole or len(rows) < 2 else rows[:-1]
        widths = Counter(map(len, rows[1:] or rows))
        width, alike = widths.most_common(1)[0] if rows else (0, 0)
        if width < 2:
            continue
        alike += len(rows) > 1 and len(rows[0]) in (width, width - 1)
        cells = [cell.strip() for row in rows if len(row) == width for cell in row]
        share = sum(cell in MISSING or looks_like_a_number(cell) for cell in cells) / len(cells)
        score = alike / len(rows) * (0.01 + share)
        # Blanks may belong to cells that tabs separate, and make numbers of "row 1".
        within = (best, delimiter) == ("\t", " ") and share * width < 2 * numbers
        if score > most and not within:
            best, most, numbers = delimiter, score, share * width
    return best


def _is_header(first: Sequence[str], body: Sequence[Sequence[str]], target: str | None) -> bool:
    """Whether the first row holds names and not data."""
    if not body or target in [label(name) for name in first]:
        return True
    numeric = False
    for name, *cells in zip(first, *(row for row in body if len(row) == len(first)), strict=True):
        known = [cell.strip() for cell in cells if cell.strip() not in _PERHAPS_MISSING]
        if known and sum(map(looks_like_a_number, known)) >= MOSTLY * len(known):
            numeric = True
            if name.strip() not in _PERHAPS_MISSING and not looks_like_a_number(name):
                return True
    return not numeric


def _columns(text: str, delimiter: str, n_columns: int, where: str) -> Sequence["pa.ChunkedArray"]:
    """The rows as columns of text."""
    from pyarrow import csv as reader

    names = [str(number) for number in range(n_columns)]
    if not text.strip("\n"):
        return [pa.chunked_array([], pa.string())] * n_columns
    ragged: list[reader.InvalidRow] = []

    def skip(row: "reader.InvalidRow") -> str:
        ragged.append(row)
        return "skip"

    content = text.encode("utf-8", "replace")
    try:
        table = reader.read_csv(
            pa.py_buffer(content),
            # Types and rows may not depend on where a block ends, nor on who is first.
            reader.ReadOptions(
                use_threads=False, column_names=names, block_size=min(len(content) + 1, _BLOCK)
            ),
            reader.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip
            ),
            reader.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{where} cannot be read: {line(error)[:300]}") from None
    if ragged:
        row = ragged[0]
        cells = f"{row.actual_columns} cells and not {row.expected_columns}"
        # What decides how many cells a row has may stand above the table.
        above = row.number == 1 or len(ragged) > table.num_rows
        what = "leave out what stands above the table" if above else "correct it"
        raise UserError(
            f"{where}, row {row.number}: {cells}: {line(row.text)[:60]!r}; {what}, or say what "
            "separates columns with --delimiter"
        )
    return table.columns
