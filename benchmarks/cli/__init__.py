"""The command line, `linreg-bench`: the only package that imports both `engine` and `reports`."""
