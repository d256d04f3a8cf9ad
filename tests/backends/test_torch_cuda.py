"""What torch's backends do on CUDA, by contract: tensors stay on the CPU, and CUDA is played."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pytest

from backends.base import Data, GradientDescent, LeastSquares
from backends.description import Description
from backends.torch.least_squares import TorchGelsy
from backends.torch.loops import TorchManual
from benchmarks.engine.plan import Entry
from benchmarks.engine.process import Process
from benchmarks.gate import trajectory as reference
from benchmarks.problems.workloads import WORKLOADS

torch = pytest.importorskip("torch")
dispatch = pytest.importorskip("torch.utils._python_dispatch")


class Graph:
    """A CUDA graph: operations are recorded, and done only when it is replayed."""

    made: list[Graph]

    def __init__(self) -> None:
        self.operations: list[tuple[Any, ...]] = []
        self.replays = 0
        self.made.append(self)

    def replay(self) -> None:
        self.replays += 1
        for function, arguments, named, results in self.operations:
            for old, new in zip(
                _tensors(results), _tensors(function(*arguments, **named)), strict=True
            ):
                if old.data_ptr() != new.data_ptr():
                    old.copy_(new)


def _tensors(found: Any) -> list[Any]:
    return list(found) if isinstance(found, (tuple, list)) else [found]


class Recorder(dispatch.TorchDispatchMode):  # type: ignore[misc, name-defined]
    """Notes operations, and leaves nothing but NaN in the memory that they made."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph, self.own = graph, {}  # memory that the graph made, by its address

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: Any = (), named: Any = None
    ) -> Any:
        if function is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")
        given = [one for one in arguments if isinstance(one, torch.Tensor)]
        known = {one.untyped_storage().data_ptr() for one in given}
        results = function(*arguments, **(named or {}))
        for one in _tensors(results):
            if one.untyped_storage().data_ptr() not in known:
                self.own[one.untyped_storage().data_ptr()] = one
        self.graph.operations.append((function, arguments, named or {}, results))
        return results


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[Graph]:
    """CUDA streams that do nothing, and graphs that are recorded; all that were made."""
    Graph.made = []

    @contextlib.contextmanager
    def record(graph: Graph) -> Iterator[None]:
        with Recorder(graph) as recorder:
            yield
        for memory in recorder.own.values():
            memory.fill_(float("nan"))

    stream = SimpleNamespace(wait_stream=lambda other: None)
    played = {
        "Stream": lambda device: stream,
        "current_stream": lambda device: stream,
        "stream": lambda stream: contextlib.nullcontext(),
        "CUDAGraph": Graph,
        "graph": record,
    }
    for name, what in played.items():
        monkeypatch.setattr(torch.cuda, name, what)  # torch's own: there is no GPU here
    return Graph.made


def descent(seed: int, loss: Literal["l1", "squared"]) -> tuple[Data, GradientDescent]:
    rng = np.random.default_rng(seed)
    X, X_test = rng.standard_normal((40, 3)), rng.standard_normal((9, 3))
    data = Data(X, X @ [1, 2, 3] + 4, X_test, X_test @ [1, 2, 3] + 4)
    return data, GradientDescent(loss, 0.05, 30, (0.1, 0.2, 0.3), -0.4)


@pytest.mark.parametrize("loss", ["l1", "squared"])
def test_the_whole_loop_is_one_graph_that_is_recorded_once(
    graphs: list[Graph], loss: Literal["l1", "squared"]
) -> None:
    backend = TorchManual()
    backend.start("cpu", 1)
    for number, seed in enumerate((0, 1)):
        data, method = descent(seed, loss)
        backend.device = torch.device("cpu")
        backend.load(data, method)
        backend.device = torch.device("cuda")
        expected = reference.descent(data, method)
        for fits in (1, 2, 3):
            found = backend.fit()
            b = np.append(found.weight, found.bias)
            np.testing.assert_allclose(b, expected.iterates[-1], rtol=1e-12)
            np.testing.assert_allclose(found.train_losses, expected.train_losses, rtol=1e-12)
            np.testing.assert_allclose(found.test_losses, expected.test_losses, rtol=1e-12)
            assert [graph.replays for graph in graphs] == [3] * number + [fits]


def test_the_played_graph_does_nothing_before_it_is_replayed(graphs: list[Graph]) -> None:
    """Or the test above would say nothing."""
    one, graph = torch.ones(3), Graph()
    with torch.cuda.graph(graph):
        two = one + 1
    assert two.isnan().all()
    one.fill_(2)
    graph.replay()
    assert two.tolist() == [3, 3, 3]
    with pytest.raises(RuntimeError, match="capturing"), torch.cuda.graph(graph):
        float(one.sum())


def on_cuda(X: np.ndarray, y: np.ndarray) -> TorchGelsy:
    backend = TorchGelsy()
    backend.start("cpu", 1)
    backend.load(Data(X, y, X[:0], y[:0]), LeastSquares())
    backend.device = torch.device("cuda")
    return backend


class PlayedLstsq(torch.overrides.TorchFunctionMode):  # type: ignore[misc, name-defined]
    """Notes the drivers that are asked for, and does not tell the rank, as gels on CUDA."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def __torch_function__(
        self, function: Any, types: Any, arguments: Any = (), named: Any = None
    ) -> Any:
        found = function(*arguments, **(named or {}))
        if function is not torch.linalg.lstsq:
            return found
        self.asked.append(named["driver"])
        return SimpleNamespace(solution=found.solution, rank=torch.empty(0))


def test_lstsq_asks_cuda_for_the_only_driver_it_has() -> None:
    X = np.random.default_rng(0).standard_normal((50, 3))
    with PlayedLstsq() as played:
        fit = on_cuda(X, X @ [1.0, 2.0, 3.0] + 0.5).fit()
    assert played.asked == ["gels"]
    np.testing.assert_allclose([*fit.weight, fit.bias], [1, 2, 3, 0.5], rtol=1e-12)


def test_gels_is_not_asked_for_what_it_cannot_do() -> None:
    X = np.random.default_rng(0).standard_normal((3, 5))
    with pytest.raises(np.linalg.LinAlgError, match="needs full rank"):
        on_cuda(X, X[:, 0]).fit()


@pytest.mark.parametrize(("device", "known"), [("cpu", False), ("cuda:0", True)])
def test_dependent_features_are_a_known_failure_of_gels_on_cuda_alone(
    device: str, known: bool
) -> None:
    gelsy = Description.of(TorchGelsy, "here")
    for workload in ("odd-twice", "odd-wide", "odd-sum-float64"):
        entry = Entry(WORKLOADS[workload], gelsy, Process("torch-gelsy", device, 1))
        assert bool(entry.known_failure) == known
