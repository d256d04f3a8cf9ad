"""What the JAX backends share: devices, the transfer, what JAX reports."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from backends.base import Backend, Data, Method, Probes, Unavailable, blas
from backends.jax import jax, jnp


class JaxBackend(Backend):
    """Arrays on one device, full precision everywhere unless TF32 is asked for.

    JAX has no call for the number of CPU threads. XLA makes its pool when the device is first used,
    with as many threads as the environment variable PJRT_NPROC says; LAPACK is SciPy's.
    """

    framework = "jax"
    devices = ("cpu", "cuda")

    result: Any  # some array that `fit` computed: tells the device

    def start(self, device: str, threads: int) -> None:
        # Without this, float64 data silently become float32. Those that are float32 remain so.
        jax.config.update("jax_enable_x64", True)
        precision = "tensorfloat32" if self.tf32 else "highest"
        jax.config.update("jax_default_matmul_precision", precision)
        if self.style == "tuned":
            # A fit waits for its result anyway: another thread to compute it only costs time.
            jax.config.update("jax_cpu_enable_async_dispatch", False)
        platform = device.partition(":")[0]
        jax.config.update("jax_platforms", "cpu" if platform == "cpu" else "cuda,cpu")
        try:
            self.device = jax.devices(platform)[0]
        except RuntimeError as error:
            plugins = [f"jax_cuda{major}_plugin" for major in (12, 13)]
            plain = not any(importlib.util.find_spec(plugin) for plugin in plugins)
            built = "is installed without CUDA: pip install 'jax[cuda13]'"
            reason = built if plain else f"finds no usable GPU: {' '.join(str(error).split())}"
            raise Unavailable(f"JAX {jax.__version__} {reason}") from error
        jax.device_put(0.0, self.device).block_until_ready()

    def move(self, array: np.ndarray) -> Any:
        return jax.block_until_ready(jax.device_put(array, self.device))

    def load(self, data: Data, method: Method) -> None:
        self.renew(data, method)

    def renew(self, data: Data, method: Method) -> None:
        self.method = method
        arrays = jax.device_put(data.arrays, self.device)
        self.X, self.y, self.X_test, self.y_test = jax.block_until_ready(arrays)

    def describe(self) -> dict[str, Any]:
        [device] = self.result.devices()
        on_cpu = device.platform == "cpu"
        return super().describe() | {
            "device": "cpu" if on_cpu else f"cuda:{device.id}",
            "tf32": jax.config.jax_default_matmul_precision != "highest",
            **(blas("scipy") if on_cpu else {"allocator": _allocator()}),
            # On a GPU, XLA may have further pools of that name.
            "threads": _pool_threads() if on_cpu else None,
        }

    def probes(self, side: int, n_bytes: int, dtype: str) -> Probes:
        one, A = jax.device_put((np.ones(1, dtype), np.ones((side, side), dtype)), self.device)
        probes = Probes(
            lambda: (one + one).block_until_ready(),
            product=lambda: jnp.matmul(A, A).block_until_ready(),
        )
        if self.device.platform == "cpu":
            return probes
        buffer = jnp.ones(n_bytes // A.itemsize, dtype, device=self.device)
        return replace(probes, read=lambda: buffer.sum().block_until_ready())


def _pool_threads() -> int | None:
    """Threads of XLA's pool for operations on the CPU, as Linux lists them by name."""
    names = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    return names.count("tf_XLAEigen") or None


def _allocator() -> str:
    """The allocator of GPU memory: XLA reads it from the environment and says no more."""
    whole = os.environ.get("XLA_PYTHON_CLIENT_PREALLOCATE", "true").lower() in ("true", "1")
    kind = os.environ.get("XLA_PYTHON_CLIENT_ALLOCATOR", "BFC")
    return kind if whole else f"{kind}, growing as needed"
