"""Run files that were never run: plausible records by the schema of `benchmarks.runfile`.

The fits of the descents are computed, with the true mathematics; the times are drawn from a seed.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from backends.base import GradientDescent
from benchmarks.problems.problem import Problem
from benchmarks.problems.workloads import WORKLOADS, Workload, select
from benchmarks.runfile import FORMAT, Record

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
FRAMEWORKS = ("torch", "tensorflow", "numpy", "sklearn")
IMPORTS = {"torch": 1.9, "tensorflow": 6.8, "numpy": 0.08, "sklearn": 1.1}
MACHINE: Record = {
    "cpu": "AMD EPYC 7B13",
    "cores": 4,
    "cores_used": [0, 1, 2, 3],
    "memory_bytes": 16 * 2**30,
    "caches": {"L1d": 32 * 1024, "L2": 512 * 1024, "L3": 32 * 2**20},
    "os": "Linux 6.1",
    "python": "3.11.9",
    "packages": {"numpy": "2.4.0", "torch": "2.12.0", "tensorflow": "2.21.0"},
    "gpus": [],
    "load": 0.31,
    "clock_mhz": 2445.0,
    "container": True,
}


def header(entries: list[Record], **fields: Any) -> Record:
    """The first record of a run over `entries`."""
    return {
        "record": "header",
        "format": FORMAT,
        "started": "2025-11-20T09:30:00Z",
        "command": ["linreg-bench", "run", "--budget", "90"],
        "seed": 0,
        "budget_seconds": 90.0,
        "suite": {"version": "1.0.0", "commit": "0123456789abcdef", "dirty": False},
        "machine": MACHINE,
        "entries": entries,
        "absent": [
            {"backend": "torch-eager", "device": "cuda", "reason": "no NVIDIA GPU on this machine"},
            {"backend": "torch-gelsy", "device": "cuda", "reason": "no NVIDIA GPU on this machine"},
        ],
    } | fields


def entry(workload: str, backend: str, device: str = "cpu", threads: int = 1) -> Record:
    """One of the header's entries."""
    framework = next((f for f in FRAMEWORKS if backend.startswith(f)), backend)
    return {
        "entry": f"{workload}/{backend}/{device}/{threads}",
        "workload": workload,
        "backend": backend,
        "device": device,
        "threads": threads,
        "framework": framework,
        "algorithm": f"the algorithm of {backend}, in words",
        "known_failure": "",
        "variant_of": None,
    }


def run(
    workloads: tuple[str, ...] = tuple(TIMES),
    rounds: int = 12,
    only: tuple[str, ...] = (),
    threads: tuple[int, ...] = (1,),
    seed: int = 0,
) -> list[Record]:
    """A complete run: all passed, every entry with `rounds` samples; no rounds is a `check`."""
    rng = np.random.default_rng(seed)
    entries = [
        entry(name, backend, threads=count)
        for name in workloads
        for backend in TIMES[name]
        for count in threads
        if not only or backend in only
    ]
    records = [header(entries)]
    made = {name: WORKLOADS[name].make(seed) for name in workloads}
    records += [workload(WORKLOADS[name], problem) for name, problem in made.items()]
    for number, one in enumerate(entries):
        records += _first(one, number, WORKLOADS[one["workload"]], made[one["workload"]], rng)
    for turn in range(rounds):
        drift = 1 + 0.2 * rng.random()
        for one in entries:
            noise = drift * np.exp(0.01 * rng.standard_normal())
            records.append(
                sample(one["entry"], turn, TIMES[one["workload"]][one["backend"]] * noise)
            )
    return [*records, footer()]


def workload(what: Workload, problem: Problem) -> Record:
    """The record of a workload whose data were made."""
    method = {"kind": what.method.kind}
    if isinstance(what.method, GradientDescent):
        method |= dict(vars(what.method).items())
    recipe, data = what.recipe, problem.data
    record = {
        "record": "workload",
        "name": what.name,
        "description": what.description,
        "method": method,
        "dtype": recipe.dtype,
        "n_samples": recipe.n_samples,
        "n_features": recipe.n_features,
        "n_test": recipe.n_test,
        "sigma": problem.sigma,
        "seed": 0,
        "sha256": "ab" * 32,
        "condition": 12.5,
        "tangent": 0.1,
        "weight": None if problem.weight is None else problem.weight.tolist(),
        "bias": problem.bias,
    }
    if recipe.n_features == 1:
        record["points"] = {k: v.tolist() for k, v in vars(data).items()}
    return json.loads(json.dumps(record))


