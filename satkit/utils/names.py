"""Names of folders made of names for people."""


def slug(name: str) -> str:
    """A name as the name of a folder: small letters and digits, with dashes for everything else."""
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())
