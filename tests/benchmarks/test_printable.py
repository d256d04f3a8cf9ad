"""Text from anywhere on one line."""

from __future__ import annotations

import pytest

from benchmarks.printable import line


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\nb\r\n\tc", "a b c"),
        ("red \x1b[31mtext\x1b[0m", "red  [31mtext [0m"),
        ("\x1b]0;title\x07bell \x9b2J", "]0;title bell  2J"),
        ("right\u202eleft\u2066", "right left"),
        ("zero\u200bwidth\ufeff\U000e0041", "zero width"),
        ("half \ud800 character", "half ? character"),
        ("é 😀 ]]> <b>", "é 😀 ]]> <b>"),
        ("two  blanks", "two  blanks"),
        (None, "None"),
    ],
)
def test_what_moves_a_cursor_or_breaks_a_line_becomes_a_blank(value: object, shown: str) -> None:
    assert line(value) == shown
    line(value).encode()
