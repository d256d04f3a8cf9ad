"""Plug-ins as files, and as installed packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.engine.sources import Write


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Makes a plug-in of a source."""

    def write(source: str, name: str = "mine.py") -> Path:
        path = tmp_path / name
        path.write_text(source)
        return path

    return write


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Installs a module with an entry point for its class `Mine`; to be found by children too."""

    def install(source: str, name: str = "mine-point") -> Path:
        site = tmp_path / "site"
        info = site / "mine-1.0.dist-info"
        info.mkdir(parents=True)
        (site / "mine_package.py").write_text(source)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
        points = f"[linreg_bench.backends]\n{name} = mine_package:Mine\n"
        (info / "entry_points.txt").write_text(points)
        monkeypatch.syspath_prepend(site)
        monkeypatch.setenv("PYTHONPATH", str(site))
        return site / "mine_package.py"

    return install
