"""What the machine can do at best, and the floors that follow from it, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import floor
from benchmarks.floor import Best, Floor
from benchmarks.runfile import Record, of_kind
from reports import text


@dataclass(frozen=True)
class Limits:
    """The tables of limits; each row in the words of its cells."""

    floors: list[list[str]]
    calls: list[list[str]]
    seconds: str  # what measuring them took


def limits(records: Sequence[Record]) -> Limits | None:
    """The limits of a run; None where none were measured."""
    measured = of_kind(records, "limit")
    if not measured:
        return None
    sizes = {w["name"]: w["n_samples"] * w["n_features"] for w in of_kind(records, "workload")}
    items = {w["name"]: 4 if w["dtype"] == "float32" else 8 for w in of_kind(records, "workload")}
    return Limits(
        floors=[
            [
                text.line(workload),
                _where(device, threads),
                text.amount(sizes[workload] * items[workload], "B"),
                *_floor(found),
            ]
            for (workload, device, threads), found in floor.floors(records).items()
        ],
        calls=[
            [
                text.line(call.framework),
                _where(call.device, call.threads),
                text.line(call.words),
                text.seconds(call.seconds.value),
                text.seconds(call.seconds.typical),
            ]
            for call in floor.calls(records)
        ],
        seconds=text.seconds(sum(limit["took_seconds"] for limit in measured)),
    )


def _floor(found: Floor) -> list[str]:
    return [
        _rate(found.read, "B/s"),
        text.amount(found.work.bytes, "B"),
        text.seconds(found.memory_seconds),
        _rate(found.product, "flop/s"),
        text.amount(found.work.operations, "flop"),
        text.seconds(found.arithmetic_seconds),
        f"{text.seconds(found.seconds)}, {found.bound}",
    ]


def _rate(best: Best, unit: str) -> str:
    """The best rate, and by which share the median of all measurements is below it."""
    return f"{text.amount(best.value, unit)} (−{1 - best.typical / best.value:.0%})"


def _where(device: str, threads: int) -> str:
    return f"{text.line(device)}, {text.count(threads, 'thread')}"
