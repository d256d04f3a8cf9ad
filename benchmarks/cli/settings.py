"""`[tool.linreg-bench]` of a project's pyproject.toml: options that its runs have by default."""

import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.errors import UserError, os_errors, unknown
from benchmarks.printable import line

FILE, SECTION = "pyproject.toml", "linreg-bench"


@dataclass(frozen=True)
class Key:
    """A setting, and the option of the same meaning."""

    parameter: str  # of the commands' functions
    commands: Sequence[str]
    several: bool = True  # whether it is a list of texts, or one text
    joined: bool = False  # whether the option has them in one text, comma-separated


KEYS: Mapping[str, Key] = {
    "workloads": Key("workloads", ("run", "check"), joined=True),
    "backends": Key("backends", ("run", "check")),
    "plugins": Key("plugin", ("run", "check", "list")),
    "devices": Key("devices", ("run", "check"), joined=True),
    "budget": Key("budget", ("run",), several=False),
    "patience": Key("patience", ("run", "check"), several=False),
    "fail-if-slower": Key("fail_if_slower", ("run", "compare"), several=False),
    "allow-missing": Key("allow_missing", ("compare",)),
}
#: Options that say otherwise what a run has.
_OVERRULED = {"--full": ("workloads", "backends"), "--data": ("workloads",)}


def defaults(words: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Values of parameters, by command, for a command line that consists of `words`.

    The nearest file in or above the current folder that has the section is read, and named on
    standard error; what lies above a git repository is left alone.

    Raises:
        UserError: it is not sound, or has a setting that is not known or of another type.
    """
    found = next(filter(None, map(_section, _folders())), None)
    if found is None:
        return {}
    path, section = found
    values = {key: _value(path, key, value) for key, value in section.items()}
    for option, keys in _OVERRULED.items():
        if any(word.partition("=")[0] == option for word in words):
            values = {key: value for key, value in values.items() if key not in keys}
    made: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        for command in KEYS[key].commands:
            made.setdefault(command, {})[KEYS[key].parameter] = value
    quiet = {"-q", "--quiet", "-h", "--help"} & set(words)
    if words and words[0] in made and not quiet:
        print(line(f"using [tool.{SECTION}] of {path}"), file=sys.stderr)
    return made


def _folders() -> Iterator[Path]:
    with os_errors("cannot tell the current folder"):
        here = Path.cwd()
    for folder in (here, *here.parents):
        yield folder
        if (folder / ".git").exists():
            return


def _section(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The file of a folder, and its section; None if there is none."""
    path = folder / FILE
    try:
        content = path.read_bytes()
    except OSError:  # it is not there, or somebody else's
        return None
    if SECTION.encode() not in content:
        return None
    try:
        tools = tomllib.loads(content.decode()).get("tool", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not sound: {error}") from None
    section = tools.get(SECTION) if isinstance(tools, dict) else None
    if section is not None and not isinstance(section, dict):
        raise UserError(f"{path}: tool.{SECTION} must be a table")
    return (path, section) if section is not None else None


def _value(path: Path, name: str, value: Any) -> Any:
    """The value of an option, from that of a setting."""
    where = f"[tool.{SECTION}] of {path}"
    if name not in KEYS:
        raise unknown(f"setting in {where}:", name, KEYS)
    key = KEYS[name]
    texts = value if key.several else [value]
    if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        wanted = "a list of texts" if key.several else "a text"
        raise UserError(f"{where}: {name} must be {wanted}, and is {value!r}")
    if name == "plugins":
        return [str(path.parent / one) for one in texts]
    if key.several:
        return ",".join(texts) if key.joined else texts
    return value
