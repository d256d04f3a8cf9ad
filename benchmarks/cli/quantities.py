"""Times and shares as people write them on a command line."""

from __future__ import annotations

from benchmarks.errors import UserError


def parse_seconds(option: str, text: str) -> float:
    """Seconds from `90`, `90s`, `1.5m` or `2min`.

    Raises:
        UserError: it is no such thing, or not positive.
    """
    number = text.strip().lower()
    factor = 1.0
    for unit, seconds in (("min", 60.0), ("ms", 1e-3), ("m", 60.0), ("s", 1.0)):
        if number.endswith(unit):
            number, factor = number.removesuffix(unit), seconds
            break
    try:
        value = float(number) * factor
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise UserError(f"{option} {text}: needs a time above zero, such as 60s or 2min")
    return value


def parse_share(option: str, text: str) -> float:
    """A share from `5%` or `0.05`.

    Raises:
        UserError: it is no such thing, or not between 0 and 1.
    """
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = float("nan")
    if not 0 < value < 1:
        raise UserError(f"{option} {text}: needs a share between 0 and 1, such as 5% or 0.05")
    return value
