"""Names that people choose: as a file or folder, which cannot lead out of where it belongs, and in a line of text."""

import hashlib
import unicodedata

from satkit.utils.errors import UsageError, shown

LONGEST = 90  # bytes of a name that is made; with what is added to it, a file system takes 255
LONGEST_GIVEN = 160  # bytes of a name that is given
# What Windows keeps for devices, whatever follows behind a dot.
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
FORBIDDEN = frozenset('/\\:*?"<>|')  # in names of files, on some system
TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # the direction of text


def slug(name: str) -> str:
    """A name as the name of a folder: small letters and digits, with dashes for everything else.

    One that would be longer than `LONGEST` bytes ends in a hash instead; one that Windows keeps gets a dash. It is ""
    where there is neither letter nor digit.
    """
    text = "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())
    if len(text.encode()) > LONGEST:
        start = text.encode()[: LONGEST - 9].decode(errors="ignore").rstrip("-")
        text = f"{start}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return f"{text}-" if text in DEVICES else text


def file_name(name: str, what: str) -> str:
    """The name as it is, if it can be that of one file or folder on every system.

    Args:
        what: What is named, for the message: "figure".

    Raises:
        UsageError: For a name that leads to another folder, or that some system cannot have.
    """
    reason = ""
    if not name or name.strip(". ") == "":
        reason = "it has neither letters nor digits"
    elif bad := [c for c in name if c in FORBIDDEN or is_control(c)]:
        reason = f"it holds {bad[0]!r}"
    elif name[-1] in ". ":
        reason = f"it ends in {name[-1]!r}"
    elif name.split(".")[0].lower() in DEVICES:
        reason = "Windows keeps it for a device"
    elif len(name.encode(errors="replace")) > LONGEST_GIVEN:
        reason = f"it is longer than {LONGEST_GIVEN} bytes"
    if reason:
        raise UsageError(f"The name of a {what} must be one that a file can have, got {shown(name)}: {reason}.")
    return name


def is_control(character: str) -> bool:
    """Whether a character is no text: it ends a line, moves a cursor, or is half of another."""
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")


def printable(text: str, keep: str = "") -> str:
    """A text for a terminal: what would move the cursor or turn the direction of reading is written as a number.

    Args:
        keep: Characters that stay, such as the end of a line.
    """
    return "".join(
        c if c in keep or not (is_control(c) or c in TURNING) else c.encode("unicode_escape").decode() for c in text
    )
