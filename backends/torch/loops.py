"""Gradient descent in torch without autograd: the loop by hand, and compiled as a whole.

Both work on the design matrix with features as rows, D = [X 1]' (n_features + 1, n_samples), and
coefficients b = (weight, bias). A step is b - lr/n D s, where s is the derivative of the loss at
each residual D'b - y. The losses are computed afterwards, many epochs in one product.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from backends.base import Data, Fit, Method, Unavailable
from backends.torch import torch
from backends.torch.base import TorchDescent, need_compiler
from backends.torch.blocks import threads_for


class _TorchLoop(TorchDescent):
    """What both have in common: all but how one epoch's coefficients lead to the next."""

    style = "tuned"
    #: Residuals of this many bytes per thread are computed at once for the losses: they should
    #: stay in the cache.
    loss_bytes = 1 << 20

    def load(self, data: Data, method: Method) -> None:
        super().load(data, method)
        self.epochs, self.l1 = self.method.epochs, self.method.loss == "l1"
        #: The step is this times D s, with s = sign(r) or r.
        self.rate = self.method.learning_rate / max(len(data.y), 1) * (1 if self.l1 else 2)

    @abstractmethod
    def path(self, D: torch.Tensor) -> torch.Tensor:
        """Coefficients at the start and after each epoch: (epochs + 1, n_features + 1)."""

    def train(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """All epochs, on the device: path, train losses before each step, test losses after it."""
        D, D_test = (torch.cat([X.T, X.new_ones(1, len(X))]) for X in (self.X, self.X_test))
        path = self.path(D)
        train = self.losses(path[:-1], D, self.y)
        return path, train, self.losses(path[1:], D_test, self.y_test)

    def losses(self, path: torch.Tensor, D: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Mean loss at each of the coefficients in `path`: (epochs,).

        For few samples at a time in all epochs, so that D is read only once.
        """
        norm = torch.abs if self.l1 else torch.square
        samples = max(1, threads_for(D) * self.loss_bytes // (D.itemsize * max(1, len(path))))
        parts = zip(D.split(samples, dim=1), y.split(samples), strict=True)
        sums = [norm(torch.addmm(b, path, A, beta=-1)).sum(dim=1) for A, b in parts]
        if len(sums) == 1:
            return sums[0] / len(y)
        return (torch.stack(sums).sum(dim=0, dtype=torch.float64) / len(y)).to(y.dtype)

    def fit(self) -> Fit:
        with torch.no_grad():
            path, train, test = self.train()
        self.result = path[-1]
        b = self.result.cpu().numpy().copy()
        return Fit.of(b, train.cpu().numpy(), test.cpu().numpy())


class TorchManual(_TorchLoop):
    """Four operations a step, each into memory that is allocated already.

    On a GPU, where each step would wait for Python, the first fit records all steps as a CUDA
    graph, and every fit replays it.
    """

    name = "torch-manual"
    algorithm = "gradient by hand, in place; losses of all epochs at the end; CUDA graph on GPUs"

    graph: torch.cuda.CUDAGraph | None

    def load(self, data: Data, method: Method) -> None:
        self.graph = None
        super().load(data, method)

    def renew(self, data: Data, method: Method) -> None:
        if self.graph is None:
            super().renew(data, method)
            return
        # The graph goes on reading the memory that it was recorded with.
        recorded = self.inputs
        super().renew(data, method)
        for old, new in zip(recorded, self.inputs, strict=True):
            old.copy_(new)
        self.X, self.y, self.X_test, self.y_test, self.start_parameters = recorded
        self.synchronize()

    @property
    def inputs(self) -> tuple[torch.Tensor, ...]:
        """The data and the start."""
        return self.X, self.y, self.X_test, self.y_test, self.start_parameters

    def path(self, D: torch.Tensor) -> torch.Tensor:
        path = D.new_empty(self.epochs + 1, len(D))
        path[0] = self.start_parameters
        r, g, y, transposed = D.new_empty(D.shape[1]), D.new_empty(len(D)), self.y, D.T
        addmv, mv, add, l1, rate = torch.addmv, torch.mv, torch.add, self.l1, -self.rate
        b, *later = path.unbind()
        for following in later:
            addmv(y, transposed, b, beta=-1, out=r)
            if l1:
                r.sign_()
            # One addmv would do, but it may round after each sample, at the size of b.
            mv(D, r, out=g)
            b = add(b, g, alpha=rate, out=following)
        return path

    def train(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        if self.device.type == "cpu":
            return super().train()
        if self.graph is None:
            # Whatever sets itself up in its first call must do so before recording.
            stream = torch.cuda.Stream(self.device)
            stream.wait_stream(torch.cuda.current_stream(self.device))
            with torch.cuda.stream(stream):
                super().train()
            torch.cuda.current_stream(self.device).wait_stream(stream)
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):
                self.recorded = super().train()
        self.graph.replay()
        return self.recorded


class TorchScan(_TorchLoop):
    """The loop as one `scan`, which Inductor compiles into a loop in C++.

    With `cpp_wrapper` that loop calls its kernels from C++ too, and not from Python. Several steps
    in one iteration share its overhead. `scan` is a prototype as of torch 2.13.
    """

    name = "torch-scan"
    devices = ("cpu",)
    optional = True
    algorithm = (
        "torch.compile of the whole loop (scan, C++ wrapper), gradient by hand; "
        "losses of all epochs at the end"
    )

    def start(self, device: str, threads: int) -> None:
        if torch.__version__ < "2.8":  # TorchVersion compares numbers
            raise Unavailable(f"torch.compile takes scan from torch 2.8 on: {torch.__version__}")
        need_compiler()
        super().start(device, threads)

    def load(self, data: Data, method: Method) -> None:
        from torch._higher_order_ops.scan import scan

        super().load(data, method)
        # Local names, because Dynamo does not know a lazy module.
        epochs, rate, l1, stack = self.epochs, self.rate, self.l1, torch.stack
        at_once = max(steps for steps in range(1, 11) if epochs % steps == 0)

        def steps(b: Any, D: Any, y: Any) -> Any:
            def iteration(b: Any, x: Any) -> tuple[Any, Any]:
                rows = []
                for _ in range(at_once):
                    r = (D * b[:, None]).sum(dim=0) - y
                    b = b - rate * (D * (r.sign() if l1 else r)).sum(dim=1)
                    rows.append(b)
                return b.clone(), stack(rows)

            return scan(iteration, b, b.new_zeros(epochs // at_once, 1))[1]

        torch.compiler.reset()  # the graph of the last workload would be tried first
        options: dict[str, Any] = {"cpp_wrapper": True}
        self.steps = torch.compile(steps, fullgraph=True, dynamic=False, options=options)

    def path(self, D: torch.Tensor) -> torch.Tensor:
        start = self.start_parameters
        if not self.epochs:
            return start[None]
        later = self.steps(start, D, self.y).reshape(self.epochs, len(D))
        return torch.cat([start[None], later])
