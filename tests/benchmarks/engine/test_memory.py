"""How much memory is left where something limits it, and what a process has of its own."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import psutil
import pytest

from benchmarks.engine import memory

LIMIT, USED, KEPT = 1 << 20, 3 << 18, 1 << 16
LEFT = LIMIT - USED + 2 * KEPT


def limited(root: Path, groups: str, folder: str, *, old: bool) -> int:
    """What is available to a process in a control group with these limits."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    group = root / "fs/cgroup" / folder
    group.mkdir(parents=True)
    names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_") if old else NEW
    (group / names[0]).write_text(f"{LIMIT}\n")
    (group / names[1]).write_text(f"{USED}\n")
    kept = f"{names[2]}active_file {KEPT}\n{names[2]}inactive_file {KEPT}\n"
    (group / "memory.stat").write_text(f"anon 5\n{kept}active_file 7 \n")
    return memory.available(root, root / "proc")


NEW = ("memory.max", "memory.current", "")


@pytest.mark.parametrize("folder", ["a/b", "a", ""])
def test_a_control_group_and_those_above_it_limit_what_is_available(
    tmp_path: Path, folder: str
) -> None:
    assert limited(tmp_path, "0::/a/b\n", folder, old=False) == LEFT


def test_the_older_interface_has_other_names(tmp_path: Path) -> None:
    groups = "3:cpu:/\n2:memory:/a\n0::/\n"
    assert limited(tmp_path, groups, "memory/a", old=True) == LEFT


def test_without_a_limit_the_machine_decides(tmp_path: Path) -> None:
    (tmp_path / "fs/cgroup/a").mkdir(parents=True)
    (tmp_path / "fs/cgroup/a/memory.max").write_text("max\n")
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/a\n")
    for processes in (tmp_path / "proc", tmp_path / "nowhere"):
        found = memory.available(tmp_path, processes)
        assert found == pytest.approx(psutil.virtual_memory().available, rel=0.2)


def test_mapped_files_are_not_a_process_own_memory(tmp_path: Path) -> None:
    size = 64 << 20
    np.save(tmp_path / "zeros.npy", np.zeros(size, np.uint8))
    before = memory.own(os.getpid())
    mapped = np.load(tmp_path / "zeros.npy", mmap_mode="c")
    assert mapped.max() == 0
    assert memory.own(os.getpid()) - before < size / 2
    mapped[:] = 1  # private copies of its pages
    assert memory.own(os.getpid()) - before > size / 2
