"""Other interpreters whose packages are measured beside today's, in the same rounds.

An environment needs NumPy and the frameworks that it is to show, nothing of the suite: a worker
there runs this checkout's `backends` package.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backends import registry
from backends.base import Backend
from benchmarks.engine import machine
from benchmarks.engine.process import ROOT, Variant, interpreter_environment
from benchmarks.errors import UserError

#: Where `linreg-bench env create` puts them; ignored by git.
FOLDER = ROOT / ".envs"
#: What every environment gets: NumPy for the worker, threadpoolctl to read back a BLAS's threads.
ALWAYS = ("numpy", "threadpoolctl")
#: Seconds. Listing what an interpreter has takes one; after so many it will not answer any more.
_PATIENCE = 60.0


@dataclass(frozen=True)
class Environment:
    """One interpreter and what it has."""

    name: str
    python: Path
    version: str  # of Python
    packages: dict[str, str] = field(default_factory=dict)  # version by distribution
    ready: frozenset[str] = frozenset()  # backends whose framework is there

    @property
    def variant(self) -> Variant:
        """Any backend under this interpreter."""
        return Variant(self.name, python=self.python)

    def lacks(self, backend: type[Backend]) -> str:
        """Why the backend cannot run there, and what would help, in one line; empty if it can."""
        if backend.name in self.ready:
            return ""
        return (
            f"{backend.framework} is not installed in environment {self.name!r}: "
            f"{self.python} -m pip install {registry.to_install(backend)}"
        )

    def to_json(self) -> dict[str, Any]:
        """As it stands in the header of a run file."""
        return {
            "name": self.name,
            "executable": str(self.python),
            "python": self.version,
            "packages": machine.packages(self.packages),
        }


def find_all(asked: Sequence[str], plugins: Sequence[Path] = ()) -> list[Environment]:
    """The environments that `--env NAME=PYTHON` or `--env NAME`, each surveyed, ask for.

    Raises:
        UserError: one has no proper name, is not there, does not start, or is no Python that can
            run a worker.
    """
    return [find(text, plugins) for text in asked]


def find(text: str, plugins: Sequence[Path] = ()) -> Environment:
    """The environment that `NAME=PYTHON` or `NAME` stands for; raises as `find_all` does."""
    name, given, path = text.partition("=")
    _check_name(name)
    if not given:
        path = str(_python_of(name))
        if not Path(path).exists():
            raise UserError(
                f"--env {name}: there is no {FOLDER.name}/{name}; give --env {name}=PYTHON, or "
                f"make it: linreg-bench env create {name} 'torch==2.12.*'"
            )
    program = shutil.which(path)
    if program is None:
        raise UserError(f"--env {text}: {path or 'PYTHON'} is no program that can be run")
    # Not resolved: what makes an interpreter that of its environment is where its link lies.
    return _survey(name, Path(program).absolute(), plugins)


def _survey(name: str, python: Path, plugins: Sequence[Path]) -> Environment:
    trouble = f"--env {name}: {python}"
    command = [
        str(python),
        "-m",
        "backends.worker.installed",
        *(str(path.resolve()) for path in plugins),
    ]
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=interpreter_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
        )
    except OSError as error:
        raise UserError(f"{trouble} does not start: {error.strerror}") from error
    except subprocess.TimeoutExpired:
        raise UserError(f"{trouble} did not say what it has within {_PATIENCE:g} s") from None
    try:
        answer = json.loads(done.stdout)
        version = answer["python"]
    except (ValueError, TypeError, KeyError):
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise UserError(f"{trouble} is no Python that can run a worker: {last}") from None
    if "trouble" in answer:
        raise UserError(f"{trouble} (Python {version}) {answer['trouble']}")
    return Environment(name, python, version, answer["packages"], frozenset(answer["ready"]))


def create(name: str, requirements: Sequence[str]) -> Environment:
    """Make the environment `name` with venv and pip.

    Args:
        name: of the folder under `.envs`, and for `--env`.
        requirements: what pip is to install, such as `torch==2.12.*`; `ALWAYS` is added.

    Raises:
        UserError: there is one of that name, or venv or pip fails; its last lines say why.
    """
    _check_name(name)
    folder = FOLDER / name
    if folder.exists():
        raise UserError(f"there is an environment {name!r} already: linreg-bench env remove {name}")
    python = _python_of(name)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install"]
    # Asked for twice, a package gets a message about the conflict and not about what is wrong.
    asked = {re.split(r"[^\w-]", requirement)[0] for requirement in requirements}
    try:
        _call(name, [sys.executable, "-m", "venv", str(folder)])
        _call(name, [*pip, *(p for p in ALWAYS if p not in asked), *requirements])
        return _survey(name, python, ())
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)  # half an environment helps nobody
        raise


def _call(name: str, command: list[str]) -> None:
    done = subprocess.run(
        command, env=interpreter_environment(), capture_output=True, text=True, errors="replace"
    )
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        said = [line for line in lines if not line.startswith("WARNING")]
        raise UserError(f"cannot make environment {name!r}: {' / '.join(said[-3:])}")


def made() -> Iterator[Environment | UserError]:
    """The environments under `.envs`, or why one of them is not usable."""
    for folder in sorted(FOLDER.glob("*/pyvenv.cfg")):
        try:
            yield find(folder.parent.name)
        except UserError as error:
            yield error


def remove(name: str) -> None:
    """Delete the environment `name` under `.envs`.

    Raises:
        UserError: there is none.
    """
    _check_name(name)
    if not (FOLDER / name / "pyvenv.cfg").exists():
        raise UserError(f"there is no environment {name!r} in {FOLDER}")
    shutil.rmtree(FOLDER / name)


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
        raise UserError(f"--env {name!r}: a name is letters, digits, '.', '_' and '-'")


def _python_of(name: str) -> Path:
    return FOLDER / name / "bin" / "python"
