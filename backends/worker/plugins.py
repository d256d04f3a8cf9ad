"""What plug-ins define: `python -m backends.worker.plugins ANSWERS SOURCE ...`.

One JSON line for each source (see `registry.sources`) goes to the descriptor ANSWERS: standard
output belongs to the plug-ins. Whoever asks must check the answers again: a plug-in can change
whatever runs in this process.
"""

import json
import os
import sys
from dataclasses import asdict
from typing import Any

from backends import registry
from backends.description import Description, PluginError, WorkloadDescription, described
from backends.worker import sandbox


def answer(source: str) -> dict[str, Any]:
    """The backends and workloads of a source, or what is wrong with it."""
    where = registry.where(source)
    try:
        defined = registry.defined(source)
        backends = [Description.of(one, where, plugin=source) for one in defined.backends]
        workloads = [WorkloadDescription.of(one, where) for one in defined.workloads]
        return {"backends": list(map(asdict, backends)), "workloads": list(map(asdict, workloads))}
    except PluginError as error:
        return {"trouble": str(error)}
    except BaseException as error:  # of a class whose attributes are programs
        return {"trouble": f"{where} cannot be described: {described(error)}"}


if __name__ == "__main__":
    sandbox.end_with_parent()
    sandbox.enter()
    with os.fdopen(int(sys.argv[1]), "w") as answers:
        for source in sys.argv[2:]:
            print(json.dumps(answer(source)), file=answers, flush=True)
