"""What a worker may answer to each request; whatever else it writes is nonsense.

A backend may be anybody's code, so nothing in an answer is trusted: each is checked here, once.
Only the numbers of a fit may be anything, since the gate judges them and says what to return.
`backends/worker/handler.py` has the table of requests. Workers of other revisions answer as well:
what they may not know is optional, and what they say besides is left out.
"""

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError

from backends.base import Fit
from benchmarks.printable import clean, line
from benchmarks.runfile.header import Count, Duration
from benchmarks.runfile.records import FitSeconds, Rate
from benchmarks.runfile.run import adapter, trouble

#: The longest answer: the weight and losses of a fit of a million numbers need a third of it.
MOST_BYTES = 64 << 20
#: The longest reason: it is one line of a table.
MOST_CHARACTERS = 200
#: The longest description: it is shown, and kept, for each process of each entry.
_MOST_DESCRIBED = 1 << 16

Text = Annotated[str, AfterValidator(line)]


def _short(description: dict[str, Any]) -> dict[str, Any]:
    if (length := len(json.dumps(description))) > _MOST_DESCRIBED:
        raise ValueError(f"{length:,} characters, and at most {_MOST_DESCRIBED:,} are shown")
    return description


Description = Annotated[dict[str, Any], AfterValidator(_short), AfterValidator(clean)]


Times = Annotated[list[Duration], Field(min_length=1, max_length=1_000)]


class Nonsense(Exception):
    """What was written is no answer; the message says why, in one line."""


@dataclass(frozen=True, kw_only=True)
class Started:
    """The framework is imported, and the device is ready."""

    import_seconds: Duration
    start_seconds: Duration
    sandboxed: bool | None = None  # whether it can write to its own folders only


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """The data are on the device."""

    sha256: Text
    transfer_seconds: Duration


@dataclass(frozen=True, kw_only=True)
class Pinned:
    """All threads are bound to some cores, where the system can do that."""

    cores: list[Count] | None


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A fit, of whatever the backend has returned."""

    weight: Any = None
    bias: Any = None
    train_losses: Any = None
    test_losses: Any = None

    @property
    def fit(self) -> Fit:
        """As the gate judges it."""
        return Fit(self.weight, self.bias, self.train_losses, self.test_losses)


@dataclass(frozen=True, kw_only=True)
class First:
    """The first fit of a workload."""

    seconds: Duration
    fit: Fitted
    description: Description  # `Backend.describe`
    peak_bytes: Count | None = None


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """Some fits are timed."""

    seconds: FitSeconds  # per fit
    untimed_seconds: Duration = 0.0  # of what came before
    fit: Fitted | None = None  # one that is unlike all that were judged
    disk_bytes: Count | None = None  # that were fetched from a disk, per fit


@dataclass(frozen=True, kw_only=True)
class Renewed:
    """Some fits of data that the backend had not seen; see `backends.worker.renewal`."""

    fresh: Times  # of the first fit of such data
    again: Times  # and of the second
    load: Times  # of `Backend.renew`
    move: Times  # of moving the same arrays
    fit: Fitted | None = None  # one of them, mapped back

    def __post_init__(self) -> None:
        if not 0 < len(self.fresh) == len(self.again) == len(self.load) == len(self.move):
            raise ValueError("needs as many times of each kind, and one at least")


@dataclass(frozen=True, kw_only=True)
class Last:
    """The last fit of a sample."""

    fit: Fitted
    device_seconds: Duration | None = None


@dataclass(frozen=True, kw_only=True)
class Transferred:
    """The data have been loaded again, some times."""

    seconds: list[FitSeconds]


@dataclass(frozen=True, kw_only=True)
class Changed:
    """Whether the last result has changed since its fit returned."""

    changed: bool


@dataclass(frozen=True, kw_only=True)
class Exchanged:
    """All workers have added up arrays of some sizes; None: they never do."""

    seconds: list[FitSeconds] | None


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the framework can do at best."""

    words: Text | None = None
    call_seconds: FitSeconds | None = None
    product_rate: Rate | None = None
    read_rate: Rate | None = None
    disk_rate: Rate | None = None


@dataclass(frozen=True, kw_only=True)
class _Told:
    """What every answer has."""

    ok: bool
    token: str = ""  # that of the request


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a request failed."""

    reason: str
    kind: Literal["unavailable", "memory", "error"] = "error"


#: The answer to each request.
KINDS: dict[str, type] = {
    "start": Started,
    "load": Loaded,
    "pin": Pinned,
    "first": First,
    "sample": Sampled,
    "renewed": Renewed,
    "last": Last,
    "transfers": Transferred,
    "changed": Changed,
    "exchange": Exchanged,
    "limits": Limits,
}


def parse(written: bytes, do: str, token: str) -> Any:
    """The answer to the request `do`, or a `Refusal`.

    Args:
        written: one line, without its end.
        do: the kind of request.
        token: that the answer has to repeat; empty: none.

    Raises:
        Nonsense: it is no such answer.
    """
    shown = repr(written[:60].decode(errors="replace"))
    try:
        # Strict: a number in quotes is not one. It also refuses deep nesting, and other encodings.
        told: _Told = adapter(_Told).validate_json(written, strict=True)
        if token and told.token != token:
            raise Nonsense(f"token: not that of the request: {shown}")
        return adapter(KINDS[do] if told.ok else Refusal).validate_json(written, strict=True)
    except ValidationError as error:
        raise Nonsense(f"{trouble(error, 'the answer')}: {shown}") from None


def short(reason: str) -> str:
    """A reason as one printable line that is not too long."""
    # Cut twice: it may be megabytes long, and shorter when it is printable.
    whole = line(reason[: 2 * MOST_CHARACTERS])
    return whole if len(whole) <= MOST_CHARACTERS else f"{whole[: MOST_CHARACTERS - 3]}..."
