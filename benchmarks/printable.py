"""Text from anywhere, made fit for one line of a terminal, a page or a file."""

from __future__ import annotations

import re
from typing import Any

# White space but for blanks, control characters, and the marks that reverse, hide or join the
# text around them.
_UNPRINTABLE = re.compile(
    "(?:(?! )[\\s\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\U000e0000-\U000e007f])+"
)


def line(value: Any) -> str:
    """`value` as one printable line: a run file may hold newlines, escape codes, anything."""
    whole = str(value).encode("utf-8", "replace").decode("utf-8")
    return _UNPRINTABLE.sub(" ", whole).strip()
