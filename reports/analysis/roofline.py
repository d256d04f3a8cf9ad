"""The floor: the time that no implementation of a workload can beat on a machine.

The roofline model (Williams, Waterman & Patterson, CACM 52(4), 2009): at best, reading the data and
computing overlap, so the larger of the two times is the floor:

    floor = max(least bytes / read rate, least operations / rate of matrix products)

What a fit has to fetch from the disk, because memory does not hold the data, is a third time: the
least that any entry fetched for a fit, at the rate at which the file is read from its beginning.

Both rates are the best of any framework in the run, on the cores and with the threads of the entry.
The read rate is that of a buffer of the size of X, measured beside its workload: a small problem is
read from a cache, and faster. The rate of products is shared by all workloads of a dtype.

An addition and a multiplication are one operation each. n samples, p features, m test samples:

*Least squares*: X and y are read once, n (p + 1) numbers. X'X, which is symmetric, takes
n p (p + 1) operations, and its Cholesky factor p**3 / 3 (Golub & Van Loan, *Matrix Computations*,
5.3.2); with more features than samples it is XX', and n and p change places. No direct method
takes less: QR takes twice as many, an SVD more. (Iterative and randomized solvers can take less,
at some accuracy; none is covered here.)

*Gradient descent*: each epoch reads training and test data once, (n + m) (p + 1) numbers, since one
pass over a row gives its residual and its part of the gradient. Residuals and gradient take 4 n p
operations, test residuals 2 m p. This holds for implementations that visit all samples in every
epoch, as the method prescribes. (With squared loss, X'X alone would do.)

The overhead of calls is not part of it, and is shown as the time of a framework's cheapest call.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Literal, Self

from benchmarks.runfile.records import ControlRecord, RooflineRecord, WorkloadRecord
from benchmarks.runfile.run import Run

#: What the limits of an entry are looked up by: workload, device, threads.
Place = tuple[str, str, int]


@dataclass(frozen=True)
class Work:
    """The least work that any implementation of a workload has to do."""

    bytes: float  # read
    operations: float  # additions and multiplications

    @classmethod
    def least(cls, workload: WorkloadRecord) -> Self:
        """The formulae are above."""
        n, p, m = workload.n_samples, workload.n_features, workload.n_test
        if workload.method.kind == "least squares":
            long, short = max(n, p), min(n, p)
            operations = long * short * (short + 1) + short**3 / 3
            return cls(n * (p + 1) * workload.itemsize, operations)
        epochs = workload.method.epochs
        read = epochs * (n + m) * (p + 1) * workload.itemsize
        return cls(read, epochs * (4 * n + 2 * m) * p)


@dataclass(frozen=True)
class Best:
    """The best of several measurements of one quantity."""

    value: float
    typical: float  # their median; its distance from the best shows how steady the machine was


@dataclass(frozen=True)
class Floor:
    """The floor of a workload with one number of threads on one device."""

    work: Work
    read: Best  # bytes a second
    product: Best  # operations a second
    disk: Best | None = None  # bytes a second; None: memory holds the data
    disk_bytes: int = 0  # the least that any fit fetched from the disk

    @cached_property
    def takes(self) -> dict[Literal["memory", "arithmetic", "disk"], float]:
        """Seconds for reading, for computing, and for fetching what memory does not hold."""
        return {
            "memory": self.work.bytes / self.read.value,
            "arithmetic": self.work.operations / self.product.value,
            "disk": self.disk_bytes / self.disk.value if self.disk else 0.0,
        }

    @property
    def seconds(self) -> float:
        """The floor."""
        return max(self.takes.values())

    @property
    def bound(self) -> str:
        """Which of them it is."""
        return max(self.takes, key=lambda kind: self.takes[kind])


@dataclass(frozen=True)
class Call:
    """The cheapest call of one framework, seconds."""

    framework: str
    device: str
    threads: int
    words: str
    seconds: Best


def floors(run: Run) -> dict[Place, Floor]:
    """The floors of a run, as far as its rates were measured."""
    read: dict[Place, list[RooflineRecord]] = {}
    products: dict[Place, list[RooflineRecord]] = {}  # by dtype instead of workload
    for record in run.of(RooflineRecord):
        where = record.device, record.threads
        read.setdefault((record.workload, *where), []).append(record)
        products.setdefault((record.dtype, *where), []).append(record)
    fetched = least_fetched(run)
    found = {}
    for (name, device, threads), records in read.items():
        if workload := run.workloads.get(name):
            same = products.get((workload.dtype, device, threads), [])
            reading, product = _highest(records, "read_rate"), _highest(same, "product_rate")
            if reading and product:
                work, disk = Work.least(workload), _highest(records, "disk_rate")
                floor = Floor(work, reading, product, disk, fetched.get(name, 0))
                found[name, device, threads] = floor
    return found


def least_fetched(run: Run) -> dict[str, int]:
    """By workload: the fewest bytes that a fit of any entry fetched from a disk."""
    workloads = {entry.id: entry.workload for entry in run.header.entries}
    found: dict[str, int] = {}
    for record in run.of(ControlRecord):
        name = workloads.get(record.entry)
        if name is not None and record.disk_bytes is not None:
            found[name] = min(record.disk_bytes, found.get(name, record.disk_bytes))
    return found


def calls(run: Run) -> list[Call]:
    """The cheapest call of each framework, device and number of threads, the cheapest first."""
    by_place: dict[tuple[str, str, int, str], list[float]] = {}
    for record in run.of(RooflineRecord):
        if record.call_seconds is not None:
            place = record.framework, record.device, record.threads, record.words or ""
            by_place.setdefault(place, []).append(record.call_seconds)
    found = [Call(*at, Best(min(all_), median(all_))) for at, all_ in by_place.items()]
    return sorted(found, key=lambda call: call.seconds.value)


def _highest(records: Sequence[RooflineRecord], rate: str) -> Best | None:
    """The highest rate, and the median of the rates of the framework that reached it."""
    every = [(getattr(record, rate), record.framework) for record in records]
    measured = [pair for pair in every if pair[0] is not None]
    if not measured:
        return None
    best, framework = max(measured)
    return Best(best, median(value for value, by in measured if by == framework))
