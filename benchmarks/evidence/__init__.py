"""Why to believe it: the suite measured by itself, on anyone's machine."""
