"""From predictions to scores, their conventions, and comparisons over seeds."""
