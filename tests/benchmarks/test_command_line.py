"""Whatever is wrong with what was typed is one line, with status 2, whoever found it."""

from __future__ import annotations

import pytest
import typer

from benchmarks import command_line
from benchmarks.cli.app import app as suite
from benchmarks.errors import UserError
from benchmarks.evidence import __main__ as evidence


def _status(app: typer.Typer, words: str, name: str = "linreg-bench") -> object:
    with pytest.raises(SystemExit) as left:
        command_line.run(app, name, words.split())
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
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert _status(suite, words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith(f"{where}: ")
    assert what in said.err
    assert f"`{where} --help`" in said.err
    assert "\x1b" not in said.err


def test_the_evidence_says_it_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    name = "python -m benchmarks.evidence"
    assert _status(evidence.app, "aa --replicates many", name) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith(f"{name} aa: ")


def test_without_a_word_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert _status(suite, "") == 2
    said = capsys.readouterr()
    assert "Usage: linreg-bench" in said.out
    assert said.err == ""
    assert _status(suite, "list --help") == 0


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
    capsys: pytest.CaptureFixture[str],
) -> None:
    app = typer.Typer()

    @app.command()
    def command() -> None:
        raise raised

    assert _status(app, "") == status
    err = capsys.readouterr().err
    assert err.startswith(said)
    assert err.count("\n") == bool(said)


def test_a_command_knows_the_whole_command_line() -> None:
    app, known = typer.Typer(), []

    @app.command()
    def command(context: typer.Context, word: str) -> None:
        known.append((context.obj, word))

    assert _status(app, "'two words'") == 2
    assert _status(app, "word") == 0
    assert known == [(["linreg-bench", "word"], "word")]
