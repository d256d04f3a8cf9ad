"""Figures, tables and pages, drawn from run files and from nothing else."""
