"""The command line in this process: starting one takes longer than what most commands do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.cli.app import main

ROOT = Path(__file__).parents[2]


@dataclass
class Done:
    """How a command ended, as `subprocess.CompletedProcess` has it."""

    returncode: object
    stdout: str
    stderr: str


@pytest.fixture
def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """Calls `linreg-bench` with some arguments in the root of the checkout."""
    monkeypatch.chdir(ROOT)

    def call(*arguments: object) -> Done:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Done(ended.value.code, said.out, said.err)

    return call
