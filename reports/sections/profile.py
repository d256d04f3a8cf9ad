"""Which backend to take for a method: the advice in words, and the performance profiles."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from benchmarks.estimates import Estimate
from reports import answer, text
from reports.analysis.profiles import Candidate, Profile
from reports.analysis.rows import Row
from reports.figures import drawing
from reports.figures.axes import is_narrow, legend, set_ticks
from reports.figures.drawing import NARROW, WIDTH, Picture, looks, short

IDIOMATIC, ILL_CONDITIONED = "if it has to be idiomatic", "for ill-conditioned data"
#: An end that is so many times the value is no end.
_UNKNOWN = 100.0
#: Ratios beyond this are not drawn: they are far away, all the same.
_FURTHEST = 1000.0


class Advice(NamedTuple):
    """What to take for a method, and why."""

    kind: str  # the method
    case: str  # in which case; empty for any
    take: str  # the name of a backend
    why: str
    certainty: str = ""  # whether this is certain
    others: str = ""  # who may be as good, if it is not

    @property
    def about(self) -> str:
        """The method and the case."""
        return ", ".join(filter(None, [self.kind, self.case]))

    @property
    def reason(self) -> str:
        """Why, and how certain."""
        return " ".join(filter(None, [self.why, self.certainty, self.others]))


@dataclass(frozen=True)
class ProfileSection:
    """One method of a run."""

    number: int
    profile: Profile

    @cached_property
    def labels(self) -> dict[str, str]:
        """Names, by the id of any entry of a candidate."""
        some = [one.row for one in self.profile.candidates.values()]
        by_id = text.labels(some)
        return {
            row.entry.id: by_id[one.row.entry.id]
            for one in self.profile.candidates.values()
            for row in one.rows.values()
        }

    @property
    def kind(self) -> str:
        """The method, as a sentence begins."""
        return self.profile.kind.capitalize()

    def label(self, one: Candidate) -> str:
        """Its name."""
        return self.labels[one.row.entry.id]

    @property
    def has_profiles(self) -> bool:
        """Whether there is more to see than one workload's own ranking."""
        return len(self.profile.workloads) > 1

    @cached_property
    def advice(self) -> list[Advice]:
        """What to take; what if it has to be idiomatic; what for ill-conditioned data."""
        best = self.profile.choice()
        if not best:
            return []
        first = best[0]
        if not self.has_profiles:
            [(name, rows)] = self.profile.rows.items()
            why = f"On {name}: {answer.sentence(rows)}"
            found = [Advice(self.kind, "", self.label(first), why)]
        else:
            found = [self._advice("", best, self._why(first, with_mean=True))]
            usual = self.profile.choice("idiomatic")
            if usual and first.row.entry.style != "idiomatic":
                found.append(self._advice(IDIOMATIC, usual, self._why(usual[0])))
        if accurate := self.profile.accurate.choice():
            why = self._accurate(accurate[0], first)
            found.append(self._advice(ILL_CONDITIONED, accurate, why))
        return found

    def _advice(self, case: str, choice: Sequence[Candidate], why: str) -> Advice:
        take, *others = map(self.label, choice)
        if not others:
            return Advice(self.kind, case, take, why, "Certain.")
        also = f"{answer.some(others)} may be as good."
        return Advice(self.kind, case, take, why, "Not certain:", also)

    def _why(self, one: Candidate, with_mean: bool = False) -> str:
        n = len(self.profile.workloads)
        every = "both" if n == 2 else f"all {n}"
        said = f"Right on {every if one.n_right == n else f'{one.n_right} of {n}'} workloads"
        if one.n_untimed:
            said += f", timed on {len(one.ratios)}"
        said += f", {_distance(one)}"
        if with_mean and one.largest.low > 1:
            said += f"; geometric mean {multiple(one.mean)} ({span(one.mean)})"
        return f"{said}."

    def _accurate(self, one: Candidate, fastest: Candidate) -> str:
        """Why it is the one for ill-conditioned data; `fastest` is the one for any data."""
        there = one.where
        said = f"Error {_error(one.rows[there])} on {there}"
        theirs = fastest.rows.get(there)
        if theirs and theirs is not one.rows[there]:
            said += f", against {_error(theirs)} of {self.label(fastest)}"
        return f"{said}; {_distance(one)}."

    @cached_property
    def picture(self) -> Picture:
        """On how many workloads each is right and within a factor of the fastest."""
        candidates = list(self.profile.candidates.values())
        n = len(self.profile.workloads)
        most = min(_FURTHEST, 1.2 * max(one.largest.value for one in candidates))
        styles = looks([one.row for one in candidates])

        def draw(figure: Figure) -> None:
            axes = figure.add_subplot()
            for place, (one, look) in enumerate(zip(candidates, styles, strict=True)):
                # Curves that would cover each other lie side by side, the first on top.
                apart = 0.008 * n * ((len(candidates) - 1) / 2 - place)
                ends = np.array([(e.value, e.low, e.high) for e in one.ratios.values()]).T
                factors = np.unique([1.0, *ends[ends < most], most])
                within = [apart + (ends[k] <= factors[:, None]).sum(axis=1) for k in range(3)]
                (line,) = axes.step(factors, within[0], where="post", label=short(self.label(one)))
                line.set(color=look.colour, ls=look.dashes)
                line.set_linewidth(1.3 if place else 2.6)
                if place == 0:
                    band = axes.fill_between(factors, within[1], within[2], step="post")
                    band.set(color=look.colour, alpha=0.2, lw=0)
            axes.set(xscale="log", xlim=(1.0, most), ylim=(-0.1 * n, 1.1 * n))
            axes.set_xlabel("time of one fit / that of the fastest, log scale")
            axes.set_ylabel("workloads on which it is right and within that")
            subs = (1,) if is_narrow(axes) and most > 30 else (1, 2, 5)
            set_ticks(axes.xaxis, LogLocator(subs=subs, numticks=99), "{:g}×".format)
            axes.yaxis.set_major_locator(MaxNLocator(integer=True))
            legend(figure)

        said = [f"{self.label(one)}: {self._alt(one)}" for one in candidates]
        alt = f"Performance profiles, {self.profile.kind}. {'; '.join(said)}"
        n_curves = len(candidates)
        wide, narrow = (WIDTH, 3.4 + 0.05 * n_curves), (NARROW, 3.4 + 0.1 * n_curves)
        return drawing.picture(f"profiles-{self.number}", alt, wide, draw, narrow)

    def _alt(self, one: Candidate) -> str:
        return f"right on {len(one.ratios)}, at most {multiple(one.largest)} the fastest"


def multiple(ratio: Estimate) -> str:
    """How many times, to three digits: `1.55 times`."""
    return f"{text.times(ratio.value).removesuffix('×')} times"


def span(ratio: Estimate) -> str:
    """The interval of a ratio: `1.46 to 1.66`, or `1.46 or more`."""
    low = text.times(ratio.low).removesuffix("×")
    if ratio.high > _UNKNOWN * ratio.value:
        return f"{low} or more"
    return f"{low} to {text.times(ratio.high).removesuffix('×')}"


def _distance(one: Candidate) -> str:
    """How far it is from the fastest."""
    largest, where = one.largest, f", on {one.where}" if len(one.ratios) > 1 else ""
    if largest.high == 1:
        return "the fastest on each" if where else "the fastest there"
    if largest.value == 1:
        return "never certainly slower than the fastest"
    most = "at most " if where else ""
    return f"{most}{multiple(largest)} the time of the fastest ({span(largest)}{where})"


def _error(row: Row) -> str:
    return text.error(row.verdict.weight_error if row.verdict else None)
