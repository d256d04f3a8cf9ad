"""What a run file says: estimates with intervals, rows, comparisons. Nothing is measured here."""
