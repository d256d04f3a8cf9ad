"""The header of a run file: what was run, how, and on what machine."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from pydantic import Field

Count = Annotated[int, Field(ge=0, le=10**15)]
Duration = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Gauge = Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]


class Record:
    """One line of a run file; `kind` is its field `record` there."""

    kind: ClassVar[str]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """Another way to run a backend, in the same rounds as the backend as it is."""

    kind: Literal["revision", "environment", "copy"]
    name: str  # as entries show it: torch-eager@NAME
    source: str = ""  # the git revision, or the path of the interpreter


def backend_name(backend: str, variant: Variant | None, workers: int = 1) -> str:
    """A backend as tables name it, such as `torch-eager@main` or `dask-gram×2`."""
    several = f"{backend}×{workers}" if workers > 1 else backend
    return f"{several}@{variant.name}" if variant else several


#: By method, what most people use today: the others are compared with it, if it passed.
BASELINES = {"gradient descent": "torch-eager", "least squares": "sklearn-linear"}


@dataclass(frozen=True, kw_only=True)
class EntryRecord:
    """A workload on a backend, a device and a number of threads."""

    id: str
    workload: str
    backend: str
    device: str
    threads: Count  # of all workers together
    workers: Count = 1  # processes that share each fit
    framework: str
    algorithm: str
    style: str = "idiomatic"
    known_failure: str = ""  # why it is known to fail the gate; empty if it is not
    variant: Variant | None = None
    plugin: str = ""  # the file or the entry point that defines it; empty for the suite's own

    @property
    def name(self) -> str:
        """The backend as tables name it; see `backend_name`."""
        return backend_name(self.backend, self.variant, self.workers)

    @property
    def original(self) -> str:
        """The id of the entry without its variant."""
        name = backend_name(self.backend, None, self.workers)
        return f"{self.workload}/{name}/{self.device}/{self.threads}"


@dataclass(frozen=True, kw_only=True)
class Absence:
    """A backend that cannot take part on a device, and why, in one line."""

    backend: str
    device: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class GpuModel:
    """A GPU of the machine."""

    name: str
    memory_bytes: Count | None = None  # None where host and GPU share their memory
    driver: str = ""


@dataclass(frozen=True, kw_only=True)
class MachineState:
    """What changes while a run lasts."""

    load: Gauge | None = None  # processes ready to run, the mean of a minute
    clock_mhz: Gauge | None = None


@dataclass(frozen=True, kw_only=True)
class Machine(MachineState):
    """The machine of a run."""

    cpu: str = "unknown CPU"
    architecture: str = ""
    cores: Count = 0
    cores_used: Sequence[Count] = ()
    memory_bytes: Count = 0
    caches: dict[str, str] = field(default_factory=dict)  # {"L1d": "32K"}
    os: str = ""
    python: str = ""
    packages: dict[str, str] = field(default_factory=dict)  # version by distribution
    gpus: Sequence[GpuModel] = ()
    container: bool = False


@dataclass(frozen=True, kw_only=True)
class Suite:
    """The revision of this suite."""

    version: str = ""
    commit: str | None = None
    dirty: bool | None = None  # whether the checkout differs from the commit


@dataclass(frozen=True, kw_only=True)
class EnvironmentRecord:
    """Another interpreter, whose packages are timed beside today's."""

    name: str
    executable: str
    python: str
    packages: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How the user's own table is to be read: each field is an option, as it was given.

    What is empty is found out from the table itself.
    """

    features: str = ""  # names and globs of columns, comma-separated
    exclude: str = ""  # the same
    delimiter: str = ""  # one character, "tab" or "space"
    decimal: str = ""  # "." or ","
    encoding: str = ""
    no_header: bool = False
    missing: str = ""  # what stands for no value, comma-separated
    drop_missing: bool = False  # leave out the rows with missing values


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """Where the user's own data came from."""

    name: str  # of the workload
    path: str  # absolute; "-" for standard input
    target: str | None = None  # the column; None for a certified set
    sha256: str = ""  # of the file, or of the files of a folder
    reading: Reading = field(default_factory=Reading)


@dataclass(frozen=True, kw_only=True)
class Header(Record):
    """First: what will be run, how, and on what machine."""

    kind: ClassVar = "header"
    format: int
    entries: Sequence[EntryRecord]
    seed: int
    budget_seconds: Duration | None  # None: nothing is timed
    precision: Gauge | None
    replicates: Count  # processes of each entry
    most_replicates: Count = 0  # of those that are in the race for a place, if that is more
    absent: Sequence[Absence] = ()
    started: str = ""  # ISO 8601, UTC
    command: Sequence[str] = ()
    cold: bool = False  # whether each entry has processes of its own
    tf32: bool = False  # whether it was asked for
    plugins: Sequence[str] = ()  # paths
    suite: Suite = field(default_factory=Suite)
    calibration: str = ""  # which differences this machine can tell, in one line
    machine: Machine = field(default_factory=Machine)
    environments: Sequence[EnvironmentRecord] = ()
    files: Sequence[DataFile] = ()
