"""`python -m benchmarks`."""

from benchmarks.cli.app import main

main()
