"""The tuned loops, for any number of epochs and either loss."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from backends.base import Backend, Data, Fit, GradientDescent, Unavailable
from backends.torch.base import need_compiler
from backends.torch.descent import TorchCompile
from backends.torch.loops import TorchManual, TorchScan
from benchmarks.gate import solution as reference

pytest.importorskip("torch")


def fit(
    backend: Backend, epochs: int, loss: Literal["l1", "squared"]
) -> tuple[Fit, reference.Trajectory]:
    """What a backend makes of float64 data with three features, and what it should."""
    rng = np.random.default_rng(0)
    X, X_test = rng.standard_normal((40, 3)), rng.standard_normal((9, 3))
    data = Data(X, X @ [1, 2, 3] + 4, X_test, X_test @ [1, 2, 3] + 4)
    method = GradientDescent(loss, 0.05, epochs, (0.1, 0.2, 0.3), -0.4)
    backend.start("cpu", 1)
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


def test_losses_in_more_than_one_part() -> None:
    class InParts(TorchManual):
        loss_bytes = 40 * 8 * 7

    check(*fit(InParts(), 20, "l1"))


@pytest.mark.parametrize("epochs", [0, 13])
def test_compiled_whatever_the_number_of_epochs(epochs: int) -> None:
    """A prime number of them leaves nothing to unroll; `test_conformance` has others."""
    check(*fit(TorchScan(), epochs, "squared"))


@pytest.mark.parametrize("backend", [TorchScan, TorchCompile])
def test_without_a_compiler(backend: type[Backend], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(Unavailable, match=r"needs a C\+\+ compiler and finds no no-such-compiler"):
        backend().start("cpu", 1)


def test_without_pythons_headers() -> None:
    with pytest.raises(Unavailable, match=r"finds no /nowhere/Python\.h"):
        need_compiler("/nowhere")
