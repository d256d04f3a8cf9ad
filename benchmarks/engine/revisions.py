"""The suite's own backends from another git revision, to be measured beside today's.

So a regression check does not depend on what the machine did yesterday.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

from benchmarks.engine.process import ROOT, Variant
from benchmarks.errors import UserError


def checkout(revision: str, folder: Path) -> Variant:
    """Unpack the `backends` package of a revision into `folder`.

    Raises:
        UserError: this is no git checkout, or it has no such revision, or that has no workers.
    """
    commit = _git("rev-parse", "--verify", "--quiet", "--short", f"{revision}^{{commit}}")
    if commit is None:
        raise UserError(f"--against {revision}: no such revision in {ROOT}")
    packed = _git("archive", "--format=tar", commit.decode().strip(), "backends")
    if packed is None:
        raise UserError(f"--against {revision}: that revision has no backends/")
    tree = folder / "against"
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        # Python knows this filter, an argument by now, from 3.11.4 on only; Debian 12 has 3.11.2.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(tree)
    if not any((tree / "backends").glob("worker*")):  # a module once, a package now
        raise UserError(f"--against {revision}: that revision has no backends.worker")
    return Variant(revision.replace("/", "_"), tree=tree.resolve())


def _git(*arguments: str) -> bytes | None:
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True)
    except OSError as error:
        raise UserError(f"--against needs git: {error.strerror}") from error
    return done.stdout if done.returncode == 0 else None
