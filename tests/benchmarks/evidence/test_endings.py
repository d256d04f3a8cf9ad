"""A run may be ended at any moment: some of them, at moments that a seed chooses."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from benchmarks.evidence.endings import endings

SIGNALS = [signal.SIGKILL]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="workers end with their parent on Linux only")
def test_nothing_is_lost_and_nothing_is_left(tmp_path: Path) -> None:
    found = list(endings(tmp_path, SIGNALS, seed=5))
    assert [one.faults for one in found] == [()] * len(SIGNALS)
    by_signal = {one.signal: one.status for one in found}
    assert by_signal["SIGKILL"] in (-signal.SIGKILL, 0)
