"""The command line, which alone imports both `engine` and `reports`."""
