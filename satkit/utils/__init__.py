"""Helpers that know nothing of segmentation: files, seeds, errors, progress, tables."""
