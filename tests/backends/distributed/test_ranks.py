"""Ranks that do as they are told, and ranks that do not."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from backends.distributed.rank import Deserted, Rank, sha256
from backends.distributed.ranks import RankFailed, Ranks, part


class Obedient(Rank):
    """Knows the sum of its own numbers."""

    def fit(self, patience: float) -> np.ndarray:
        return np.array([self.X.sum(), self.y.sum()])

    def add_up(self, n_bytes: int, patience: float) -> None:
        return None

    def misbehave(self, how: str) -> str:
        """Of the second rank: something else."""
        if self.number == 1:
            if how == "dies":
                os.kill(os.getpid(), signal.SIGKILL)
            elif how == "ends":
                os._exit(3)
            elif how == "hangs":
                time.sleep(600)
            elif how == "raises":
                raise ValueError("has\nno idea")
        elif (self.number == 2 and how == "raises") or how == "waits":
            raise Deserted("waited for another rank")
        return how

    def process(self) -> int:
        """Its id."""
        return os.getpid()

    def unsolvable(self) -> None:
        """All ranks find out."""
        raise np.linalg.LinAlgError("no single solution")


def ask(ranks: Ranks, name: str, *arguments: Any, patience: float = 20.0) -> list[Any]:
    return ranks.ask(name, [arguments] * ranks.workers, patience)


@pytest.fixture
def ranks() -> Iterator[Ranks]:
    """Three of them."""
    found = Ranks(Obedient, 3, 1)
    found.join(20.0)
    yield found
    found.close()


@pytest.mark.parametrize("n", [7, 2, 1])
def test_each_rank_has_its_own_rows(ranks: Ranks, n: int) -> None:
    X, y = np.arange(2.0 * n).reshape(n, 2), np.arange(float(n), dtype=np.float32)
    ranks.share("take", (X, y), 20.0)
    assert np.array_equal(sum(ask(ranks, "fit", 1.0)), [X.sum(), y.sum()])
    parts = [(part(X, number, 3), part(y, number, 3)) for number in range(3)]
    assert ask(ranks, "digest") == [sha256(*arrays) for arrays in parts]
    assert np.array_equal(np.concatenate([x for x, _ in parts]), X)


def test_what_is_thrown_away_replaces_nothing(ranks: Ranks) -> None:
    X, y = np.ones((6, 2)), np.ones(6)
    ranks.share("take", (X, y), 20.0)
    ranks.share("hold", (np.zeros((6, 2)),), 20.0)
    assert [list(own) for own in ask(ranks, "fit", 1.0)] == [[4.0, 2.0]] * 3


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("dies", "rank 1 of 3 was ended by SIGKILL"),
        ("ends", "rank 1 of 3 has ended with status 3"),
        ("hangs", "rank 1 of 3 does not answer"),
        ("raises", "rank 1 of 3: ValueError: has no idea"),
        ("waits", "rank 2 of 3: Deserted: waited for another rank"),
    ],
)
def test_the_rank_that_is_at_fault_is_named(ranks: Ranks, how: str, reason: str) -> None:
    with pytest.raises(RankFailed, match=reason):
        ask(ranks, "misbehave", how, patience=0.3)
    assert ranks.broken
    with pytest.raises(RankFailed, match=r"rank 1 of 3 (was|has) ended"):
        ask(ranks, "misbehave", "")


def test_what_all_ranks_raise_is_nobodys_fault(ranks: Ranks) -> None:
    with pytest.raises(np.linalg.LinAlgError, match="no single solution"):
        ask(ranks, "unsolvable")
    ranks.share("take", (np.ones((3, 1)), np.ones(3)), 20.0)
    assert [list(own) for own in ask(ranks, "fit", 1.0)] == [[1.0, 1.0]] * 3


def test_a_rank_that_was_stopped_goes_on(ranks: Ranks) -> None:
    ranks.share("take", (np.ones((6, 1)), np.ones(6)), 20.0)
    stopped = ask(ranks, "process")[1]
    os.kill(stopped, signal.SIGSTOP)
    time.sleep(0.2)
    os.kill(stopped, signal.SIGCONT)
    assert [list(own) for own in ask(ranks, "fit", 1.0)] == [[2.0, 2.0]] * 3
