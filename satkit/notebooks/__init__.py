"""The lessons: found, checked, executed, copied."""
