"""Text from anywhere, made fit for one line of a terminal, a page or a file."""

import re
from functools import lru_cache
from typing import Any

# White space but for blanks, control characters, and the marks that reverse, hide or join the
# text around them.
_UNPRINTABLE = re.compile(
    "(?:(?! )[\\s\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\U000e0000-\U000e007f])+"
)


def line(value: object) -> str:
    """`value` as one printable line, without newlines, escape codes and half characters."""
    whole = str(value).encode("utf-8", "replace").decode("utf-8")
    return _UNPRINTABLE.sub(" ", whole).strip()


_cached_line = lru_cache(maxsize=4096)(line)


def clean(value: Any) -> Any:
    """What was parsed from JSON, with every text in it one printable line."""
    if isinstance(value, str):
        return _cached_line(value) if len(value) < 200 else line(value)
    if isinstance(value, dict):
        return {clean(key): clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clean(item) for item in value]
    return value
