"""From files on disk to arrays: paired, checked, stored."""
