"""What the documentation shows must work as it stands."""

from __future__ import annotations

import re
from pathlib import Path

from backends import registry
from backends.base import Backend
from benchmarks import machine
from benchmarks.plan import Entry
from benchmarks.pool import Pool
from benchmarks.workers import Home
from benchmarks.workloads import DEFAULT, WORKLOADS, select

ROOT = Path(__file__).parents[1]


def test_the_example_of_a_backend_is_complete_short_and_right(tmp_path: Path) -> None:
    [source] = re.findall(r"```python\n(.*?)```", (ROOT / "backends/README.md").read_text(), re.S)
    assert source.count("\n") < 40
    plugin = tmp_path / "scipy_gelsy.py"
    plugin.write_text(source)
    backend: type[Backend] = registry.load((plugin,))["scipy-gelsy"]
    with Pool(tmp_path, machine.usable_cores(), plugins=[plugin]) as pool:
        entry = Entry(WORKLOADS["line"], backend, Home("scipy-gelsy", "cpu", 1))
        assert pool.first_fit(entry).reason == ""


def test_the_readme_names_every_workload_and_the_other_every_backend() -> None:
    readme = (ROOT / "README.md").read_text()
    assert all(f"| `{workload.name}` |" in readme for workload in select(DEFAULT))
    backends = (ROOT / "backends/README.md").read_text()
    assert all(f"`{name}`" in backends for name in registry.load())


def test_every_file_that_a_page_links_to_exists() -> None:
    for page in ROOT.glob("*/README.md"), ROOT.glob("*.md"):
        for path in page:
            for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
                assert (path.parent / target).exists(), f"{path.name} links to {target}"
