"""Keeps a worker from everything but its own: files, processes, the suite and the run (Linux).

And lets it end with its parent.

Landlock lets a process give up rights, for itself and for all that it starts, without privileges
(https://docs.kernel.org/userspace-api/landlock.html). A worker goes on to read and execute what it
likes. It writes beneath a few folders only, and, from Linux 6.12 on, sends signals only to
processes that it has started. What was open before stays open: its log, and the pipes.

This has to be done before NumPy is imported, which starts threads: a thread that is there already
would keep its rights. So nothing is imported here that takes time.
"""

import ctypes
import os
import struct
import sys

#: Numbers of the system calls, the same for all processors that NumPy has wheels for.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _PATH_BENEATH, _NO_NEW_PRIVILEGES = 1, 1, 38
#: Writing, removing and making of all kinds of files; what later kernels can deny besides.
_WRITE = 1 << 1 | sum(1 << bit for bit in range(4, 13))
_LINK, _TRUNCATE = 1 << 13, 1 << 14  # from versions 2 and 3 on
_SIGNAL = 1 << 1  # a scope, from version 6 on

#: Caches that outlive a run. Compiled code has to stay where it is, or it would be compiled again.
_CACHES = ("~/.cache", "~/.triton", "~/.keras")
_GPU_CACHES = ("~/.nv", "~/.cupy")
#: Where users keep such caches otherwise.
_VARIABLES = (
    *("XDG_CACHE_HOME", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "CUDA_CACHE_PATH"),
    *("CUPY_CACHE_DIR", "JAX_COMPILATION_CACHE_DIR", "NUMBA_CACHE_DIR", "KERAS_HOME"),
)


def enter(own: str = "", proc: str = "/proc/self") -> bool:
    """Give up writing elsewhere than in the folder `own`, in caches and to devices, for good.

    And in `proc`: what is forked can keep no more than its own part of what its parent has kept.

    Returns whether that is in force; where the kernel cannot do it, nothing changes.
    """
    if sys.platform != "linux":
        return False
    gpu = os.environ.get("CUDA_VISIBLE_DEVICES") != "-1"
    if gpu and not os.path.exists("/dev/nvidia-uvm"):
        # CUDA itself would do this, by a program that needs the privileges of its owner.
        os.spawnlp(os.P_WAIT, "nvidia-modprobe", "nvidia-modprobe", "-c0", "-u")
    mps = os.environ.get("CUDA_MPS_PIPE_DIRECTORY", "/tmp/nvidia-mps")  # NVIDIA's server is there
    try:
        _restrict([own, "/dev", proc, mps, *_caches(gpu)])
    except OSError:
        return False
    return True


def end_with_parent() -> None:
    """Let Linux kill this process when its parent dies, even in the middle of a fit."""
    if sys.platform == "linux":
        from signal import SIGKILL

        _LIBC.prctl(1, SIGKILL)  # PR_SET_PDEATHSIG


def _caches(gpu: bool) -> list[str]:
    """The folders of caches."""
    told = [os.environ[name] for name in _VARIABLES if os.environ.get(name)]
    theirs = [os.path.expanduser(path) for path in (_GPU_CACHES if gpu else ())]
    for path in told + theirs:  # they could not be made later
        try:
            os.makedirs(path, exist_ok=True)
        except OSError:  # whoever needs it will say so
            continue
    return [*told, *theirs, *map(os.path.expanduser, _CACHES)]


def _restrict(writable: list[str]) -> None:
    version = _call(_CREATE_RULESET, None, 0, _VERSION)
    files = _WRITE | (_LINK if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    # struct landlock_ruleset_attr: older kernels take a longer one if the rest is 0.
    wanted = struct.pack("=QQQ", files, 0, _SIGNAL if version >= 6 else 0)
    rules = _call(_CREATE_RULESET, wanted, len(wanted), 0)
    for path in writable:
        try:
            folder = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            continue  # it is not there
        # struct landlock_path_beneath_attr
        _call(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("=Qi", files, folder), 0)
        os.close(folder)
    # Without it, a program with the privileges of its owner could undo the rest.
    if _LIBC.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    _call(_RESTRICT_SELF, rules, 0)
    os.close(rules)


_LIBC = ctypes.CDLL(None, use_errno=True)


def _call(number: int, *arguments: object) -> int:
    """A system call.

    Raises:
        OSError: it failed; among others, the kernel does not know it.
    """
    numbers = (ctypes.c_long(a) if isinstance(a, int) else a for a in arguments)
    result: int = _LIBC.syscall(ctypes.c_long(number), *numbers)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"system call {number}")
    return result
