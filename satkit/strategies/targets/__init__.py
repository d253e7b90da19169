"""Target policies: what the loss sees in place of the labels."""
