"""Where runs and studies live, and the names that they may have."""

import os
import re
from pathlib import Path

from satkit.utils.disk_places import no_file, resolved
from satkit.utils.errors import UsageError
from satkit.utils.names import file_name

NAME = re.compile(r"[^\W_][\w.+-]{0,79}")


def runs_root() -> Path:
    """Where runs live: $SATKIT_RUNS, else `runs` in the working directory.

    Notebooks of the source tree and their solutions share the `runs` beside the folder `notebooks`.

    Raises:
        UsageError: If a file is in its place.
    """
    if os.environ.get("SATKIT_RUNS"):
        return no_file(resolved(os.environ["SATKIT_RUNS"]), "Set SATKIT_RUNS to a folder.")
    here = Path.cwd()
    here = here.parent if here.parts[-2:] == ("notebooks", "solutions") else here
    place = (here.parent if here.name == "notebooks" else here) / "runs"
    return no_file(place, "Set SATKIT_RUNS to another folder, or give the file another name.")


def run_folder(name: str | Path, root: Path | None = None) -> Path:
    """The folder of a run or study called `name`; an existing path stays as it is.

    Raises:
        UsageError: If the name could lead out of the folder of runs.
    """
    text = str(name)
    if os.sep in text or text.startswith("."):
        return resolved(text)
    if not NAME.fullmatch(text):
        raise UsageError(
            f"A run's name must begin with a letter or digit and hold only letters, digits and . _ + - "
            f"(at most 80), got {text!r}."
        )
    return (root or runs_root()) / file_name(text, "run")
