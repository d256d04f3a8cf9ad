"""The data of a workload: `python -m backends.worker.making ANSWER SOURCE NAME SEED FOLDER`.

SOURCE is the plug-in that defines it (see `registry.sources`). X and y are saved as `.npy` in
FOLDER, the only place that the process may write to but for caches. One JSON line goes to the
descriptor ANSWER; whoever asks must check the arrays.
"""

import json
import os
import sys
from pathlib import Path

from backends.worker import sandbox


def make(source: str, name: str, seed: int, folder: Path) -> str:
    """Save the arrays; returns what is wrong, empty if nothing is."""
    import numpy as np

    from backends import registry
    from backends.description import described

    try:
        [workload] = [one for one in registry.defined(source).workloads if one.name == name]
        X, y = workload().make(np.random.default_rng(seed))
        for file, array in (("X", X), ("y", y)):
            np.save(folder / f"{file}.npy", np.asarray(array, workload.dtype), allow_pickle=False)
    except BaseException as error:  # whatever somebody's code raises
        return described(error)
    return ""


if __name__ == "__main__":
    sandbox.end_with_parent()
    answer, source, name, seed, folder = sys.argv[1:]
    sandbox.enter(folder)
    with os.fdopen(int(answer), "w") as out:
        print(json.dumps({"trouble": make(source, name, int(seed), Path(folder))}), file=out)
