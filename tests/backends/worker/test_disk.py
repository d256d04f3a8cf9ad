"""What came from a disk, and how fast."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from backends.worker.disk import bytes_read, disk_rate

SIZE = 64 << 20


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(bytes(SIZE))
    return path


def test_the_system_counts_what_it_fetched(tmp_path: Path) -> None:
    counts = tmp_path / "io"
    counts.write_text("rchar: 9\nread_bytes: 4096\nwrite_bytes: 7\n")
    assert bytes_read(counts) == 4096
    assert bytes_read(tmp_path / "nothing") is None


def test_the_rate_is_that_of_what_came_from_the_disk(file: Path) -> None:
    """Half of the file was in the cache; reading took two seconds."""
    clock, counted = count(0.0, 2.0), count(1000, SIZE // 2)
    assert disk_rate(file, clock.__next__, counted.__next__) == SIZE // 2 / 2


def test_without_counts_or_a_disk_there_is_no_rate(file: Path) -> None:
    assert disk_rate(file, count=lambda: None) is None
    assert disk_rate(file, count=lambda: 5) is None
