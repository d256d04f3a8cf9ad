"""Runs that were never run, made of plausible records.

The fits of the descents are computed, with the true mathematics; the times are drawn from a seed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from backends.base import GradientDescent
from benchmarks.problems.workloads import WORKLOADS, Workload, select
from benchmarks.runfile.header import Absence, EntryRecord, Header, Machine, MachineState, Suite
from benchmarks.runfile.records import (
    FailureRecord,
    FitRecord,
    Footer,
    MethodRecord,
    Points,
    Record,
    RooflineRecord,
    SampleRecord,
    VerdictRecord,
    WarningRecord,
    WorkerRecord,
    WorkloadRecord,
)
from benchmarks.runfile.run import Run
from benchmarks.runfile.writer import FORMAT, NAME, RunWriter
from benchmarks.verdict import Check

R = TypeVar("R", bound=Record)

#: Seconds of one fit, before noise. torch-eager and numpy-loop are ties on line-descent, and so
#: are numpy-gelsd and torch-cholesky on line.
TIMES: dict[str, dict[str, float]] = {
    "tutorial": {
        "torch-eager": 0.182,
        "torch-compile": 5.8e-3,
        "tensorflow-keras": 9.0,
        "tensorflow-function": 0.024,
        "tensorflow-xla": 1.4e-3,
        "numpy-loop": 2.8e-3,
    },
    "line-descent": {
        "torch-eager": 0.012,
        "torch-compile": 1.6e-3,
        "tensorflow-keras": 0.9,
        "tensorflow-function": 0.005,
        "tensorflow-xla": 0.4e-3,
        "numpy-loop": 0.012,
    },
    "line": {
        "numpy-gelsd": 20e-6,
        "sklearn-linear": 210e-6,
        "torch-gelsy": 35e-6,
        "torch-cholesky": 20e-6,
        "tensorflow-cholesky": 300e-6,
        "tensorflow-qr": 420e-6,
    },
}
for _name, _size in (("tall", 400.0), ("wide", 900.0), ("ill-conditioned", 15.0)):
    TIMES[_name] = {backend: _size * t for backend, t in TIMES["line"].items()}
IMPORTS = {"torch": 1.9, "tensorflow": 6.8, "numpy": 0.08, "sklearn": 1.1}
MACHINE = Machine(
    cpu="AMD EPYC 7B13",
    cores=4,
    cores_used=(0, 1, 2, 3),
    memory_bytes=16 * 2**30,
    caches={"L1d": "32K", "L2": "512K", "L3": "32M"},
    os="Linux 6.1",
    python="3.11.9",
    packages={"numpy": "2.4.0", "torch": "2.12.0", "tensorflow": "2.21.0"},
    load=0.31,
    clock_mhz=2445.0,
    container=True,
)
NO_GPU = "no NVIDIA GPU on this machine"


def of(*records: Record) -> Run:
    """A run of these records, of which the first is the header."""
    assert isinstance(records[0], Header)
    return Run(records[0], records)


def header(entries: Sequence[EntryRecord] = (), **fields: Any) -> Header:
    """The first record of a run over `entries`."""
    usual: dict[str, Any] = {
        "started": "2025-11-20T09:30:00Z",
        "command": ("linreg-bench", "run", "--budget", "90"),
        "budget_seconds": 90.0,
        "precision": 0.01,
        "seed": 0,
        "replicates": 1,
        "suite": Suite(version="1.0.0", commit="0123456789abcdef", dirty=False),
        "machine": MACHINE,
        "absent": [
            Absence(backend=backend, device="cuda", reason=NO_GPU)
            for backend in ("torch-eager", "torch-gelsy")
        ],
    }
    return Header(format=FORMAT, entries=entries, **usual | fields)


def entry(
    workload: str, backend: str, device: str = "cpu", threads: int = 1, **fields: Any
) -> EntryRecord:
    """One of the header's entries."""
    usual: dict[str, Any] = {
        "id": f"{workload}/{backend}/{device}/{threads}",
        "framework": next((f for f in IMPORTS if backend.startswith(f)), backend),
        "algorithm": f"the algorithm of {backend}, in words",
    }
    where: dict[str, Any] = {"workload": workload, "backend": backend}
    return EntryRecord(**where, device=device, threads=threads, **usual | fields)


