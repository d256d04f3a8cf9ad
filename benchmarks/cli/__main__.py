"""`python -m benchmarks.cli`."""

from benchmarks.cli import main

main()
