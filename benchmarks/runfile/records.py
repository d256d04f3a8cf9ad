"""The records of a run file after its header: a dataclass for each kind.

`record` in the file is the class's `kind`. Times are seconds, arrays are lists; NaN and infinities
are the strings that Python's `float` reads. An entry is named by its id,
`workload/backend/device/threads`. A reader ignores kinds and fields that it does not know.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from benchmarks.runfile.header import Count, Duration, Gauge, MachineState, Record
from benchmarks.verdict import Verdict

#: The time of one fit, whose logarithm is taken.
FitSeconds = Annotated[float, Field(ge=1e-12, le=1e9, allow_inf_nan=False)]
#: Small enough for the logarithms of two sizes to differ.
Size = Annotated[int, Field(ge=1, le=10**12)]
#: As far as data may go: see `benchmarks.problems.problem.extreme`.
Coordinate = Annotated[float, Field(ge=-1e140, le=1e140, allow_inf_nan=False)]
Rate = Annotated[float, Field(ge=1e-3, le=1e21, allow_inf_nan=False)]

_NUMBER = (int, float, str)  # NaN and infinities are strings
#: The numbers of a fit; None in place of whatever else a backend has returned.
Scalar = Annotated[float | None, BeforeValidator(lambda v: v if isinstance(v, _NUMBER) else None)]
Vector = Annotated[
    list[float] | None,
    BeforeValidator(
        lambda v: v if isinstance(v, list) and all(isinstance(x, _NUMBER) for x in v) else None
    ),
]


@dataclass(frozen=True, kw_only=True)
class MethodRecord:
    """The method of a workload; for least squares only `kind` says something."""

    kind: Literal["gradient descent", "least squares"]
    loss: str = ""
    learning_rate: Gauge | None = None
    epochs: Count = 0
    start_weight: Sequence[float] = ()
    start_bias: float | None = None


@dataclass(frozen=True, kw_only=True)
class Points:
    """A problem of one feature and few samples, for pictures."""

    X: Sequence[Coordinate]
    y: Sequence[Coordinate]
    X_test: Sequence[Coordinate] = ()
    y_test: Sequence[Coordinate] = ()

    def __post_init__(self) -> None:
        if len(self.X) != len(self.y) or len(self.X_test) != len(self.y_test):
            raise ValueError("points need as many targets as features")


@dataclass(frozen=True, kw_only=True)
class WorkloadRecord(Record):
    """When data are made: what they are, how hard, and the right answer."""

    kind: ClassVar = "workload"
    name: str
    description: str = ""
    method: MethodRecord
    dtype: Literal["float32", "float64"]
    n_samples: Size
    n_features: Size
    n_test: Count = 0
    sigma: float | None = None  # of the noise; None for data that were read
    seed: int = 0
    sha256: str = ""
    condition: float | None = None  # of [X 1]
    scaled_condition: float | None = None  # with columns of length 1: what limits QR and Cholesky
    tangent: float | None = None
    rank: Count | None = None  # of the centred features
    note: str = ""  # what is special; empty if nothing is
    weight: Sequence[float] | None = None  # the truth
    bias: float | None = None
    certified: Sequence[float] | None = None  # coefficients, bias last
    solution: Sequence[float] | None = None  # of least squares, bias last
    #: Of each iterate of the float64 descent: the error against `solution`.
    descent_errors: Sequence[float] | None = None
    points: Points | None = None

    def __post_init__(self) -> None:
        p = self.n_features
        lengths = {"weight": p, "certified": p + 1, "solution": p + 1}
        lengths["descent_errors"] = self.method.epochs + 1
        for name, length in lengths.items():
            if (values := getattr(self, name)) is not None and len(values) != length:
                raise ValueError(f"{name} has {len(values)} numbers and not {length}")

    @property
    def itemsize(self) -> int:
        """Bytes of a number."""
        return 4 if self.dtype == "float32" else 8


@dataclass(frozen=True, kw_only=True)
class WorkerRecord(Record):
    """When a process is ready."""

    kind: ClassVar = "worker"
    worker: Count  # its number
    backend: str = ""
    device: str = ""
    threads: Count = 1
    replicate: Count = 0
    import_seconds: Duration | None = None
    start_seconds: Duration | None = None
    sandboxed: bool | None = None  # whether it could write to its own folders only
    log: str = ""  # path from the run's folder


@dataclass(frozen=True, kw_only=True)
class FitRecord(Record):
    """After an entry's first fit in a process."""

    kind: ClassVar = "fit"
    entry: str
    replicate: Count = 0
    worker: Count = 0
    fresh: bool = True  # whether nothing that it needs was loaded or compiled before
    cores: Sequence[Count] = ()
    sha256: str = ""  # of the data that the worker received
    transfer_seconds: Duration | None = None
    compile_seconds: Duration | None = None  # the first fit
    peak_bytes: Count | None = None  # of memory, over what was resident before
    weight: Vector = None
    bias: Scalar = None
    train_losses: Vector = None
    test_losses: Vector = None
    description: dict[str, Any] = field(default_factory=dict)  # `Backend.describe`


