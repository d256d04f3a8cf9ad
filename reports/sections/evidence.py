"""What a row opens to: the end of what its process printed, and the command that repeats it."""

import shlex
from pathlib import Path

from benchmarks.printable import line
from benchmarks.runfile.header import EntryRecord
from benchmarks.runfile.records import FailureRecord
from benchmarks.runfile.run import Run
from reports import text
from reports.analysis.rows import Row
from reports.figures.drawing import short

#: Of a log the end is shown, at most so many lines of so many characters.
_LOG_LINES, _LOG_WIDTH = 15, 200
_LOG_BYTES = 65_536


def repeat_command(run: Run, entry: EntryRecord) -> list[str]:
    """The program and the arguments that measure this entry again, and no other of today's.

    Empty for a slowed copy, which no option asks for. A variant is measured beside its original.
    """
    header, variant = run.header, entry.variant
    if variant and variant.kind == "copy":
        return []
    options, flags = [("--workloads", entry.workload)], list[str]()
    if file := next((file for file in header.files if file.name == entry.workload), None):
        options = [("--data", file.path)]
        options += [("--target", file.target)] if file.target is not None else []
        asked = {f"--{name.replace('_', '-')}": value for name, value in vars(file.reading).items()}
        options += [(name, value) for name, value in asked.items() if value and value is not True]
        flags += [name for name, value in asked.items() if value is True]
    options += [("--backends", entry.backend), ("--devices", entry.device)]
    options += [("--threads", str(entry.threads)), ("--seed", str(header.seed))]
    options += [("--workers", str(entry.workers))] if entry.workers > 1 else []
    options += [("--plugin", path) for path in header.plugins]
    if variant and variant.kind == "environment":
        options += [("--env", f"{variant.name}={variant.source}")]
    elif variant:
        options += [("--against", variant.source)]
    flags += ["--tf32"] if header.tf32 and entry.device.startswith("cuda") else []
    flags += ["--cold"] if header.cold else []
    # Without a budget nothing was timed.
    command = "check" if header.budget_seconds is None else "run"
    return ["linreg-bench", command, *(part for option in options for part in option), *flags]


def shell_command(entry: EntryRecord, run: Run | None) -> str:
    """The command that repeats an entry, quoted for a shell; empty if there is none."""
    words = repeat_command(run, entry) if run else []
    piped = "--data" in words and words[words.index("--data") + 1] == "-"
    return shlex.join(words) + ("  # the same table on standard input" if piped else "")


def log_end(row: Row, run: Run | None, folder: Path | None) -> str:
    """The last lines that the process of a row printed, or the process in which it failed.

    Each is made printable. A run file may not show what lies outside its folder's `logs`.
    """
    failures = run.of(FailureRecord, row.entry.id) if run else []
    names = [record.log for record in (*failures[:1], row.worker) if record and record.log]
    if folder is None or not names:
        return ""
    try:
        logs, path = (folder / "logs").resolve(), (folder / names[0]).resolve()
        if not path.is_relative_to(logs) or not path.is_file():
            return ""
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LOG_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except (OSError, ValueError):  # gone, not readable, or a name that no file can have
        return ""
    end = [short(line(one), _LOG_WIDTH) for one in lines[-_LOG_LINES:]]
    if left := len(lines) - len(end):
        end.insert(0, f"… {text.count(left, 'line')} before")
    return "\n".join(end)
