"""What a cell of text says: a number, where it can be read as one in one way only.

`1,234` and `$5,000`, `12 %`, `1_000`, `1'234` and `−5` are numbers. Which of comma and point groups
digits and which begins a fraction is the table's affair: see `numbers.decimal_mark`.
"""

import re
import unicodedata

from benchmarks.printable import line

#: What stands for no value without being asked for: what pandas and R write.
MISSING = frozenset(
    [
        *("", "NA", "N/A", "n/a", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "None", "<NA>"),
        *("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "1.#IND", "1.#QNAN"),
    ]
)
#: What may stand around it: blanks; byte order marks and the like; marks of the writing direction.
AROUND = (
    "".join(chr(n) for n in range(0x10000) if chr(n).isspace())
    + "\u200b\u200c\u200d\u2060\ufeff"
    + "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
_MINUS = "−–‐‑﹣－-"  # the hyphen last: in a class of characters it would be a range
#: Currencies: US$ and others; codes and abbreviations that name nothing else.
_CURRENCY = (
    r"[A-Z]{0,2}[$¢£¤¥฿₠-⃏＄￠￡￥￦]|USD|EUR|GBP|JPY|CHF|CNY|INR|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF"
    r"|RUB|TRY|BRL|MXN|ZAR|KRW|SGD|HKD|kr\.?|zł|Kč|Ft|руб\.?"
)
_PERCENT = "[%‰％]"
_GAPS = " _'’\u00a0\u2007\u2009\u202f"
#: By decimal mark: the other one, which may group digits, in a regular expression.
GROUPS = {".": ",", ",": r"\."}


def _pattern(mark: str) -> re.Pattern[str]:
    """A number in groups of three digits, or as in India (12,34,567), or without groups."""
    threes = rf"(?!0)\d{{1,3}}(?P<gap>[{GROUPS[mark]}{_GAPS}])\d{{3}}(?:(?P=gap)\d{{3}})*"
    indian = r"|(?!0)\d{1,2}(?:,\d\d)+,\d{3}" if mark == "." else ""
    whole = rf"{threes}{indian}|\d+(?:_\d+)*"
    exponent = rf"(?:[eE][+{_MINUS}]?\d+)?"
    # In "1, 2" the comma separates.
    fraction = r"\.\d*" if mark == "." else r",\d+"
    number = rf"(?:(?:{whole})(?:{fraction})?|[{mark}]\d+){exponent}"
    sign = rf"[+{_MINUS}]?"
    return re.compile(
        rf"(?P<sign>{sign})\s*(?P<before>(?:{_CURRENCY})?)\s*(?P<number>{sign}{number})"
        rf"\s*(?P<after>(?:{_PERCENT}|{_CURRENCY})?)"
    )


#: By decimal mark: what only groups digits.
UNGROUPED = {mark: re.compile(rf"[{other}{_GAPS}]") for mark, other in GROUPS.items()}
_PATTERNS = {mark: _pattern(mark) for mark in GROUPS}
#: By decimal mark: a number as programs write it, but for the mark; no group of digits.
PLAIN = {
    ".": re.compile(r"[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?"),
    ",": re.compile(r"[+-]?[0-9]+(?:[eE][+-]?[0-9]+)?"),
}
#: By decimal mark: what other scripts write for it and for groups.
_SCRIPTS = {mark: str.maketrans("．，٫٬", f".,{mark}'") for mark in GROUPS}
_UNIFORM = str.maketrans(dict.fromkeys(_MINUS, "-"))


def parse(text: str, mark: str) -> tuple[float, str] | None:
    """The number, and its unit (`$`, `%`); None if it is none with this decimal mark.

    Args:
        text: without `AROUND` around it.
        mark: "." or ",".
    """
    found = _PATTERNS[mark].fullmatch(text if text.isascii() else text.translate(_SCRIPTS[mark]))
    if not found or (found["sign"] and found["number"][0] in "+" + _MINUS):
        return None
    if found["before"] and found["after"]:
        return None
    number = UNGROUPED[mark].sub("", found["number"])
    number = (found["sign"] + number).translate(_UNIFORM).replace(mark, ".")
    return float(number), found["before"] or found["after"]


def label(text: object) -> str:
    """The name of a column: printable, and with accents as keyboards type them."""
    return unicodedata.normalize("NFC", line(text))


def looks_like_a_number(text: str) -> bool:
    """Whether it is one with either decimal mark."""
    return any(parse(text.strip(AROUND), mark) for mark in GROUPS)
