"""Runs on a cluster of Dask: each workload on one machine, the machines one by one in the report.

Nothing here is imported without `--cluster`, since Dask may not be installed.
"""
