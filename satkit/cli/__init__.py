"""The satkit command."""
