"""What the TensorFlow backends share: devices, the transfer, what TensorFlow reports."""

from __future__ import annotations

import os
import shutil
from typing import Any, ClassVar

import numpy as np

from backends.base import Backend, Data, Device, Method, Probes, Unavailable
from backends.tensorflow import tf

#: The package for CPUs is a third as large; the other brings its CUDA libraries as an extra.
_CPU, _CUDA = ("tensorflow-cpu", "tensorflow"), ("tensorflow[and-cuda]", "tensorflow-cpu")


class TensorFlowBackend(Backend):
    """Tensors on one device, full precision everywhere unless TF32 is asked for."""

    framework = "tensorflow"
    requires = _CUDA if shutil.which("nvidia-smi") else _CPU
    devices: ClassVar[tuple[Device, ...]] = ("cpu", "cuda")
    #: By Keras for its wrappers, adapters and pictures, and by TFLite: half of the import.
    hidden = ("jax", "matplotlib", "pandas", "sklearn")

    result: Any  # some tensor that `fit` computed: tells the device

    def start(self, device: str, threads: int) -> None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        tf.config.experimental.enable_tensor_float_32_execution(self.tf32)
        gpus = tf.config.list_physical_devices("GPU")
        if device != "cpu" and not gpus:
            built = "finds no usable GPU" if tf.test.is_built_with_cuda() else "has no CUDA"
            raise Unavailable(
                f"TensorFlow {tf.__version__} {built}: pip install 'tensorflow[and-cuda]'"
            )
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
        self.device = "/CPU:0" if device == "cpu" else "/GPU:0"
        with tf.device(self.device):
            tf.zeros(1).numpy()

    def move(self, array: np.ndarray) -> Any:
        with tf.device(self.device):
            return tf.constant(array)

    def load(self, data: Data, method: Method) -> None:
        self.renew(data, method)

    def renew(self, data: Data, method: Method) -> None:
        self.method = method
        self.X, self.y = self.move(data.X), self.move(data.y[:, None])
        self.X_test, self.y_test = self.move(data.X_test), self.move(data.y_test[:, None])
        if self.device != "/CPU:0":
            tf.test.experimental.sync_devices()

    def describe(self) -> dict[str, Any]:
        where = tf.DeviceSpec.from_string(self.result.device)
        on_cpu = where.device_type == "CPU"
        return super().describe() | {
            "device": "cpu" if on_cpu else f"cuda:{where.device_index}",
            "threads": tf.config.threading.get_intra_op_parallelism_threads(),
            "tf32": tf.config.experimental.tensor_float_32_execution_enabled(),
            **({} if on_cpu else {"allocator": _allocator()}),
        }

    def probes(self, side: int, n_bytes: int, dtype: str) -> Probes:
        with tf.device(self.device):
            one, A = tf.ones(1, dtype), tf.ones((side, side), dtype)
        # The device has finished when a number of the result is on the host.
        return Probes(
            lambda: (one + one).numpy(), product=lambda: tf.linalg.matmul(A, A)[0, 0].numpy()
        )


def _allocator() -> str:
    """The allocator of GPU memory: TensorFlow reads it from the environment and says no more."""
    grows = os.environ.get("TF_FORCE_GPU_ALLOW_GROWTH") == "true"
    return os.environ.get("TF_GPU_ALLOCATOR", "BFC") + (", growing as needed" if grows else "")
