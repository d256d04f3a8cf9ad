"""What the machine can do at best, and the floors that follow from it, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.runfile import Record, of_kind
from reports import text
from reports.analysis import roofline as floor
from reports.analysis.roofline import Best, Floor


@dataclass(frozen=True)
class FloorLine:
    """One floor, in the words of a table."""

    workload: str
    where: str
    size: str  # of X
    read: str
    least_bytes: str
    memory: str  # time
    product: str
    least_operations: str
    arithmetic: str  # time
    floor: str
    bound: str


@dataclass(frozen=True)
class CallLine:
    """The cheapest call of one framework, in the words of a table."""

    framework: str
    where: str
    what: str
    best: str
    usual: str


@dataclass(frozen=True)
class Limits:
    """What a run measured of its machine."""

    floors: list[FloorLine]
    calls: list[CallLine]
    seconds: str  # what measuring them took


def limits(records: Sequence[Record]) -> Limits | None:
    """The limits of a run; None where none were measured."""
    measured = of_kind(records, "limit")
    if not measured:
        return None
    workloads = {w["name"]: w for w in of_kind(records, "workload")}
    return Limits(
        floors=[
            _floor(workloads[name], _where(device, threads), found)
            for (name, device, threads), found in floor.floors(records).items()
        ],
        calls=[
            CallLine(
                framework=text.line(call.framework),
                where=_where(call.device, call.threads),
                what=text.line(call.words),
                best=text.seconds(call.seconds.value),
                usual=text.seconds(call.seconds.typical),
            )
            for call in floor.calls(records)
        ],
        seconds=text.seconds(sum(limit["took_seconds"] for limit in measured)),
    )


def _floor(workload: Record, where: str, found: Floor) -> FloorLine:
    itemsize = 4 if workload["dtype"] == "float32" else 8
    return FloorLine(
        workload=text.line(workload["name"]),
        where=where,
        size=text.amount(workload["n_samples"] * workload["n_features"] * itemsize, "B"),
        read=_rate(found.read, "B/s"),
        least_bytes=text.amount(found.work.bytes, "B"),
        memory=text.seconds(found.memory_seconds),
        product=_rate(found.product, "flop/s"),
        least_operations=text.amount(found.work.operations, "flop"),
        arithmetic=text.seconds(found.arithmetic_seconds),
        floor=text.seconds(found.seconds),
        bound=found.bound,
    )


def _rate(best: Best, unit: str) -> str:
    """The best rate, and by which share the median of all measurements is below it."""
    return f"{text.amount(best.value, unit)} (−{1 - best.typical / best.value:.0%})"


def _where(device: str, threads: int) -> str:
    return f"{text.line(device)}, {text.count(threads, 'thread')}"
