"""What an interpreter has: `PYTHON -m backends.worker.installed ANSWER [PLUGIN ...]`.

One JSON line goes to the descriptor ANSWER: plug-ins may print what they like.

Written for any Python 3 up to the check of the version: an interpreter that is too old for the rest
must be able to say so itself.
"""

import json
import os
import sys

#: The oldest Python that a worker runs under, which is also the oldest for the suite.
OLDEST = (3, 11)


def survey(plugins):  # type: ignore[no-untyped-def] # annotations would need a newer Python
    """Python, versions of all distributions, and the backends whose framework is there."""
    found = {"python": ".".join(map(str, sys.version_info[:3])), "executable": sys.executable}
    if sys.version_info < OLDEST:
        return dict(found, trouble="is too old: workers need {}.{} or newer".format(*OLDEST))
    from importlib.util import find_spec

    if find_spec("numpy") is None:
        return dict(found, trouble="has no NumPy, which every worker needs")
    from pathlib import Path

    from backends import registry
    from backends.worker import (
        sandbox,
        serve,  # noqa: F401 - compiled here, since workers may not write
    )

    if plugins:
        sandbox.enter()
    try:
        known = registry.load(tuple(Path(path) for path in plugins))
    except registry.PluginError as error:
        return dict(found, trouble="cannot load backends: " + str(error))
    ready = [name for name, backend in known.items() if not registry.missing(backend)]
    return dict(found, packages=versions(), ready=ready)


def versions():  # type: ignore[no-untyped-def]
    """The version of each distribution that this interpreter has, by its name in small letters."""
    from importlib.metadata import distributions

    return {d.metadata["Name"].lower().replace("_", "-"): d.version for d in distributions()}


if __name__ == "__main__":
    with os.fdopen(int(sys.argv[1]), "w") as answer:
        print(json.dumps(survey(sys.argv[2:])), file=answer)
