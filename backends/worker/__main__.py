"""`python -m backends.worker REQUESTS ANSWERS [FOLDER]`: see `backends.worker.serve`."""

import sys
import time

from backends.worker import sandbox

_sandboxed = sandbox.enter(sys.argv[3]) if len(sys.argv) > 3 else False

_began = time.perf_counter_ns()
import numpy  # noqa: E402, F401 - timed: every framework here needs it

_numpy_seconds = (time.perf_counter_ns() - _began) / 1e9

from backends.worker.serve import serve  # noqa: E402

serve(int(sys.argv[1]), int(sys.argv[2]), _numpy_seconds, _sandboxed)
