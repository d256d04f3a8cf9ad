"""A child process that must not outlive its parent, whatever it is doing by then."""

import ctypes
import signal
import sys


def end_with_parent() -> None:
    """Let Linux kill this process when its parent dies, even in the middle of a fit."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
