"""Data are made a block of rows at a time, and nobody can tell."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import numpy as np
import pytest

from backends.worker.messages import ARRAYS, sha256
from benchmarks.engine.prepared import prepare
from benchmarks.errors import UserError
from benchmarks.problems.problem import ROWS, DType, New, Problem, Synthetic, in_memory
from benchmarks.problems.workloads import Workload

#: Less than a block, one, and two blocks with a row more.
SIZES = (1_000, ROWS, 2 * ROWS + 1)


def drawn_at_once(recipe: Synthetic, seed: int) -> dict[str, np.ndarray]:
    """The recipe as a formula, with all rows at a time."""
    rng = np.random.default_rng(seed)
    n, p = recipe.n_samples, recipe.n_features
    X, X_test = rng.standard_normal((n, p)), rng.standard_normal((recipe.n_test, p))
    if recipe.condition is not None:
        spread = np.geomspace(1, 1 / recipe.condition, p)
        V = np.linalg.qr(rng.standard_normal((p, p)))[0]
        X = np.sqrt(n) * (np.linalg.qr(X - X.mean(axis=0))[0] * spread) @ V.T
        X_test = (X_test * spread) @ V.T
    weight, bias = rng.standard_normal(p), rng.standard_normal()
    made = {"X": X.astype(recipe.dtype), "X_test": X_test.astype(recipe.dtype)}
    for features, targets in (("X", "y"), ("X_test", "y_test")):
        exact = made[features].astype(float) @ weight + bias
        noise = recipe.sigma * rng.standard_normal(len(exact))
        made[targets] = (exact + noise).astype(recipe.dtype)
    return made


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", SIZES)
def test_a_block_at_a_time_is_what_was_drawn_at_once(n: int, dtype: DType) -> None:
    recipe = Synthetic(n, 3, sigma=0.5, dtype=dtype)
    found, expected = recipe.make(1).data, drawn_at_once(recipe, 1)
    for name in ("X", "X_test"):
        np.testing.assert_array_equal(getattr(found, name), expected[name])
    rounding = 2 * float(np.finfo(dtype).eps)  # products may round otherwise for other shapes
    for name in ("y", "y_test"):
        np.testing.assert_allclose(getattr(found, name), expected[name], rtol=rounding, atol=1e-14)


@pytest.mark.parametrize("n", SIZES[:2])
def test_a_block_with_a_condition_number_is_decomposed_as_a_whole(n: int) -> None:
    recipe = Synthetic(n, 3, sigma=0.5, condition=1e3, dtype="float64")
    np.testing.assert_allclose(recipe.make(1).data.X, drawn_at_once(recipe, 1)["X"], atol=1e-12)


def test_several_blocks_have_the_condition_number_asked_for() -> None:
    """The columns of U are those of one decomposition, except for their signs."""
    recipe = Synthetic(2 * ROWS + 1, 3, sigma=0.5, condition=1e3, dtype="float64")
    X = recipe.make(1).data.X
    np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-12)
    assert np.linalg.cond(np.column_stack([X, np.ones(len(X))])) == pytest.approx(1e3, rel=1e-9)


@pytest.mark.parametrize("condition", [None, 1e3])
def test_files_hold_the_same_bytes_as_memory(tmp_path: Path, condition: float | None) -> None:
    recipe = Synthetic(ROWS + 1, 3, sigma=0.5, condition=condition)
    workload = Workload("any", "", recipe)
    made = workload.make(2)
    prepared = prepare(workload, 2, tmp_path)
    assert prepared.sha256 == sha256(made.data)
    for name in ARRAYS:
        read = np.load(prepared.folder / f"{name}.npy")
        np.testing.assert_array_equal(read, getattr(made.data, name))


def test_without_test_samples_there_are_files_all_the_same(tmp_path: Path) -> None:
    recipe = Synthetic(50, 3, sigma=0.5, tested=False)
    prepared = prepare(Workload("any", "", recipe), 0, tmp_path)
    assert np.load(prepared.folder / "X_test.npy").shape == (0, 3)


def test_a_disk_without_room_is_one_line(tmp_path: Path) -> None:
    """The limit for files stands for a disk that is full."""
    workload = Workload("any", "", Synthetic(ROWS, 3, sigma=0.5))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
    try:
        with pytest.raises(UserError, match="cannot write the data"):
            prepare(workload, 0, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system cannot do that")
def test_files_have_their_room_before_they_are_filled(tmp_path: Path) -> None:
    """Else a disk that becomes full would end the process by a signal."""

    class Unfilled(Synthetic):
        def make(self, seed: int, new: New = in_memory) -> Problem:
            X = new("X", (ROWS, 32), "float32")
            [path] = tmp_path.rglob("X.npy")
            assert 512 * path.stat().st_blocks >= X.nbytes
            return super().make(seed)

    prepare(Workload("any", "", Unfilled(50, 3, sigma=0.5)), 0, tmp_path)
