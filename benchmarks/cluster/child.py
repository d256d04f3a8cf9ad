"""`python -m benchmarks.cluster.child WORDS`: `linreg-bench WORDS`, which ends with its parent."""

import runpy

from backends.worker.sandbox import end_with_parent

if __name__ == "__main__":
    end_with_parent()
    runpy.run_module("benchmarks", run_name="__main__")