def _first(
    one: Record, number: int, what: Workload, problem: Problem, rng: np.random.Generator
) -> list[Record]:
    """What an entry writes before it is timed: worker, fit, verdict."""
    weight, bias, train, test = _descend(what, problem, one["backend"], rng)
    typical = TIMES.get(one["workload"], {}).get(one["backend"], 1e-3)
    compiles = 6.5 if one["backend"] in ("torch-compile", "tensorflow-xla") else 0.0
    common = {"entry": one["entry"], "replicate": 0}
    return [
        {
            "record": "worker",
            "worker": number,
            **{key: one[key] for key in ("backend", "device", "threads")},
            "replicate": 0,
            "cores": [0],
            "import_seconds": IMPORTS.get(one["framework"], 0.5) * (1 + 0.1 * rng.random()),
            "start_seconds": 0.05 * rng.random(),
            "log": f"logs/worker-{number}.log",
        },
        {
            "record": "fit",
            **common,
            "worker": number,
            "sha256": "ab" * 32,
            "transfer_seconds": 0.004 * rng.random(),
            "compile_seconds": typical * 1.7 + compiles,
            "weight": weight.tolist(),
            "bias": bias,
            "train_losses": train,
            "test_losses": test,
            "description": {
                "version": "2.12.0",
                "device": "cpu",
                "dtype": what.recipe.dtype,
                "threads": one["threads"],
                "algorithm": one["algorithm"],
                "blas": {"name": "OpenBLAS", "threads": 1},
            },
        },
        {
            "record": "verdict",
            **common,
            "passed": True,
            "reason": "",
            "weight_error": float(3e-7 * rng.random()),
            "bound": 1.2e-5,
            "checks": [
                {
                    "name": "numerical",
                    "error": 3e-7,
                    "bound": 1.2e-5,
                    "passed": True,
                    "source": "u·(2κ/cosθ + κ²·tanθ), Wedin; LAPACK Users' Guide §4.5",
                },
                {
                    "name": "statistical",
                    "error": 2.4,
                    "bound": 27.6,
                    "passed": True,
                    "source": "χ² with p degrees of freedom at 1e-6",
                },
            ],
        },
    ]


def _descend(
    what: Workload, problem: Problem, backend: str, rng: np.random.Generator
) -> tuple[np.ndarray, float, list[float] | None, list[float] | None]:
    """A fit: the descent itself, off by rounding, or the truth where there is no descent."""
    method, data = what.method, problem.data
    if not isinstance(method, GradientDescent):
        return problem.weight * (1 + 1e-7 * rng.standard_normal()), problem.bias, None, None
    weight, bias = method.start_weight[0] * (1 + 1e-6 * rng.standard_normal()), method.start_bias
    x, x_test = data.X[:, 0].astype(float), data.X_test[:, 0].astype(float)
    train, test = [], []

    def loss(residual: np.ndarray) -> float:
        return float(np.mean(np.abs(residual) if method.loss == "l1" else residual**2))

    for _ in range(method.epochs):
        residual = weight * x + bias - data.y
        train.append(loss(residual))
        slope = np.sign(residual) if method.loss == "l1" else 2 * residual
        weight -= method.learning_rate * float(np.mean(slope * x))
        bias -= method.learning_rate * float(np.mean(slope))
        test.append(loss(weight * x_test + bias - data.y_test))
    return np.array([weight]), bias, train, test


def sample(entry_id: str, turn: int, seconds: float) -> Record:
    """One timed sample."""
    return {
        "record": "sample",
        "entry": entry_id,
        "replicate": 0,
        "round": turn,
        "fits": 3,
        "seconds": float(seconds),
    }


def limit(workload: str, framework: str, threads: int = 1, **fields: Any) -> Record:
    """What one framework showed that it can do at best."""
    return {
        "record": "limit",
        "workload": workload,
        "framework": framework,
        "device": "cpu",
        "threads": threads,
        "dtype": "float32",
        "words": "adding 1 to a tensor of one element",
        "call_seconds": 1.2e-6,
        "product_rate": 100e9,
        "read_rate": None,
        "took_seconds": 0.01,
    } | fields


def measured(records: list[Record]) -> list[Record]:
    """The same run with its limits: every workload is read at 25 GB/s, by numpy."""
    rates = {"torch": {}, "numpy": {"read_rate": 25e9}}
    limits = [
        limit(record["name"], framework, dtype=record["dtype"], **fields)
        for record in records
        if record["record"] == "workload"
        for framework, fields in rates.items()
    ]
    return [*records[:-1], *limits, records[-1]]


def race(rounds: int = 12) -> list[Record]:
    """A run of the line by descent and by closed forms, whose errors fall tenfold in 10 epochs."""
    records = run(("line-descent", "line"), rounds=rounds)
    for record in records:
        if record["record"] == "workload":
            solution = [1.01 * record["weight"][0], record["bias"]]
            record["solution"] = solution
            if record["name"] == "line-descent":
                record["descent_errors"] = [10 ** (-epoch / 10) for epoch in range(101)]
        if record["record"] == "fit":
            record |= {"weight": solution[:1], "bias": solution[1] * (1 + 1e-7)}
    return records


