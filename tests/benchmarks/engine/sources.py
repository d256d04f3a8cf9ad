"""Plug-ins that tests write."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

GOOD = """
from backends.numpy import NumpyGelsd

class Mine(NumpyGelsd):
    name = "mine"
"""

#: Whoever imports it leaves the id of its process in a cache, the only place for it to write to.
DIARY = """
import os, pathlib
with (pathlib.Path(os.environ["XDG_CACHE_HOME"]) / pathlib.Path(__file__).name).open("a") as diary:
    print(os.getpid(), file=diary)
"""

Write = Callable[..., Path]


def diary(path: Path) -> list[int]:
    """The processes that imported a plug-in."""
    pages = Path(os.environ["XDG_CACHE_HOME"], path.name)
    return list(map(int, pages.read_text().split())) if pages.exists() else []
