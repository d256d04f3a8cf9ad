"""With TF32 on, fits that are right in TF32 pass, and no other wrong fit does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backends.base import Data, Fit, GradientDescent, LeastSquares
from benchmarks.engine import catalogue, plan
from benchmarks.gate import bounds, gate, reference
from benchmarks.gate.reference import Reference
from benchmarks.problems.problem import Synthetic
from benchmarks.problems.workloads import Workload, select

Product = Callable[[np.ndarray, np.ndarray], np.ndarray]


def tf32(array: np.ndarray) -> np.ndarray:
    """Rounded to 11 significant bits, as tensor cores round the factors of float32 products."""
    mantissa, exponent = np.frexp(array)
    return np.ldexp(np.round(mantissa * 2**11) / 2**11, exponent).astype(array.dtype)


def rounded(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    return tf32(A) @ tf32(B)


def exact(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    return A @ B


def descend(data: Data, method: GradientDescent, product: Product) -> Fit:
    scalar = data.X.dtype.type
    weight, bias = np.array(method.start_weight, data.X.dtype), scalar(method.start_bias)
    loss = np.abs if method.loss == "l1" else np.square
    train, test = [], []
    for _ in range(method.epochs):
        r = product(data.X, weight) + bias - data.y
        train.append(loss(r).mean())
        slope = (np.sign(r) if method.loss == "l1" else 2 * r) / scalar(len(r))
        weight = weight - scalar(method.learning_rate) * product(data.X.T, slope)
        bias = bias - scalar(method.learning_rate) * slope.sum()
        test.append(loss(product(data.X_test, weight) + bias - data.y_test).mean())
    return Fit(weight, float(bias), np.array(train), np.array(test))


def normal_equations(data: Data, product: Product) -> Fit:
    A = np.column_stack([data.X, np.ones_like(data.y)])
    b = np.linalg.solve(product(A.T, A), product(A.T, data.y))
    return Fit(b[:-1], float(b[-1]))


DESCENTS = {
    "l1": GradientDescent("l1", 0.05, 60, (0.1,) * 3, -0.2),
    "squared": GradientDescent("squared", 0.05, 60, (0.1,) * 3, -0.2),
}


def prepared(method: GradientDescent | LeastSquares, dtype: str = "float32") -> Reference:
    recipe = Synthetic(200, 3, sigma=0.1, dtype=dtype)
    workload = Workload("w", "", recipe, method)
    return reference.prepare(workload, workload.make(0))


@pytest.mark.parametrize("loss", DESCENTS)
def test_a_descent_in_tf32_needs_the_wider_bounds(loss: str) -> None:
    method = DESCENTS[loss]
    strict = prepared(method)
    wide = reference.with_tf32(strict)
    fit = descend(strict.problem.data, method, rounded)
    assert not gate.judge(fit, strict, "orthogonal").passed
    verdict = gate.judge(fit, wide, "orthogonal")
    assert verdict.passed, verdict.reason
    assert gate.judge(descend(strict.problem.data, method, exact), wide, "orthogonal").passed
    assert not gate.judge(replace(fit, weight=fit.weight * 1.2), wide, "orthogonal").passed


def test_normal_equations_in_tf32_need_the_wider_bounds() -> None:
    strict = prepared(LeastSquares())
    wide = reference.with_tf32(strict)
    fit = normal_equations(strict.problem.data, rounded)
    assert not gate.judge(fit, strict, "normal equations").passed
    verdict = gate.judge(fit, wide, "normal equations")
    assert verdict.passed, verdict.reason
    assert "TF32" in verdict.checks[0].source
    off = replace(fit, weight=fit.weight * 1.05)
    assert not gate.judge(off, wide, "normal equations").passed


def test_tf32_does_not_change_the_bounds_of_float64() -> None:
    strict = prepared(LeastSquares(), "float64")
    assert reference.with_tf32(strict) is strict


def test_the_tutorials_printed_losses_are_of_full_precision() -> None:
    [tutorial] = select(["tutorial"])
    strict = reference.prepare(tutorial, tutorial.make(0))
    assert isinstance(tutorial.method, GradientDescent)
    fit = descend(strict.problem.data, tutorial.method, rounded)
    verdict = gate.judge(fit, reference.with_tf32(strict), "orthogonal")
    assert verdict.passed, verdict.reason
    assert "printed losses" not in {check.name for check in verdict.checks}


def test_the_unit_is_that_of_eleven_bits() -> None:
    values = np.random.default_rng(0).uniform(1, 2, 10_000).astype(np.float32)
    worst = np.max(np.abs(tf32(values) - values) / values)
    assert 0.9 * bounds.TF32 < worst <= bounds.TF32


@pytest.mark.parametrize("options", [["--tf32"], []])
def test_without_cuda_a_line_says_that_tf32_changes_nothing(
    tmp_path: Path, options: list[str]
) -> None:
    command = [sys.executable, "-m", "benchmarks.cli", "check", *options, "--out", str(tmp_path)]
    command += ["--workloads", "line", "--backends", "numpy-gelsd"]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = "--tf32 changes nothing: no entry runs on CUDA" in done.stderr
    assert said == bool(options)


def test_only_entries_on_cuda_use_tf32() -> None:
    made = plan.make(
        select(["line"]),
        [catalogue.known()["torch-cholesky"]],
        ["cpu", "cuda:0"],
        n_cores=1,
        n_gpus=1,
        threads=1,
        available_bytes=1 << 40,
        tf32=True,
    )
    assert [entry.process.tf32 for entry in made.entries] == [False, True]