def workload(what: Workload, rng: np.random.Generator) -> WorkloadRecord:
    """The record of a workload; a problem of one feature is made, others have a random truth."""
    asked = vars(what.method) if isinstance(what.method, GradientDescent) else {}
    recipe = what.recipe
    shape = {"n_samples": recipe.n_samples, "n_features": recipe.n_features}
    fields: dict[str, Any] = {"weight": rng.standard_normal(recipe.n_features).tolist()}
    fields |= {"bias": 0.5, "sigma": 1.0}
    if recipe.n_features == 1:
        made = what.make(0)
        assert made.weight is not None
        fields = {"weight": made.weight.tolist(), "bias": made.bias, "sigma": made.sigma}
        fields["points"] = Points(**{k: v.ravel().tolist() for k, v in vars(made.data).items()})
    return WorkloadRecord(
        name=what.name,
        description=what.description,
        method=MethodRecord(kind=what.method.kind, **asked),
        dtype=recipe.dtype,
        n_test=recipe.n_test,
        sha256="ab" * 32,
        condition=12.5,
        tangent=0.1,
        **shape | fields,
    )


def first(one: EntryRecord, number: int, what: WorkloadRecord) -> list[Record]:
    """What an entry writes before it is timed: worker, fit, verdict."""
    rng = np.random.default_rng(number)
    typical = TIMES.get(one.workload, {}).get(one.backend, 1e-3)
    compiles = 6.5 if one.backend in ("torch-compile", "tensorflow-xla") else 0.0
    wedin = "u·(2κ/cosθ + κ²·tanθ), Wedin; LAPACK Users' Guide §4.5"
    chi_square = "χ² with p degrees of freedom at 1e-6"
    return [
        WorkerRecord(
            worker=number,
            backend=one.backend,
            device=one.device,
            threads=one.threads,
            import_seconds=IMPORTS.get(one.framework, 0.5) * (1 + 0.1 * rng.random()),
            start_seconds=0.05 * rng.random(),
            log=f"logs/worker-{number}.log",
        ),
        FitRecord(
            entry=one.id,
            worker=number,
            sha256="ab" * 32,
            transfer_seconds=0.004 * rng.random(),
            compile_seconds=typical * 1.7 + compiles,
            description={
                "version": "2.12.0",
                "device": "cpu",
                "dtype": what.dtype,
                "threads": one.threads,
                "algorithm": one.algorithm,
                "blas": {"name": "OpenBLAS", "threads": 1},
            },
            **_fitted(what, rng),
        ),
        VerdictRecord(
            entry=one.id,
            passed=True,
            reason="",
            weight_error=float(3e-7 * rng.random()),
            bound=1.2e-5,
            checks=[
                Check("numerical", 3e-7, 1.2e-5, True, wedin),
                Check("statistical", 2.4, 27.6, True, chi_square),
            ],
        ),
    ]


def _fitted(what: WorkloadRecord, rng: np.random.Generator) -> dict[str, Any]:
    """A fit: the descent itself, off by rounding, or the truth where there is no descent."""
    method, points = what.method, what.points
    if method.kind == "least squares":
        weight = np.array(what.weight) * (1 + 1e-7 * rng.standard_normal())
        return {"weight": weight.tolist(), "bias": what.bias}
    assert points is not None
    assert method.learning_rate is not None
    assert method.start_bias is not None
    slope, bias = method.start_weight[0] * (1 + 1e-6 * rng.standard_normal()), method.start_bias
    x, y, x_test, y_test = map(np.array, vars(points).values())
    train, test = [], []

    def loss(residual: np.ndarray) -> float:
        return float(np.mean(np.abs(residual) if method.loss == "l1" else residual**2))

    for _ in range(method.epochs):
        residual = slope * x + bias - y
        train.append(loss(residual))
        step = np.sign(residual) if method.loss == "l1" else 2 * residual
        slope -= method.learning_rate * float(np.mean(step * x))
        bias -= method.learning_rate * float(np.mean(step))
        test.append(loss(slope * x_test + bias - y_test))
    return {"weight": [slope], "bias": bias, "train_losses": train, "test_losses": test}


def sample(entry_id: str, turn: int, seconds: float) -> SampleRecord:
    """One timed sample."""
    return SampleRecord(entry=entry_id, round=turn, fits=3, seconds=float(seconds))


def plain(name: str, method: str = "least squares", **fields: Any) -> WorkloadRecord:
    """The record of a workload of which only its size matters."""
    asked = MethodRecord(kind=method)  # type: ignore[arg-type]
    usual: dict[str, Any] = {"method": asked, "dtype": "float32", "sigma": 1.0}
    return WorkloadRecord(name=name, **{"n_samples": 100, "n_features": 10} | usual | fields)


