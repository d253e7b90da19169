"""The data sets: one file each, with class names, expected folders and their files."""
