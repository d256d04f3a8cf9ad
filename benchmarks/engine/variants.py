"""Variants of the backends, timed beside today's in the same rounds.

An *environment* is another interpreter with other packages. It needs NumPy and the frameworks that
it is to show: a worker there runs this checkout's `backends` package.

A *revision* is the suite's `backends` package at another git commit, so that a regression check
does not depend on what the machine did yesterday.
"""

import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backends import registry
from backends.description import Description
from benchmarks.engine import inquiry, machine
from benchmarks.engine.process import ROOT, Launch, interpreter_environment
from benchmarks.errors import UserError
from benchmarks.printable import clean
from benchmarks.runfile.header import EnvironmentRecord, Variant

#: Where `linreg-bench env create` puts environments; ignored by git.
FOLDER = ROOT / ".envs"
#: Its interpreter, seen from the folder of an environment.
_PYTHON = "bin/python"
#: What every environment gets; threadpoolctl reads back the threads of a BLAS.
ALWAYS = ("numpy", "threadpoolctl")
#: Seconds in which an interpreter has to list what it has; it takes about one.
_PATIENCE = 60.0


@dataclass(frozen=True)
class Environment:
    """One interpreter and what it has."""

    name: str
    python: Path
    version: str  # of Python
    packages: dict[str, str] = field(default_factory=dict)  # by name
    ready: frozenset[str] = frozenset()  # backends whose framework is there

    def __str__(self) -> str:
        packages = ", ".join(f"{name} {version}" for name, version in self.packages.items())
        return f"{self.name}: Python {self.version}, {packages}"

    @property
    def launch(self) -> Launch:
        """How to launch any backend under this interpreter."""
        variant = Variant(kind="environment", name=self.name, source=str(self.python))
        return Launch(variant, python=self.python)

    def lacks(self, backend: Description) -> str:
        """Why the backend cannot run there, in one line; empty if it can."""
        if backend.name in self.ready:
            return ""
        return (
            f"{backend.framework} is not installed in environment {self.name!r}: "
            f"{self.python} -m pip install {registry.to_install(backend)}"
        )

    def record(self) -> EnvironmentRecord:
        """What the header of a run file says of it."""
        return EnvironmentRecord(
            name=self.name,
            executable=str(self.python),
            python=self.version,
            packages=self.packages,
        )


def find(text: str, plugins: Sequence[Path] = (), folder: Path = FOLDER) -> Environment:
    """The environment that `NAME=PYTHON` or `NAME`, which lies in `folder`, stands for.

    Raises:
        UserError: it has no proper name, is not there, or cannot run a worker.
    """
    name, given, path = text.partition("=")
    _check_name(name)
    if not given:
        path = str(folder / name / _PYTHON)
        if not Path(path).exists():
            raise UserError(
                f"--env {name}: there is no {folder.name}/{name}; give --env {name}=PYTHON, or "
                f"make it: linreg-bench env create {name} 'torch==2.12.*'"
            )
    program = shutil.which(path)
    if program is None:
        raise UserError(f"--env {text}: {path or 'PYTHON'} is not a program that can be run")
    # Not resolved: an interpreter finds its environment by the place of its link.
    return _ask(name, Path(program).absolute(), plugins)


