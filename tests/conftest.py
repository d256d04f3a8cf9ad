"""What all tests share: `--plugin FILE` puts third-party backends through the conformance suite."""

from __future__ import annotations

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
