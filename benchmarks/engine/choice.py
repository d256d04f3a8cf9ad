"""Which backends and devices a command asks for, by name."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from backends.description import Description
from benchmarks.errors import UserError, unknown


def choose_backends(
    patterns: Sequence[str],
    known: Mapping[str, Description],
    full: bool = False,
    shared: bool = False,
) -> list[Description]:
    """The backends that names and globs ask for, in the order of `known`.

    Without patterns, all that are not optional, or all if `full`; if `shared`, also those whose
    fits several workers can share.

    Raises:
        UserError: a pattern matches none; the nearest name is suggested.
    """
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise unknown("backend", pattern, known)
    if not patterns:
        return [b for b in known.values() if full or not b.optional or (shared and b.distributed)]
    return [b for name, b in known.items() if any(fnmatchcase(name, p) for p in patterns)]


def choose_devices(names: Sequence[str], n_gpus: int) -> list[str]:
    """Device names for `cpu`, `cuda` (the first GPU), `cuda:N`, and `all` (CPU and every GPU).

    By default the CPU, and the first GPU if there is one: to start workers for eight would take
    longer than a run is meant to last.

    Raises:
        UserError: a name is none of these, or asks for a GPU that is not there.
    """
    gpus = [f"cuda:{number}" for number in range(n_gpus)]
    devices = [] if names else ["cpu", *gpus[:1]]
    for name in names:
        if name in ("all", "cpu"):
            devices += ["cpu", *gpus] if name == "all" else ["cpu"]
        elif name in ("cuda", *gpus):
            if not gpus:
                raise UserError("device 'cuda': the NVIDIA driver shows no GPU on this machine")
            devices.append(gpus[0] if name == "cuda" else name)
        else:
            raise unknown("device", name, ["cpu", "cuda", *gpus, "all"])
    return list(dict.fromkeys(devices))
