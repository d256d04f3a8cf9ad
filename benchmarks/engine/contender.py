"""An entry while it is being measured."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.samples import Sample

#: A sample lasts at least about this long; a shorter fit is repeated within it. Shorter samples
#: are blurred by the clock and the wake-up, longer ones by the machine's changing its speed.
SAMPLE_SECONDS = 5e-3
#: A second fit that took longer than this is too expensive to discard: it is a sample.
EXPENSIVE_SECONDS = 0.5
#: Where an untimed fit comes first (`backends.worker.handler`), so many follow it, or as many as
#: take about so many seconds. More would cost less of the time, but rounds decide, and not fits.
_AFTER_UNTIMED, _LONGEST = 2, 0.2


@dataclass(eq=False)
class Contender:
    """One entry, its samples so far, and how much time it may use."""

    entry: str  # id
    fit_seconds: float  # expected time of one fit; at first, that of the first fit
    replicates: Sequence[int] = (0,)  # the processes that take turns
    original: str | None = None  # of a variant: the entry that it is to be told from
    baseline: str | None = None  # the entry that the report compares it with
    idiomatic: bool = False  # written as documentation teaches
    threads: int = 1
    rounds: dict[int, Sample] = field(default_factory=dict)  # the samples so far
    spent: float = 0.0  # seconds of measurement so far
    allowance: float = 0.0  # seconds that it may have spent by the next look
    lost: bool = False
    second: Sample | None = None  # an expensive second fit that still has to be recorded
    joined: list[int] = field(default_factory=list)  # replicates that came later
    waiting: list[int] = field(default_factory=list)  # replicates that are next

    def __post_init__(self) -> None:
        """What was spent before counts towards its share."""
        self.spent += self.second.seconds if self.second else 0.0

    def join(self, replicate: int) -> None:
        """One more process takes turns from now on."""
        self.replicates = [*self.replicates, replicate]
        self.joined.append(replicate)

    @property
    def fits(self) -> int:
        """How many fits make one sample."""
        return fits_of_a_sample(self.fit_seconds, self.threads)


def fits_of_a_sample(fit_seconds: float, threads: int) -> int:
    """How many fits that take so long each, on so many threads, make one sample."""
    fit_seconds = max(fit_seconds, 1e-9)
    fits = max(1, round(SAMPLE_SECONDS / fit_seconds))
    if fits == threads == 1:
        return 1
    return max(fits, min(_AFTER_UNTIMED, round(_LONGEST / fit_seconds)))
