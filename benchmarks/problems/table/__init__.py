"""The user's own data: any table of numbers that people have, read to one answer or refused.

`files` gets the bytes, which `packed` unpacks, and knows what they are, `dialect` how text is laid
out, `numbers` what a cell says, `columns` which columns are features, and `table` makes a workload
of them. What was found out is said in the workload's description.
"""

from typing import TYPE_CHECKING

from backends.lazy import lazy

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc
else:  # a certified set needs neither
    pa, pc = lazy("pyarrow"), lazy("pyarrow.compute")

__all__ = ["pa", "pc"]