def judged(entry_id: str, reason: str = "", **fields: Any) -> VerdictRecord:
    """A verdict; with a reason, the fit failed."""
    usual: dict[str, Any] = {"weight_error": 1e-9, "bound": 1e-7, "checks": ()}
    return VerdictRecord(entry=entry_id, passed=not reason, reason=reason, **usual | fields)


def footer(outcome: str = "complete") -> Footer:
    """The last record of a run."""
    state = MachineState(load=1.02, clock_mhz=2440.0)
    return Footer(ended="2025-11-20T09:31:30Z", outcome=outcome, machine=state)


def run(
    workloads: Sequence[str] = tuple(TIMES),
    rounds: int = 12,
    only: Sequence[str] = (),
    threads: Sequence[int] = (1,),
    seed: int = 0,
) -> Run:
    """A complete run: all passed, every entry with `rounds` samples; no rounds is a `check`."""
    rng = np.random.default_rng(seed)
    entries = [
        entry(name, backend, threads=count)
        for name in workloads
        for backend in TIMES[name]
        for count in threads
        if not only or backend in only
    ]
    made = {name: workload(WORKLOADS[name], rng) for name in workloads}
    records: list[Record] = [header(entries), *made.values()]
    for number, one in enumerate(entries):
        records += first(one, number, made[one.workload])
    for turn in range(rounds):
        drift = 1 + 0.2 * rng.random()
        for one in entries:
            noise = drift * np.exp(0.01 * rng.standard_normal())
            records.append(sample(one.id, turn, TIMES[one.workload][one.backend] * noise))
    return of(*records, footer())


def race(rounds: int = 12) -> Run:
    """A run of the line by descent and by closed forms, whose errors fall tenfold in 10 epochs."""
    made = run(("line-descent", "line"), rounds=rounds)
    truth = made.workloads["line"]
    assert truth.weight is not None
    assert truth.bias is not None
    solution = [1.01 * truth.weight[0], truth.bias]
    made = altered(made, WorkloadRecord, lambda w: replace(w, solution=solution))
    made = altered(
        made, FitRecord, lambda f: replace(f, weight=solution[:1], bias=solution[1] * (1 + 1e-7))
    )
    errors = [10 ** (-epoch / 10) for epoch in range(101)]
    return altered(
        made,
        WorkloadRecord,
        lambda w: replace(w, descent_errors=errors) if w.name == "line-descent" else w,
    )


def sizes(rounds: int = 12) -> Run:
    """A run over samples: torch-cholesky overtakes numpy-gelsd at 2,000, and fails at the end."""
    rng = np.random.default_rng(5)
    backends: dict[str, Callable[[int], float]] = {
        "numpy-gelsd": lambda n: 1e-7 * n,
        "torch-cholesky": lambda n: 1e-4 + 5e-8 * n,
        "sklearn-linear": lambda n: 1e-3 + 6e-8 * n,
    }
    names = [f"{size}x10" for size in (100, 400, 1600, 6400, 25_600, 102_400)]
    records: list[Record] = [
        header([entry(name, backend) for name in names for backend in backends])
    ]
    for what in select(names):
        records.append(made := workload(what, rng))
        for number, (backend, time) in enumerate(backends.items()):
            one = entry(what.name, backend)
            records += first(one, number, made)
            for turn in range(rounds):
                noise = np.exp(0.01 * rng.standard_normal())
                records.append(sample(one.id, turn, time(made.n_samples) * noise))
    whole = of(*records, footer())
    whole = altered(whole, FitRecord, lambda fit: replace(fit, peak_bytes=3_000_000))
    return fail(whole, f"{names[-1]}/torch-cholesky/cpu/1", "coefficients are off")


def full() -> Run:
    """A run in which everything happens at once: what a page has to cope with."""
    made = measured(run())
    reason = "weights are off by 3.2e+01, bound 4.1e-09 (numerical)"
    made = fail(made, "ill-conditioned/tensorflow-cholesky/cpu/1", reason)
    reason = "tensorflow is not installed: pip install tensorflow-cpu"
    made = lose(made, "wide/tensorflow-qr/cpu/1", "absent", reason)
    once = "tutorial/tensorflow-keras/cpu/1"
    made = altered(made, SampleRecord, lambda s: None if s.entry == once and s.round else s)
    return add(made, WarningRecord(message="the load rose to 3.1 while the run was going on"))


HOSTILE = (
    "<script>alert(1)</script>\"'|`x`\n](http://evil) ]]> --> $a$ &amp; {{ 7*7 }} =cmd() 😀 "
    "\x1b[31m\x9b2J\u202e\ud800"
)