def _ask(name: str, python: Path, plugins: Sequence[Path]) -> Environment:
    """Let an interpreter say what it has."""
    trouble = f"--env {name}: {python}"
    try:
        reply = inquiry.ask(
            "backends.worker.installed",
            [str(path.resolve()) for path in plugins],
            expected=1,
            patience=_PATIENCE,
            python=python,
            environment=interpreter_environment(),
        )
    except OSError as error:
        raise UserError(f"{trouble} does not start: {error.strerror}") from error
    try:
        answer = clean(json.loads(b"".join(reply.lines)))
        version = str(answer["python"])
        if "trouble" in answer:
            raise UserError(f"{trouble} (Python {version}) {answer['trouble']}")
        # Plug-ins were imported there, so that the answer may be theirs.
        packages = machine.packages({str(k): str(v) for k, v in answer["packages"].items()})
        return Environment(name, python, version, packages, frozenset(answer["ready"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        why = reply.said or reply.trouble or "it gave no answer"
        raise UserError(f"{trouble} is not a Python that can run a worker: {why}") from None


def call(command: Sequence[str], **how: Any) -> subprocess.CompletedProcess[str]:
    """Run a program of another interpreter; its output is kept."""
    return subprocess.run(
        command,
        env=interpreter_environment(),
        capture_output=True,
        text=True,
        errors="replace",
        **how,
    )


def create(
    name: str,
    requirements: Sequence[str],
    folder: Path = FOLDER,
    call: Callable[[Sequence[str]], subprocess.CompletedProcess[str]] = call,
) -> Environment:
    """Make the environment `name` with venv, and with uv or else pip; `ALWAYS` is added.

    Raises:
        UserError: there is one of that name, or one of them fails; its last lines say why.
    """
    _check_name(name)
    own = folder / name
    if own.exists():
        raise UserError(f"there is an environment {name!r} already: linreg-bench env remove {name}")
    python = own / _PYTHON
    install = [str(python), "-m", "pip", "--disable-pip-version-check", "install"]
    if uv := shutil.which("uv"):
        # Not with the pins of a project here. Compiled now, as by pip: workers may not write.
        install = [uv, "--project", "/", "pip", "install", "--compile-bytecode"]
        install += ["--python", str(python)]
    # Given twice, a package gets a message about the conflict only.
    given = {re.split(r"[^\w-]", requirement)[0] for requirement in requirements}
    try:
        for command in (
            [sys.executable, "-m", "venv", str(own)],
            [*install, *(package for package in ALWAYS if package not in given), *requirements],
        ):
            done = call(command)
            if done.returncode:
                lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
                said = [line for line in lines if not line.startswith("WARNING")]
                raise UserError(f"cannot make environment {name!r}: {' / '.join(said[-3:])}")
        return _ask(name, python, ())
    except BaseException:
        shutil.rmtree(own, ignore_errors=True)  # half an environment helps nobody
        raise


def made(folder: Path = FOLDER) -> Iterator[Environment | UserError]:
    """The environments in `folder`, or why one of them is not usable."""
    for config in sorted(folder.glob("*/pyvenv.cfg")):
        try:
            yield find(config.parent.name, folder=folder)
        except UserError as error:
            yield error


def remove(name: str, folder: Path = FOLDER) -> None:
    """Delete the environment `name`.

    Raises:
        UserError: there is none.
    """
    _check_name(name)
    if not (folder / name / "pyvenv.cfg").exists():
        raise UserError(f"there is no environment {name!r} in {folder}")
    shutil.rmtree(folder / name)


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
        raise UserError(f"--env {name!r}: a name is letters, digits, '.', '_' and '-'")


def checkout(revision: str, folder: Path) -> Launch:
    """Unpack the `backends` package of a git revision into `folder`.

    Raises:
        UserError: this is not a git checkout, or has no such revision, or that has no workers.
    """
    commit = git("rev-parse", "--verify", "--quiet", "--short", f"{revision}^{{commit}}")
    if commit is None:
        raise UserError(f"--against {revision}: no such revision in {ROOT}")
    packed = git("archive", "--format=tar", commit.decode().strip(), "backends")
    if packed is None:
        raise UserError(f"--against {revision}: that revision has no backends/")
    tree = folder / "against"
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        # The argument `filter` needs Python 3.11.4; Debian 12 has 3.11.2.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(tree)
    if not any((tree / "backends").glob("worker*")):  # a module once, a package now
        raise UserError(f"--against {revision}: that revision has no backends.worker")
    variant = Variant(kind="revision", name=revision.replace("/", "_"), source=revision)
    return Launch(variant, tree=tree.resolve())


def git(*arguments: str) -> bytes | None:
    """What git says of this checkout; None if it fails, or there is no git."""
    with suppress(OSError):
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True)
        return done.stdout if done.returncode == 0 else None
    return None
