"""Places on disk as users name them, and what is said about one that cannot be used."""

import errno
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path

from satkit.utils.errors import UsageError, shown

# What an operating system answers where a place cannot hold files; other errors are no fault of the place.
OF_A_PLACE = (
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOENT, errno.ELOOP),
    *(errno.ENAMETOOLONG, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO),
)
UNDER_WAY = re.compile(r"\.tmp-\d+-[0-9a-f]+$")  # what a file is called until it is whole
FULL = (errno.ENOSPC, errno.EDQUOT)
# Variables in which matplotlib and IPython look for their folders; they fail at a link that leads back to itself.
OF_LIBRARIES = ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR", "IPYTHONDIR")


def expanded(place: str | Path) -> Path:
    """A path in which `~` stands for a home folder.

    Raises:
        UsageError: If there is no such home folder, or a character that no path can hold.
    """
    if not _is_storable(str(place)):
        raise UsageError(f"A path must be text that the system can store, got {shown(str(place))}. Rename it.")
    try:
        return Path(place).expanduser()
    except RuntimeError:
        name = str(place).split(os.sep)[0]
        raise UsageError(f"There is no home folder for {name!r} in {str(place)!r}. Give the whole path.") from None


def resolved(place: str | Path) -> Path:
    """An absolute path without links, in which `~` stands for a home folder; it need not exist.

    Raises:
        UsageError: As `expanded`, or for links that lead to themselves.
    """
    path = expanded(place)
    with suppress(RuntimeError):  # by which Python tells of such a link, until 3.12
        if not leads_back(path):
            return path.resolve()
    raise UsageError(f"{place} is a link that leads back to itself. Name the place that is meant.")


def leads_back(place: Path) -> bool:
    """Whether a path is, or lies below, a link that leads back to itself."""
    try:
        place.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def check_environment() -> None:
    """Raise where libraries would fail at the working folder, or at one that the environment names.

    Raises:
        UsageError: If the working folder has been removed, or naming the variable.
    """
    try:
        os.getcwd()
    except FileNotFoundError:
        raise UsageError("The working folder has been removed. Change to another one, and run this again.") from None
    for name in OF_LIBRARIES:
        place = os.environ.get(name, "")
        if place and leads_back(Path(place)):
            raise UsageError(
                f"{name} must name a folder, got {shown(place)}, a link that leads back to itself. "
                "Set it to another place, or unset it."
            )


def no_file(folder: Path, instead: str) -> Path:
    """The same folder, which may not exist yet.

    Args:
        instead: What to do if it can be none, a sentence.

    Raises:
        UsageError: If it is a file, or below one.
    """
    file = next((place for place in (folder, *folder.parents) if place.is_file()), None)
    if file:
        where = "is one" if file == folder else f"is below the file {file}"
        raise UsageError(f"Runs are kept in a folder, not in a file, but {folder} {where}. {instead}")
    return folder


def can_hold(file: str | Path) -> Path:
    """The absolute path of a file that can be written there, for a command that writes it after minutes of work.

    Raises:
        UsageError: If it cannot, and as `expanded`.
    """
    path = expanded(file).absolute()
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with tempfile.TemporaryFile(dir=path.parent):
            return path
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}). Name a file in a folder that can.") from None


def _is_storable(place: str) -> bool:
    """Whether the file system can hold a path of these characters."""
    try:
        return b"\0" not in os.fsencode(place)
    except UnicodeEncodeError:  # half of a character
        return False


def home_or_temporary() -> Path:
    """The home folder; where there is none, as in some containers, a folder of this user for temporary files."""
    try:
        return Path.home()
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"home-of-{os.getuid() if hasattr(os, 'getuid') else 'user'}"


def unusable(error: OSError) -> str:
    """One sentence about a place that cannot be used; "" if the error is not about a place."""
    if error.errno not in OF_A_PLACE or (error.filename is None and error.errno not in FULL):
        return ""
    where = UNDER_WAY.sub("", str(error.filename2 or error.filename)) if error.filename else "The disk"
    if error.errno in FULL:
        return f"{where} cannot be written, because the disk is full. Free some space, and run the same command again."
    return (
        f"{where} cannot be used ({os.strerror(error.errno)}). Name another place: with the options of the command, "
        "with SATKIT_RUNS for runs, with SATKIT_CACHE for decoded data."
    )
