"""What a worker is, and the surroundings that fix its threads and its device."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from benchmarks.engine import gpu

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Variant:
    """Another way to run a backend: under another interpreter, from another checkout, or slowed."""

    name: str
    tree: Path = ROOT  # the checkout whose `backends` package the worker runs
    python: Path | None = None  # the interpreter; None: this one
    extra_work: float = 0.0  # 0.05: after each fit, work that takes 5 % of its time


@dataclass(frozen=True)
class Home:
    """What a worker is: one process for one backend on one device, with that many threads."""

    backend: str
    device: str  # as entries name it: "cpu", "cuda:1"
    threads: int
    variant: Variant | None = None
    replicate: int = 0
    workload: str = ""  # the only one that it serves; empty: one after another
    tf32: bool = False  # whether products of float32 may be rounded to TF32; on CUDA only

    @property
    def name(self) -> str:
        """The backend as tables name it: `torch-eager`, or `torch-eager@main` for a variant."""
        return f"{self.backend}@{self.variant.name}" if self.variant else self.backend


#: glibc gives the memory of a freed array back to the system, or keeps it for the next one, by
#: what happens to lie above it: the same fit takes up to twice as long in one process as in the
#: next, for as long as they live. Of what it adapts by itself up to 32 MiB this is the end: smaller
#: arrays stay, larger ones are mapped anew each time, in every process.
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
}


def interpreter_environment() -> dict[str, str]:
    """What another interpreter inherits: not the paths that are meant for this one."""
    own = ("PYTHONPATH", "PYTHONHOME", "__PYVENV_LAUNCHER__")
    return {key: value for key, value in os.environ.items() if key not in own}


def environment(home: Home) -> dict[str, str]:
    """The environment that fixes a worker's threads and devices before anything is imported."""
    kind, _, number = home.device.partition(":")
    threads = str(home.threads)
    inherited = interpreter_environment() if home.variant and home.variant.python else os.environ
    return inherited | {
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "VECLIB_MAXIMUM_THREADS": threads,
        "TF_NUM_INTRAOP_THREADS": threads,
        "TF_NUM_INTEROP_THREADS": "1",
        "PJRT_NPROC": threads,  # the thread pool of JAX
        "TF_CPP_MIN_LOG_LEVEL": "1",
        # All of a GPU's memory would not be left to the other workers on it.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        # float32 is float32: libraries can be told otherwise from outside, and in NVIDIA's
        # containers torch is.
        "NVIDIA_TF32_OVERRIDE": "1" if home.tf32 else "0",
        "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "1" if home.tf32 else "0",
        "CUPY_TF32": "1" if home.tf32 else "0",
        "ONEDNN_DEFAULT_FPMATH_MODE": "STRICT",
        # ... and cuBLAS can be told to put its products together from narrower ones.
        "CUBLAS_EMULATE_SINGLE_PRECISION": "0",
        "CUBLAS_EMULATE_DOUBLE_PRECISION": "0",
        # Compiling in a pool of further processes would escape the pinning and the clean-up.
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
        # A debugging aid that makes kernels wait for each other, in some frameworks.
        "CUDA_LAUNCH_BLOCKING": "0",
        # A worker sees its own GPU alone, as its first; a CPU worker sees none.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": gpu.token(int(number or 0)) if kind == "cuda" else "-1",
    }
