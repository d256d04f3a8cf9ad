"""`python -m benchmarks.cli`."""

from benchmarks.cli.app import main

main()
