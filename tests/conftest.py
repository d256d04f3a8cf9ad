"""What all tests share: `--plugin FILE` puts third-party backends through the conformance suite."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends import registry

PLUGINS = Path(__file__).parent / "plugins"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--plugin",
        action="append",
        default=[],
        type=Path,
        help="a file with further backends for the conformance suite",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give `backend_name` one value per backend, `home_device` one per device it can use."""
    if "conforming" in metafunc.fixturenames:
        from benchmarks import machine

        gpu = ["cuda:0"] if machine.gpus() else []
        known = registry.load(tuple(metafunc.config.getoption("--plugin")))
        pairs = [
            (name, device)
            for name, backend in known.items()
            for device in ["cpu", *gpu]
            if device.partition(":")[0] in backend.devices
        ]
        ids = [f"{name}-{device}" for name, device in pairs]
        metafunc.parametrize("conforming", pairs, ids=ids, scope="module", indirect=True)
