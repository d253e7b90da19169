"""Target policies: what the loss uses instead of the labels."""
