"""The check cells of the lessons: one module a lesson, and in it one function a cell that teaches."""
