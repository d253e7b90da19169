"""The manifest of a finished step: what it belongs to, and the hash of each of its files.

It is the last file of a step that is written, and holds a hash of itself. So a file that was damaged, or taken from
another step or another run, is noticed when it is read.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from satkit.utils.files import DamagedFile, sha256_of
from satkit.utils.sealed_json import read_sealed, write_sealed

NAME = "manifest.json"
WEIGHTS, CONFUSION, METRICS, HISTORY = "model.safetensors", "confusion.npy", "metrics.json", "history.csv"
FILES = (WEIGHTS, CONFUSION, METRICS, HISTORY)
MADE_AGAIN = "Run the same command again: it makes the file again."


@dataclass(frozen=True)
class Origin:
    """What the files of a step belong to.

    Attributes:
        step: Index of the step.
        strategy: Name of the strategy, for people.
        config: Hash of the configuration that decides the run's results.
    """

    step: int
    strategy: str
    config: str

    def __str__(self):
        return f"step {self.step} of {self.strategy} (configuration {self.config})"


@dataclass(frozen=True)
class Manifest:
    """What a finished step consists of.

    Attributes:
        step, strategy, config: As in `Origin`.
        teacher: Hash of the weights of the step before; None where there are none.
        machine: Versions, threads and device that the step was finished with.
        files: The hash of every file by its name.
    """

    step: int
    strategy: str
    config: str
    teacher: str | None
    machine: dict
    files: dict[str, str]

    def check(self, folder: Path, name: str) -> Path:
        """The path of a file of the step that is what was written.

        Raises:
            DamagedFile: If it is missing, or another file stands in its place.
        """
        path, remedy = folder / name, train_again(folder) if name == WEIGHTS else MADE_AGAIN
        if not path.exists():
            raise DamagedFile(path, "is missing", remedy)
        if sha256_of(path) != self.files.get(name):
            raise DamagedFile(path, "is damaged, or of another step: its hash is not the manifest's", remedy)
        return path

    def damaged(self, folder: Path) -> list[str]:
        """Names of the files that are not what was written."""
        return [name for name in self.files if not _holds(lambda name=name: self.check(folder, name))]


def write_manifest(folder: Path, origin: Origin, teacher: str | None, machine: dict) -> None:
    """Write the manifest of a step whose other files are there."""
    files = {name: sha256_of(folder / name) for name in FILES if (folder / name).exists()}
    write_sealed(folder / NAME, asdict(Manifest(**asdict(origin), teacher=teacher, machine=machine, files=files)))


def read_manifest(folder: Path, origin: Origin) -> Manifest:
    """The manifest of a step.

    Raises:
        DamagedFile: If it is missing, damaged, or belongs to another step or run.
    """
    path = folder / NAME
    if not path.exists():
        raise DamagedFile(path, "is missing", train_again(folder))
    try:
        manifest = Manifest(**read_sealed(path, train_again(folder)))
    except TypeError as error:  # sound, but with other entries
        raise DamagedFile(path, f"is of another version of satkit ({error})", train_again(folder)) from error
    there = Origin(manifest.step, manifest.strategy, manifest.config)
    if there != origin:
        raise DamagedFile(path, f"belongs to {there}, not to {origin}", train_again(folder))
    return manifest


def train_again(folder: Path) -> str:
    """What to do where a file of a step is damaged and does not follow from others."""
    return (
        f"Put the file back from a copy, or delete {folder} and the folders of later steps: the same command trains "
        "them again."
    )


def _holds(check: Callable[[], object]) -> bool:
    try:
        check()
    except DamagedFile:
        return False
    return True
