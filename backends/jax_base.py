"""What the JAX backends share: devices, the transfer, what JAX says of itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from backends.base import Backend, Data, Method, Probes, Unavailable
from backends.numpy_backends import blas

if TYPE_CHECKING:
    import jax


class JaxBackend(Backend):
    """Arrays on one device, full precision everywhere unless TF32 is asked for.

    JAX has no call for the number of CPU threads. XLA makes its pool when the device is first used,
    with as many threads as the environment variable PJRT_NPROC says; LAPACK is SciPy's.
    """

    framework = "jax"
    requires = ("jax",)
    devices = ("cpu", "cuda")

    result: jax.Array  # some array that `fit` computed: says where and in which dtype

    def start(self, device: str, threads: int) -> None:
        import jax

        # Without this, float64 data silently become float32. Those that are float32 remain so.
        jax.config.update("jax_enable_x64", True)
        precision = "tensorfloat32" if self.tf32 else "highest"
        jax.config.update("jax_default_matmul_precision", precision)
        jax.config.update("jax_platforms", "cpu" if device == "cpu" else "cuda,cpu")
        try:
            self.device = jax.devices("cpu" if device == "cpu" else "cuda")[0]
        except RuntimeError as error:
            raise Unavailable(
                f"JAX {jax.__version__} finds no usable GPU: pip install 'jax[cuda12]'"
            ) from error
        jax.device_put(0.0, self.device).block_until_ready()

    def load(self, data: Data, method: Method) -> None:
        import jax

        self.method = method
        host = data.X, data.y, data.X_test, data.y_test
        arrays = jax.device_put(host, self.device)
        self.X, self.y, self.X_test, self.y_test = jax.block_until_ready(arrays)

    def describe(self) -> dict[str, Any]:
        import jax

        [device] = self.result.devices()
        on_cpu = device.platform == "cpu"
        return {
            "version": jax.__version__,
            "device": "cpu" if on_cpu else f"cuda:{device.id}",
            "dtype": str(self.result.dtype),
            "algorithm": self.algorithm,
            "tf32": jax.config.jax_default_matmul_precision != "highest",
            **(blas("scipy") if on_cpu else {}),
            "threads": _pool_threads(),
        }

    def probes(self, side: int, n_bytes: int, dtype: str) -> Probes:
        import jax
        import jax.numpy as jnp

        one, A = jax.device_put((np.ones(1, dtype), np.ones((side, side), dtype)), self.device)
        return Probes(
            lambda: (one + one).block_until_ready(),
            product=lambda: jnp.matmul(A, A).block_until_ready(),
        )


def _pool_threads() -> int | None:
    """Threads of XLA's pool for operations on the CPU, as Linux lists them by name."""
    names = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    return names.count("tf_XLAEigen") or None
