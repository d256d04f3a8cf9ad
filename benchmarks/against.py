"""The suite's own backends from another git revision, beside today's in the same rounds.

So a regression check does not depend on what the machine did yesterday. What came out of it is
found here for other environments as well: in a run file they look alike.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import estimates, results
from benchmarks.errors import UserError
from benchmarks.estimates import Estimate
from benchmarks.runfile import Record
from benchmarks.workers import ROOT, Variant

#: For all pairs together: a check that runs every day must not cry wolf once a month.
CONFIDENCE = 0.99


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
        archive.extractall(tree, filter="data")
    if not (tree / "backends" / "worker.py").exists():
        raise UserError(f"--against {revision}: that revision has no backends/worker.py")
    return Variant(revision.replace("/", "_"), tree=tree.resolve())


def _git(*arguments: str) -> bytes | None:
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True)
    except OSError as error:
        raise UserError(f"--against needs git: {error.strerror}") from error
    return done.stdout if done.returncode == 0 else None


@dataclass(frozen=True)
class Change:
    """Today's time over that of the other revision or environment, for one entry."""

    entry: str
    other: str  # the entry that stands beside it
    ratio: Estimate | None  # None if one of the two was not timed

    def certainly_slower(self, share: float) -> bool:
        """Whether the slow-down is larger than `share` for certain."""
        return self.ratio is not None and self.ratio.low > 1 + share


def changes(records: Sequence[Record]) -> list[Change]:
    """Today's entries against those beside them; all intervals hold together."""
    pairs = [(e["variant_of"], e["entry"]) for e in records[0]["entries"] if e["variant_of"]]
    if not pairs:
        return []
    timed = {row.entry: row.times for row in results.rows(records) if row.status == "passed"}
    confidence = 1 - (1 - CONFIDENCE) / max(len(pairs), 1)
    return [
        Change(
            today,
            before,
            estimates.ratio(timed[today], timed[before], confidence)
            if today in timed and before in timed
            else None,
        )
        for today, before in pairs
    ]