@dataclass(frozen=True, kw_only=True)
class VerdictRecord(Verdict, Record):
    """When the gate has judged the first fit, and later the last timed one.

    A later verdict of an entry supersedes an earlier one only if it fails.
    """

    kind: ClassVar = "verdict"
    entry: str
    replicate: Count = 0


@dataclass(frozen=True, kw_only=True)
class SampleRecord(Record):
    """After every timed sample."""

    kind: ClassVar = "sample"
    entry: str
    replicate: Count = 0
    round: Count
    fits: Count = 1  # in a row
    seconds: FitSeconds  # per fit


@dataclass(frozen=True, kw_only=True)
class ControlRecord(Record):
    """After the samples: whether times were those of the work."""

    kind: ClassVar = "control"
    entry: str
    replicate: Count = 0
    clock: Gauge | None = None  # how many times the worker's clock the parent's says
    cpu: Gauge | None = None  # CPU seconds, for each second and thread
    disk_bytes: Count | None = None  # that a fit of large data fetches from a disk, typically
    # Single fits of data that the backend had not seen.
    fresh: Sequence[Duration] = ()
    again: Sequence[Duration] = ()  # a second fit of the same data
    load: Sequence[Duration] = ()  # `Backend.renew`
    move: Sequence[Duration] = ()  # `Backend.move` of the same arrays


@dataclass(frozen=True, kw_only=True)
class DeviceRecord(Record):
    """What a device says of one fit: time by its own clock, or energy."""

    kind: ClassVar = "device"
    entry: str
    replicate: Count = 0
    device_seconds: Duration | None = None
    joules: Gauge | None = None


@dataclass(frozen=True, kw_only=True)
class TransferRecord(Record):
    """After the samples, where there are GPUs: further transfers."""

    kind: ClassVar = "transfer"
    entry: str
    replicate: Count = 0
    seconds: Sequence[FitSeconds]


@dataclass(frozen=True, kw_only=True)
class ExchangeRecord(Record):
    """After the samples of an entry with several workers: how long they take to add up arrays."""

    kind: ClassVar = "exchange"
    entry: str
    replicate: Count = 0
    n_bytes: Sequence[Size]
    seconds: Sequence[FitSeconds]  # of each size

    def __post_init__(self) -> None:
        if not 0 < len(self.n_bytes) == len(self.seconds):
            raise ValueError("needs as many times as sizes, and one at least")


@dataclass(frozen=True, kw_only=True)
class GpuRecord(Record):
    """The state of a GPU before and after samples; None: it does not say."""

    kind: ClassVar = "gpu"
    workload: str
    gpu: Count  # its number
    clock_mhz: Gauge | None = None
    memory_clock_mhz: Gauge | None = None
    temperature: Gauge | None = None  # °C
    watts: Gauge | None = None
    limited_by: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class RooflineRecord(Record):
    """Before and after samples: what a framework can do at best."""

    kind: ClassVar = "limit"
    workload: str
    framework: str
    device: str
    threads: Count
    dtype: str
    words: str | None = None  # what the cheapest call does
    call_seconds: FitSeconds | None = None
    product_rate: Rate | None = None  # operations a second
    read_rate: Rate | None = None  # bytes a second
    disk_rate: Rate | None = None  # the same from the disk, for data that memory does not hold
    took_seconds: Duration = 0.0


@dataclass(frozen=True, kw_only=True)
class DoneRecord(Record):
    """When all there was to do for a workload is done."""

    kind: ClassVar = "done"
    workload: str


@dataclass(frozen=True, kw_only=True)
class FailureRecord(Record):
    """When an entry drops out other than by its verdict."""

    kind: ClassVar = "failure"
    entry: str
    phase: str
    reason: str
    log: str = ""  # of the process in which it showed


@dataclass(frozen=True, kw_only=True)
class WarningRecord(Record):
    """When something disturbed the measurement."""

    kind: ClassVar = "warning"
    message: str


@dataclass(frozen=True, kw_only=True)
class Footer(Record):
    """Last."""

    kind: ClassVar = "footer"
    ended: str = ""  # ISO 8601, UTC
    outcome: str = "complete"  # or "interrupted"
    machine: MachineState = field(default_factory=MachineState)
