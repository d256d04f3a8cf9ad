"""What all tests share: `--plugin FILE` puts third-party backends through the conformance suite."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--plugin",
        action="append",
        default=[],
        type=Path,
        help="a file with further backends for the conformance suite",
    )


@pytest.fixture(scope="session", autouse=True)
def _compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let runs share what torch compiles, which takes seconds: here nothing depends on it."""
    folder = str(tmp_path_factory.mktemp("torch-compiled"))
    before = os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", folder)
    yield
    if before == folder:
        del os.environ["TORCHINDUCTOR_CACHE_DIR"]
