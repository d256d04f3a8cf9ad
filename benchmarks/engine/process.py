"""A worker process: what it is, and the environment that it starts in."""

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.engine import gpu
from benchmarks.runfile.header import Variant, backend_name

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Launch:
    """How a worker is launched: as it is, or as a variant."""

    variant: Variant | None = None  # None: as it is
    tree: Path = ROOT  # the checkout whose `backends` package it runs
    python: Path = Path(sys.executable)
    extra_work: float = 0.0  # 0.05: after each fit, 5 % of its time

    @property
    def is_own(self) -> bool:
        """Whether it runs this checkout under this interpreter."""
        return self.tree == ROOT and self.python == Path(sys.executable)


@dataclass(frozen=True)
class Forking:
    """What the process has imported that forks a worker."""

    framework: str
    hidden: tuple[str, ...] = ()  # packages that it does not find


@dataclass(frozen=True)
class Process:
    """One backend on one device, with that many threads."""

    backend: str
    device: str  # as entries name it: "cpu", "cuda:1"
    threads: int  # of all workers together
    launch: Launch = Launch()
    replicate: int = 0
    workload: str = ""  # the only one that it serves; empty: one after another
    tf32: bool = False  # whether products may be rounded to TF32; on CUDA only
    plugin: str = ""  # where its backend comes from (`Description.plugin`), and nothing else
    workers: int = 1  # processes that share each fit: this one has started the others
    forking: Forking | None = None  # None: it is started anew

    @property
    def name(self) -> str:
        """The backend as tables name it; see `backend_name`."""
        return backend_name(self.backend, self.launch.variant, self.workers)

    @property
    def worker_device(self) -> str:
        """The device as its worker names it, which sees its own GPU alone, as its first."""
        return "cpu" if self.device == "cpu" else "cuda:0"


#: By these a process ends through what it did itself; all others come from outside.
_CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT}


def was_killed(status: int) -> bool:
    """Whether a child ended by a signal from outside, which the suite did not send."""
    return status < 0 and -status not in _CRASHES


def how_it_ended(status: int) -> str:
    """The exit status of a child that the suite did not end, in words."""
    if status >= 0:
        return f"exited with status {status} in the middle of its work"
    try:
        name = signal.Signals(-status).name
    except ValueError:  # most real-time signals have no name
        name = f"signal {-status}"
    if not was_killed(status):
        return f"crashed: {name}"
    hint = " (out of memory?)" if -status == signal.SIGKILL else ""
    return f"killed by someone: {name}, which the suite did not send{hint}"


#: By default glibc decides from the layout of the heap whether the memory of a freed array goes
#: back to the system: the same fit takes up to twice as long in one process as in the next, for
#: good. We pin its adaptive threshold at its 32 MiB maximum: the memory of smaller arrays is
#: kept, larger ones are mapped anew each time.
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
}


def interpreter_environment() -> dict[str, str]:
    """What another interpreter inherits: all but this one's own paths."""
    own = ("PYTHONPATH", "PYTHONHOME", "__PYVENV_LAUNCHER__")
    return {key: value for key, value in os.environ.items() if key not in own}


def environment(process: Process) -> dict[str, str]:
    """What fixes a worker's threads and device before anything is imported."""
    threads, tf32 = str(process.threads // process.workers), "1" if process.tf32 else "0"
    other = process.launch.python != Path(sys.executable)
    return (interpreter_environment() if other else dict(os.environ)) | {
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "VECLIB_MAXIMUM_THREADS": threads,
        "TF_NUM_INTRAOP_THREADS": threads,
        "TF_NUM_INTEROP_THREADS": "1",
        "NUMBA_NUM_THREADS": threads,
        "PJRT_NPROC": threads,  # the thread pool of JAX
        "TF_CPP_MIN_LOG_LEVEL": "1",
        # A worker must leave memory of its GPU to the others.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        # float32 stays float32: libraries can be told otherwise from outside, and torch is in
        # NVIDIA's containers.
        "NVIDIA_TF32_OVERRIDE": tf32,
        "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": tf32,
        "CUPY_TF32": tf32,
        "ONEDNN_DEFAULT_FPMATH_MODE": "STRICT",
        # cuBLAS can be told to emulate its products by narrower ones.
        "CUBLAS_EMULATE_SINGLE_PRECISION": "0",
        "CUBLAS_EMULATE_DOUBLE_PRECISION": "0",
        # A pool of compiler processes would escape the pinning and the clean-up.
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
        # Only the first process of a backend says how long compiling takes, or each if it is cold.
        "LINREG_BENCH_REPLICATE": str(process.replicate),
        "LINREG_BENCH_COLD": process.workload,
        # A debugging aid that makes kernels wait for each other.
        "CUDA_LAUNCH_BLOCKING": "0",
        # A worker sees its own GPU alone, as its first; a CPU worker sees none.
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": "-1" if process.device == "cpu" else gpu.token(process.device),
    }
