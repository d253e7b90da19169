"""Loss terms: what a step minimises."""