def sizes(rounds: int = 12) -> list[Record]:
    """A run over samples: torch-cholesky overtakes numpy-gelsd at 2,000, and fails at the end."""
    rng = np.random.default_rng(5)
    over = (100, 400, 1600, 6400, 25_600, 102_400)
    backends = {
        "numpy-gelsd": lambda n: 1e-7 * n,
        "torch-cholesky": lambda n: 1e-4 + 5e-8 * n,
        "sklearn-linear": lambda n: 1e-3 + 6e-8 * n,
    }
    names = {size: f"{size}x10" for size in over}
    entries = [entry(name, backend) for name in names.values() for backend in backends]
    records = [header(entries)]
    for size, name in names.items():
        [what] = select([name])
        problem = what.make(0)
        records.append(workload(what, problem))
        for number, (backend, time) in enumerate(backends.items()):
            one = entry(name, backend)
            records += _first(one, number, what, problem, rng)
            for turn in range(rounds):
                noise = np.exp(0.01 * rng.standard_normal())
                records.append(sample(one["entry"], turn, time(size) * noise))
    for record in records:
        if record["record"] == "fit":
            record["peak_bytes"] = 3_000_000
    last = f"{names[over[-1]]}/torch-cholesky/cpu/1"
    return fail([*records, footer()], last, "coefficients are off")


def footer(outcome: str = "complete") -> Record:
    """The last record of a run."""
    return {
        "record": "footer",
        "ended": "2025-11-20T09:31:30Z",
        "outcome": outcome,
        "machine": {"load": 1.02, "clock_mhz": 2440.0},
    }


def also_on_cuda(records: list[Record], speed_up: float = 4.0) -> list[Record]:
    """The same run with its torch entries on a GPU as well, that much faster, in a tuned style."""
    result: list[Record] = []
    for record in records:
        result.append(record)
        if "/torch-" in record.get("entry", ""):
            also = record | {"entry": record["entry"].replace("/cpu/", "/cuda:0/")}
            if record["record"] == "sample":
                also["seconds"] = record["seconds"] / speed_up
            result.append(also)
    header = records[0]
    also = [
        e | {"entry": e["entry"].replace("/cpu/", "/cuda:0/"), "device": "cuda:0", "style": "tuned"}
        for e in header["entries"]
        if e["framework"] == "torch"
    ]
    return [header | {"entries": [*header["entries"], *also]}, *result[1:]]


def without(records: list[Record], kind: str, entry_id: str) -> list[Record]:
    """The records less one entry's of one kind."""
    return [r for r in records if not (r["record"] == kind and r.get("entry") == entry_id)]


def fail(records: list[Record], entry_id: str, reason: str) -> list[Record]:
    """The same run with one entry refused by the gate, and so not timed."""
    verdict = {"passed": False, "reason": reason, "weight_error": "nan"}
    kept = without(records, "sample", entry_id)
    return [r | verdict if r["record"] == "verdict" and r["entry"] == entry_id else r for r in kept]


def lose(records: list[Record], entry_id: str, phase: str, reason: str) -> list[Record]:
    """The same run with one entry that dropped out before its first fit."""
    kept = records
    for kind in ("sample", "fit", "verdict"):
        kept = without(kept, kind, entry_id)
    failure = {"record": "failure", "entry": entry_id, "phase": phase, "reason": reason}
    return [*kept[:-1], failure, kept[-1]]


HOSTILE = (
    "<script>alert(1)</script>\"'|`x`\n](http://evil) ]]> --> $a$ &amp; {{ 7*7 }} =cmd() 😀 "
    "\x1b[31m\x9b2J\u202e\ud800"
)


def hostile() -> list[Record]:
    """A run in which every text is out to break whatever shows it."""
    records = run(("tutorial",), only=("torch-eager", "numpy-loop", "torch-compile"))
    records = fail(records, "tutorial/torch-compile/cpu/1", HOSTILE)
    head = records[0]
    head["command"] = [HOSTILE]
    head["absent"] = [{"backend": HOSTILE, "device": HOSTILE, "reason": HOSTILE}]
    head["machine"] = {"cpu": HOSTILE, "packages": {HOSTILE: HOSTILE}}
    for entry in head["entries"]:
        entry |= {"backend": entry["backend"] + HOSTILE, "framework": HOSTILE, "device": HOSTILE}
        entry |= {"algorithm": HOSTILE, "workload": HOSTILE, "style": HOSTILE}
    for record in records:
        if record["record"] == "workload":
            record |= {"name": HOSTILE, "description": HOSTILE}
        if record["record"] == "fit":
            record["description"] = {HOSTILE: HOSTILE}
        if record["record"] == "verdict":
            record["checks"][0] |= {"name": HOSTILE, "source": HOSTILE}
    return [*records, {"record": "warning", "message": HOSTILE}]


def full() -> list[Record]:
    """A run in which everything happens at once: what a page has to cope with."""
    records = measured(run())
    records = fail(
        records,
        "ill-conditioned/tensorflow-cholesky/cpu/1",
        "weights are off by 3.2e+01, bound 4.1e-09 (numerical)",
    )
    records = lose(
        records,
        "wide/tensorflow-qr/cpu/1",
        "absent",
        "tensorflow is not installed: pip install tensorflow-cpu",
    )
    once = "tutorial/tensorflow-keras/cpu/1"
    records = [
        r
        for r in records
        if not (r["record"] == "sample" and r["entry"] == once and r["round"] > 0)
    ]
    warning = {"record": "warning", "message": "the load rose to 3.1 while the run was going on"}
    return [*records[:-1], warning, records[-1]]
