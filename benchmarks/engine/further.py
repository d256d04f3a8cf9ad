"""Further processes: a second one of each entry where that is cheap, more for a place.

Processes of one program differ for as long as they live, so that one process alone does not tell
who is first, nor how far they differ. But some take long to open: of those, only the ones in the
race for a place get a second one.
"""

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.engine import questions
from benchmarks.engine.contender import Contender
from benchmarks.engine.opening import Opening
from benchmarks.engine.plan import Entry
from benchmarks.engine.process import Process
from benchmarks.problems.workloads import Workload

#: An entry that is opened within this time is opened in further processes.
QUICK_SECONDS = 0.5


def add(opening: Opening, workload: Workload, contenders: Sequence[Contender], most: float) -> None:
    """Start them, fit first, and let them take turns with those that are there.

    Args:
        opening: of this run.
        workload: that is being measured.
        contenders: all of its entries, after some rounds.
        most: seconds that this may take.
    """
    recorder, plan = opening.recorder, opening.plan
    entries = {entry.id: entry for entry in recorder.entries_of(workload)}
    race = [one for one in questions.race(contenders) if one.entry in entries]
    others = [one for one in questions.ranked(contenders) if one.entry in entries]
    wanted: list[tuple[Contender, Entry, Process]] = []
    left = most * opening.n_cores
    for number in range(plan.replicates, plan.most_replicates):
        second = number == plan.replicates
        for contender in dict.fromkeys([*race, *others] if second else race):
            entry = entries[contender.entry]
            process = replace(entry.process, replicate=number)
            ready = process in opening.pool.workers
            if ready and opening.pool.workers[process].failed:
                continue
            takes = opening.seconds(entry, ready)
            quick = takes <= QUICK_SECONDS
            if takes <= left and (quick or (second and contender in race)):
                left -= takes
                wanted.append((contender, entry, process))
    title = f"{workload.name}: further processes"
    opening.start(dict.fromkeys(process for *_, process in wanted), title)
    opening.fit([(entry, process) for _, entry, process in wanted], title)
    for contender, entry, process in wanted:
        if opening.is_open(entry, process):
            recorder.add_process(entry, process)
            contender.join(recorder.replicate(process))
    for contender in contenders:
        contender.lost |= contender.entry in recorder.dropped
