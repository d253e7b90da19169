"""Whole jobs: many runs, their tables, figures and reports."""
