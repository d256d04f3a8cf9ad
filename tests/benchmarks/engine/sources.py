"""Plug-ins that tests write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

GOOD = """
from backends.numpy import NumpyGelsd

class Mine(NumpyGelsd):
    name = "mine"
"""

#: Imports it says where: a file beside it has the ids of all processes that did.
DIARY = """
import os
with open(__file__ + ".diary", "a") as diary:
    print(os.getpid(), file=diary)
"""

Write = Callable[..., Path]


def diary(path: Path) -> list[int]:
    """The processes that imported a plug-in."""
    pages = Path(f"{path}.diary")
    return list(map(int, pages.read_text().split())) if pages.exists() else []
