"""The tuned loops, for any number of epochs and either loss."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from backends.base import Backend, Data, Fit, GradientDescent, LeastSquares, Unavailable
from backends.jax.descent import JaxScan
from backends.numba import NumbaCholesky, NumbaLoop
from backends.tensorflow.descent import TensorFlowWhile
from backends.torch.base import need_compiler
from backends.torch.descent import TorchCompile
from backends.torch.loops import TorchManual, TorchScan
from backends.torch.operator import TorchOperator
from benchmarks.engine import machine
from benchmarks.gate import trajectory as reference

pytest.importorskip("torch")


def fit(
    backend: Backend,
    epochs: int,
    loss: Literal["l1", "squared"],
    samples: int = 40,
    threads: int = 1,
    features: int = 3,
) -> tuple[Fit, reference.Trajectory]:
    """What a backend makes of float64 data, and what it should."""
    rng = np.random.default_rng(0)
    X, X_test = rng.standard_normal((samples, features)), rng.standard_normal((9, features))
    weight = np.arange(1, features + 1)
    data = Data(X, X @ weight + 4, X_test, X_test @ weight + 4)
    method = GradientDescent(loss, 0.05, epochs, tuple(weight / 10), -0.4)
    backend.start("cpu", threads)
    backend.load(data, method)
    return backend.fit(), reference.descent(data, method)


def check(found: Fit, expected: reference.Trajectory) -> None:
    b = np.append(found.weight, found.bias)
    np.testing.assert_allclose(b, expected.iterates[-1], rtol=1e-12)
    np.testing.assert_allclose(found.train_losses, expected.train_losses, rtol=1e-12)
    np.testing.assert_allclose(found.test_losses, expected.test_losses, rtol=1e-12)


@pytest.mark.parametrize("loss", ["l1", "squared"])
@pytest.mark.parametrize("epochs", [0, 1, 13, 100])
def test_by_hand(loss: Literal["l1", "squared"], epochs: int) -> None:
    check(*fit(TorchManual(), epochs, loss))


@pytest.mark.parametrize("loss", ["l1", "squared"])
@pytest.mark.parametrize("epochs", [0, 1, 13])
@pytest.mark.parametrize("at_once", [1 << 20, 40 * 4])
def test_by_jax(
    epochs: int, loss: Literal["l1", "squared"], at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with losses in more than one part, the last of which is smaller."""
    pytest.importorskip("jax")
    monkeypatch.setattr("backends.jax.descent.RESIDUALS", at_once)
    check(*fit(JaxScan(), epochs, loss))


@pytest.mark.parametrize("loss", ["l1", "squared"])
@pytest.mark.parametrize("epochs", [0, 13])
@pytest.mark.parametrize("at_once", [1 << 18, 100])
def test_by_tensorflow(
    epochs: int, loss: Literal["l1", "squared"], at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with losses one by one."""
    pytest.importorskip("tensorflow")
    monkeypatch.setattr("backends.tensorflow.descent.RESIDUALS", at_once)
    check(*fit(TensorFlowWhile(), epochs, loss))


def test_losses_in_more_than_one_part() -> None:
    class InParts(TorchManual):
        loss_bytes = 40 * 8 * 7

    check(*fit(InParts(), 20, "l1"))


@pytest.mark.parametrize("epochs", [0, 13])
def test_compiled_whatever_the_number_of_epochs(epochs: int) -> None:
    """A prime number of them leaves nothing to unroll; `test_conformance` has others."""
    check(*fit(TorchScan(), epochs, "squared"))


@pytest.mark.parametrize(
    ("epochs", "loss", "samples", "threads"), [(0, "squared", 40, 1), (7, "l1", 100_001, 2)]
)
def test_as_an_operator(
    epochs: int, loss: Literal["l1", "squared"], samples: int, threads: int
) -> None:
    """Also of many samples, which threads share in blocks; the last block is smaller."""
    check(*fit(TorchOperator(), epochs, loss, samples, threads))


@pytest.mark.parametrize("loss", ["l1", "squared"])
@pytest.mark.parametrize("features", [1, 2, 6])
def test_an_operator_takes_any_shape(loss: Literal["l1", "squared"], features: int) -> None:
    """Vectors of samples that are not full, and fewer than stand side by side."""
    for samples in (1, 7, 8, 9, 16, 25, 35, 4_096, 4_103):
        check(*fit(TorchOperator(), 5, loss, samples, features=features))


def test_many_features_need_no_operator() -> None:
    class Wide(TorchOperator):
        most_features = 2

    wide = Wide()
    check(*fit(wide, 20, "l1"))
    assert wide.describe()["algorithm"] == TorchManual.algorithm


@pytest.mark.skipif(len(machine.usable_cores()) < 2, reason="needs two cores")
@pytest.mark.parametrize(
    ("loss", "samples", "threads"), [("squared", 3_001, 1), ("l1", 100_001, 2)]
)
def test_by_numba_in_blocks(loss: Literal["l1", "squared"], samples: int, threads: int) -> None:
    """`test_conformance` has single blocks, and one feature."""
    pytest.importorskip("numba")
    check(*fit(NumbaLoop(), 7, loss, samples, threads))


@pytest.mark.skipif(len(machine.usable_cores()) < 2, reason="needs two cores")
@pytest.mark.parametrize(("n", "p"), [(70_001, 5), (701, 4)])
def test_normal_equations_by_numba(n: int, p: int) -> None:
    """Two threads and one, runs that are not full, odd and even numbers of features."""
    pytest.importorskip("numba")
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, p))
    y = X.sum(axis=1) + 6 + rng.standard_normal(n)
    backend = NumbaCholesky()
    backend.start("cpu", 2)
    backend.load(Data(X, y, X[:0], y[:0]), LeastSquares())
    found = backend.fit()
    expected = np.linalg.lstsq(np.column_stack([X, np.ones_like(y)]), y)[0]
    np.testing.assert_allclose([*found.weight, found.bias], expected, rtol=1e-11)
    X[:, 3] = X[:, 0] - X[:, 1]
    backend.renew(Data(X, y, X[:0], y[:0]), LeastSquares())
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        backend.fit()


@pytest.mark.parametrize("backend", [TorchScan, TorchCompile, TorchOperator])
def test_without_a_compiler(backend: type[Backend], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(Unavailable, match=r"needs a C\+\+ compiler and finds no no-such-compiler"):
        backend().start("cpu", 1)


def test_without_pythons_headers() -> None:
    with pytest.raises(Unavailable, match=r"finds no /nowhere/Python\.h"):
        need_compiler("/nowhere")