def hostile() -> Run:
    """A run file whose every text is out to break what shows it, as it is read."""
    made = run(("tutorial",), only=("torch-eager", "numpy-loop", "torch-compile"))
    made = fail(made, "tutorial/torch-compile/cpu/1", HOSTILE)
    text: dict[str, Any] = dict.fromkeys(("framework", "device", "algorithm", "workload"), HOSTILE)
    made = with_header(
        made,
        command=[HOSTILE],
        absent=[Absence(backend=HOSTILE, device=HOSTILE, reason=HOSTILE)],
        machine=Machine(cpu=HOSTILE, packages={HOSTILE: HOSTILE}),
        entries=[
            replace(e, backend=e.backend + HOSTILE, style=HOSTILE, **text)
            for e in made.header.entries
        ],
    )
    made = altered(made, WorkloadRecord, lambda w: replace(w, name=HOSTILE, description=HOSTILE))
    made = altered(made, FitRecord, lambda f: replace(f, description={HOSTILE: HOSTILE}))
    check = Check(HOSTILE, 1.0, 2.0, True, HOSTILE)
    made = altered(made, VerdictRecord, lambda v: replace(v, checks=[check]))
    return read_back(add(made, WarningRecord(message=HOSTILE)))


def altered(made: Run, kind: type[R], change: Callable[[R], R | None]) -> Run:
    """The same run with the records of one class changed, or left out where there is None."""
    kept = [change(record) if isinstance(record, kind) else record for record in made.records]
    return of(*(record for record in kept if record is not None))


def with_header(made: Run, **fields: Any) -> Run:
    """The same run with other fields in its header."""
    return altered(made, Header, lambda head: replace(head, **fields))


def add(made: Run, *further: Record) -> Run:
    """The same run with further records before its last."""
    return of(*made.records[:-1], *further, made.records[-1])


def fail(made: Run, entry_id: str, reason: str) -> Run:
    """The same run with one entry refused by the gate, and so not timed."""
    refused: dict[str, Any] = {"passed": False, "reason": reason, "weight_error": float("nan")}
    made = altered(made, SampleRecord, lambda s: None if s.entry == entry_id else s)
    return altered(
        made, VerdictRecord, lambda v: replace(v, **refused) if v.entry == entry_id else v
    )


def lose(made: Run, entry_id: str, phase: str, reason: str) -> Run:
    """The same run with one entry that dropped out before its first fit."""
    gone = (SampleRecord, FitRecord, VerdictRecord)
    made = of(*(r for r in made.records if not (isinstance(r, gone) and r.entry == entry_id)))
    return add(made, FailureRecord(entry=entry_id, phase=phase, reason=reason))


def limit(workload: str, framework: str, threads: int = 1, **fields: Any) -> RooflineRecord:
    """What one framework showed that it can do at best."""
    usual: dict[str, Any] = {
        "device": "cpu",
        "dtype": "float32",
        "words": "adding 1 to a tensor of one element",
        "call_seconds": 1.2e-6,
        "product_rate": 100e9,
        "took_seconds": 0.01,
    }
    where: dict[str, Any] = {"workload": workload, "framework": framework}
    return RooflineRecord(**where, threads=threads, **usual | fields)


def measured(made: Run) -> Run:
    """The same run with its limits: every workload is read at 25 GB/s, by numpy."""
    return add(
        made,
        *(
            limit(what.name, framework, dtype=what.dtype, read_rate=rate)
            for what in made.workloads.values()
            for framework, rate in (("torch", None), ("numpy", 25e9))
        ),
    )


def also_on_cuda(made: Run, speed_up: float = 4.0) -> Run:
    """The same run with its torch entries on a GPU as well, that much faster, in a tuned style."""

    def there(record: Any) -> Any:
        on_cuda = replace(record, entry=record.entry.replace("/cpu/", "/cuda:0/"))
        if isinstance(on_cuda, SampleRecord):
            return replace(on_cuda, seconds=on_cuda.seconds / speed_up)
        return on_cuda

    also = [there(r) for r in made.records if "/torch-" in getattr(r, "entry", "")]
    entries = [
        entry(e.workload, e.backend, "cuda:0", e.threads, style="tuned")
        for e in made.header.entries
        if e.framework == "torch"
    ]
    return add(with_header(made, entries=[*made.header.entries, *entries]), *also)


def write(made: Run, folder: Path) -> Path:
    """The run file of a run, in `folder`."""
    writer = RunWriter(folder / NAME)
    for record in made.records:
        writer.write(record)
    writer.close()
    return folder / NAME


def read_back(made: Run) -> Run:
    """The run as its file tells it."""
    with tempfile.TemporaryDirectory() as folder:
        return Run.read(write(made, Path(folder)))
