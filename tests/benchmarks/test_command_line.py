"""Whatever is wrong with what was typed is one line, with status 2, whoever found it."""

from __future__ import annotations

import sys

import pytest
import typer

from benchmarks import cli, command_line
from benchmarks.errors import UserError
from benchmarks.evidence import __main__ as evidence


def _status(
    app: typer.Typer, words: str, monkeypatch: pytest.MonkeyPatch, name: str = "linreg-bench"
) -> object:
    monkeypatch.setattr(sys, "argv", [name, *words.split()])
    with pytest.raises(SystemExit) as left:
        command_line.run(app, name)
    return left.value.code


@pytest.mark.parametrize(
    ("words", "where", "what"),
    [
        ("run --bugdet 3", "linreg-bench run", "--budget"),
        ("report", "linreg-bench report", "'runs'"),
        ("export x --format xml", "linreg-bench export", "'pytest-benchmark'"),
        ("run --seed -1", "linreg-bench run", "'--seed'"),
        ("run --replicates many", "linreg-bench run", "'--replicates'"),
        ("run --budget", "linreg-bench", "'--budget' requires an argument"),
        ("run elsewhere", "linreg-bench run", "(elsewhere)"),
        ("env frob", "linreg-bench env", "'frob'"),
        ("frob\x1b[31m", "linreg-bench", "No such command"),
    ],
)
def test_a_wrong_word_is_one_line_that_says_where_and_what_to_do(
    words: str,
    where: str,
    what: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert _status(cli.app, words, monkeypatch) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith(f"{where}: ")
    assert what in said.err
    assert f"`{where} --help`" in said.err
    assert "\x1b" not in said.err


def test_the_evidence_says_it_the_same_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "python -m benchmarks.evidence"
    assert _status(evidence.app, "aa --replicates many", monkeypatch, name) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith(f"{name} aa: ")


def test_without_a_word_the_help_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _status(cli.app, "", monkeypatch) == 2
    said = capsys.readouterr()
    assert "Usage: linreg-bench" in said.out
    assert said.err == ""
    assert _status(cli.app, "list --help", monkeypatch) == 0


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (UserError("no such\nfile"), 2, "linreg-bench: no such"),
        (KeyboardInterrupt(), 130, ""),
        (typer.Exit(1), 1, ""),
        (SystemExit(1), 1, ""),
    ],
)
def test_how_a_command_ends_is_the_exit_status(
    raised: BaseException,
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    app = typer.Typer()

    @app.command()
    def command() -> None:
        raise raised

    assert _status(app, "", monkeypatch) == status
    err = capsys.readouterr().err
    assert err.startswith(said)
    assert err.count("\n") == bool(said)
