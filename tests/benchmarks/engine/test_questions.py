"""Which pairs are still open, from samples that are given."""

from __future__ import annotations

import numpy as np

from benchmarks.engine import questions
from benchmarks.engine.contender import Contender
from benchmarks.samples import Sample

PRECISION = 0.01


def contender(
    entry: str, seconds: float, *, noise: float = 0.01, rounds: int = 40, **known: object
) -> Contender:
    rng = np.random.default_rng(sum(map(ord, entry)))
    times = seconds * np.exp(noise * rng.standard_normal(rounds))
    found = {n: Sample(0, float(t)) for n, t in enumerate(times)}
    return Contender(entry, seconds, rounds=found, **known)  # type: ignore[arg-type]


def names(pairs: list[questions.Pair]) -> set[str]:
    return {"-".join(one.entry for one in pair) for pair in pairs}


def test_the_first_is_to_be_told_from_those_that_may_be_as_fast() -> None:
    field = [
        contender("a", 1.0, noise=0.2),
        contender("b", 1.02, noise=0.2),
        contender("c", 3.0, noise=0.2),
    ]
    assert names(questions.first(field, PRECISION)) == {"a-b"}


def test_so_is_the_first_idiomatic_one() -> None:
    field = [
        contender("a", 1.0),
        contender("b", 3.0, noise=0.2, idiomatic=True),
        contender("c", 3.02, noise=0.2, idiomatic=True),
    ]
    assert names(questions.first(field, PRECISION)) == {"b-c"}


def test_how_far_it_is_to_the_baseline_is_open_even_where_it_is_known_who_is_faster() -> None:
    usual = contender("usual", 1.0, baseline="usual")
    clear = [contender(name, 5.0, baseline="usual") for name in ("clear", "cleaner", "clearest")]
    field = [usual, *clear, contender("vague", 6.0, noise=0.5, baseline="usual")]
    assert names(questions.baseline(field, PRECISION)) == {"vague-usual"}


def test_neighbours_are_told_apart_and_others_are_not() -> None:
    field = [
        contender("a", 1.0),
        contender("c", 3.2, noise=0.5),
        contender("b", 3.0, noise=0.5),
        contender("d", 9.0),
    ]
    assert names(questions.neighbours(field, PRECISION)) == {"b-c"}


def test_who_seems_clearly_slower_is_to_be_told_from_the_next_quicker_one() -> None:
    """Whoever is within 10 % is not: neither place is of any use to a reader."""
    field = [
        contender("a", 1.0),
        contender("b", 1.05),
        contender("c", 1.5, noise=1.2),
        contender("d", 9.0),
    ]
    order = [one.entry for one in questions.ranked(field)]
    assert order == ["a", "b", "c", "d"]
    assert names(questions.apart(field, PRECISION)) == {"a-c", "b-c"}


def test_an_entry_alone_is_open_until_its_time_is_known() -> None:
    assert names(questions.neighbours([contender("a", 1.0, noise=0.5)], PRECISION)) == {"a-a"}
    assert questions.neighbours([contender("a", 1.0, noise=1e-3)], PRECISION) == []


def test_a_variant_is_held_against_its_original_alone() -> None:
    field = [
        contender("a", 1.0, noise=0.2),
        contender("b", 1.0, noise=0.2),
        contender("b@old", 1.01, noise=0.2, original="b"),
    ]
    assert names(questions.variants(field, PRECISION)) == {"b@old-b"}
    assert "b@old" not in "".join(names(questions.first(field, PRECISION)))


def test_what_only_other_processes_could_tell_is_settled() -> None:
    """They are 0.5 % apart, and their rounds scatter by 0.01 %."""
    field = [contender("a", 1.0, noise=1e-4), contender("b", 1.005, noise=1e-4)]
    for question, _ in questions.IN_ORDER + questions.AT_LAST:
        assert question(field, PRECISION) == []


def test_in_the_race_is_who_may_be_near_the_first() -> None:
    field = [
        contender("far", 9.0),
        contender("near", 1.1),
        contender("first", 1.0),
        contender("usual", 4.1, idiomatic=True),
        contender("usual too", 4.0, idiomatic=True),
        contender("lost", 1.0),
    ]
    field[-1].lost = True
    found = {one.entry for one in questions.race(field)}
    assert found == {"first", "near", "usual", "usual too"}


def test_the_first_alone_is_in_a_race_that_it_wins_by_far() -> None:
    first = contender("first", 1.0)
    assert questions.race([first, contender("next", 1.6, idiomatic=True)]) == [first]
    assert questions.race([first]) == [first]
    assert questions.race([]) == []
