"""What a run writes down of its plan, its data and its fits: the fields of run-file records."""

from __future__ import annotations

import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np

from backends.worker.messages import ARRAYS, method_to_json
from benchmarks import runfile
from benchmarks.engine.options import Options
from benchmarks.engine.plan import Plan
from benchmarks.engine.pool import FirstFit, Prepared
from benchmarks.engine.process import ROOT
from reports.analysis import accuracy

#: A problem of one feature and at most this many samples goes into the run file, for pictures.
_POINTS = 1_000


def header(plan: Plan, options: Options) -> dict[str, Any]:
    """Of a `header`: what will be run, and how; without the machine."""
    return {
        "format": runfile.FORMAT,
        "started": now(),
        "command": list(options.command),
        "seed": options.seed,
        "budget_seconds": options.budget,
        "precision": options.precision,
        "replicates": plan.replicates,
        "cold": plan.cold,
        "plugins": [str(path.resolve()) for path in options.plugins],
        "suite": {"version": version("linreg-bench"), **_commit()},
        "tf32": plan.tf32,
        "environments": [environment.to_json() for environment in plan.environments],
        "entries": [entry.to_json() for entry in plan.entries],
        "absent": [asdict(absence) for absence in plan.absent],
        "files": [asdict(w.file) for w in plan.workloads if w.file],
    }


def workload(prepared: Prepared, seed: int) -> dict[str, Any]:
    """Of a `workload`: the data, how hard they are, and the right answer."""
    wanted, problem, reference = prepared.workload, prepared.problem, prepared.reference
    recipe = wanted.recipe
    extra: dict[str, Any] = {}
    if reference.descent:
        iterates = reference.descent.trajectory.iterates
        extra["descent_errors"] = accuracy.errors(iterates, reference.solution.coefficients)
    if recipe.n_features == 1 and recipe.n_samples <= _POINTS:
        extra["points"] = {name: np.ravel(getattr(problem.data, name)) for name in ARRAYS}
    return {
        "name": wanted.name,
        "description": wanted.description,
        "method": method_to_json(wanted.method),
        "dtype": recipe.dtype,
        "n_samples": recipe.n_samples,
        "n_features": recipe.n_features,
        "n_test": recipe.n_test,
        "sigma": problem.sigma,
        "seed": seed,
        "sha256": prepared.sha256,
        "condition": reference.conditioning.condition,
        "tangent": reference.conditioning.tangent,
        "rank": reference.solution.rank,
        "note": reference.note,
        "weight": problem.weight,
        "bias": problem.bias,
        "certified": problem.certified,
        "solution": reference.solution.coefficients,
        **extra,
    }


def fit(first: FirstFit) -> dict[str, Any]:
    """Of a `fit`: what the first fit showed; without whose it was."""
    return {
        "cores": first.cores,
        "sha256": first.sha256,
        "transfer_seconds": first.transfer_seconds,
        "compile_seconds": first.seconds,
        "peak_bytes": first.peak_bytes,
        **first.fit,
        "description": first.description,
    }


def now() -> str:
    """The time as run files have it: ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _commit() -> dict[str, Any]:
    """The suite's own commit, and whether the checkout differs from it."""

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}
