"""What the torch backends share: devices, the transfer, what torch reports."""

from __future__ import annotations

import os
import re
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from backends.base import Backend, Data, Device, GradientDescent, Method, Probes, Unavailable
from backends.torch import torch


def need_compiler(include: str = sysconfig.get_path("include")) -> str:
    """The C++ compiler that torch uses here; without one, torch would say so in a page of text.

    Args:
        include: the folder of Python's headers.

    Raises:
        Unavailable: there is no C++ compiler, or Python came without its headers.
    """
    compiler = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
    if shutil.which(compiler) is None:
        raise Unavailable(f"torch.compile needs a C++ compiler and finds no {compiler}: install it")
    header = Path(include) / "Python.h"
    if not header.exists():
        raise Unavailable(f"torch.compile needs Python's headers and finds no {header}")
    return compiler


class TorchBackend(Backend):
    """Tensors on one device, full precision everywhere unless TF32 is asked for."""

    framework = "torch"
    devices: ClassVar[tuple[Device, ...]] = ("cpu", "cuda")

    result: torch.Tensor  # some tensor that `fit` computed: tells the device

    def start(self, device: str, threads: int) -> None:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision("high" if self.tf32 else "highest")
        torch.backends.cudnn.allow_tf32 = self.tf32
        if device != "cpu" and not torch.cuda.is_available():
            built = f"has CUDA {torch.version.cuda} but finds no usable GPU, or too old a driver"
            plain = "is built without CUDA: install the CUDA build of torch"
            reason = built if torch.version.cuda else plain
            raise Unavailable(f"torch {torch.__version__} {reason}")
        self.device = torch.device(device)
        torch.zeros(1, device=self.device)
        self.synchronize()

    def synchronize(self) -> None:
        """Wait until the device has finished."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def move(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device)

    def load(self, data: Data, method: Method) -> None:
        self.renew(data, method)

    def renew(self, data: Data, method: Method) -> None:
        self.method = method
        self.X, self.y, self.X_test, self.y_test = map(self.move, data.arrays)
        self.synchronize()

    def describe(self) -> dict[str, Any]:
        # On the CPU, too: less than "highest" lets oneDNN round to bfloat16 there.
        products = torch.get_float32_matmul_precision()
        return super().describe() | {
            "device": str(self.result.device),
            "threads": torch.get_num_threads(),
            "tf32": products != "highest" or torch.backends.cuda.matmul.allow_tf32,
            "float32 products": products,
            **(_cuda_libraries() if self.device.type == "cuda" else {"blas": _blas()}),
        }

    def device_seconds(self) -> float | None:
        if self.device.type == "cpu":
            return None
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        self.fit_between(first, last)
        return 1e-3 * float(first.elapsed_time(last))

    def probes(self, side: int, n_bytes: int, dtype: str) -> Probes:
        kind = getattr(torch, dtype)
        one = torch.ones(1, dtype=kind, device=self.device)
        A = torch.ones(side, side, dtype=kind, device=self.device)
        result = torch.empty_like(A)
        if self.device.type == "cpu":
            return Probes(lambda: one + one, product=lambda: torch.mm(A, A, out=result))
        buffer = torch.ones(n_bytes // kind.itemsize, dtype=kind, device=self.device)

        def product() -> None:
            torch.mm(A, A, out=result)
            self.synchronize()

        return Probes(lambda: (one + one).item(), product=product, read=lambda: buffer.sum().item())


class TorchDescent(TorchBackend):
    """Gradient descent from parameters that are on the device."""

    methods = ("gradient descent",)

    method: GradientDescent

    def renew(self, data: Data, method: Method) -> None:
        super().renew(data, method)
        start = [*self.method.start_weight, self.method.start_bias]
        self.start_parameters = torch.tensor(start, dtype=self.X.dtype, device=self.device)


def _cuda_libraries() -> dict[str, str]:
    return {
        "blas": "cuBLAS, cuSOLVER",
        "cuda": str(torch.version.cuda),
        "allocator": torch.cuda.get_allocator_backend(),
        "linear algebra": str(torch.backends.cuda.preferred_linalg_library()).rpartition(".")[2],
    }


def _blas() -> str:
    """The BLAS that a CPU build of torch was configured with."""
    found = re.search(r"BLAS_INFO=(\w+)", torch.__config__.show())
    return found[1] if found else "unknown"
