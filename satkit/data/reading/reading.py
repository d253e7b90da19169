"""From files on disk to a data set: checked, decoded once and kept, so that the next time takes a moment.

Each data set on disk says what belongs to it with `DataFiles`, without opening an image. `read` does the rest, the same
for all of them. What is kept belongs to a key made of the name, size and time of change of every file: when one of them
changes, everything is read again.
"""

import hashlib
import shutil
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from satkit.data.dataset import SegmentationData
from satkit.data.labels import IGNORE
from satkit.data.reading import store
from satkit.data.reading.check import content_hash, examine, shared_images
from satkit.data.reading.pairs import Pair, links_outside
from satkit.data.reading.problems import DataWarning, Problem, counted, listing, raise_if
from satkit.utils.errors import UsageError

SPLITS = ("train", "test")
SAY_AFTER = 3.0  # seconds of reading without a word
SAY_EVERY = 5.0


@dataclass(frozen=True)
class DataFiles:
    """Where a data set lies on disk, before anything of it is read.

    Attributes:
        name: The name it is chosen by.
        root: Its folder.
        class_names: By label; `class_names[0]` is "background".
        train: Files of the images to learn from.
        test: Files of the images that scores are computed on.
        table: Label of each of the 256 values of a mask.
        values: The values that a mask may hold.
        problems: What is wrong with the folders and names.
        domains: Places where images were taken, in the order of learning, if they are known.
    """

    name: str
    root: Path
    class_names: tuple[str, ...]
    train: tuple[Pair, ...]
    test: tuple[Pair, ...]
    table: np.ndarray
    values: frozenset[int]
    problems: tuple[Problem, ...] = ()
    domains: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Changes with the files' names, sizes and times of change, and with how their values are read."""
        digest = hashlib.sha256(repr((store.VERSION, self.name, sorted(self.values), self.table.tolist())).encode())
        for split in SPLITS:
            for pair in getattr(self, split):
                facts = [(str(file.relative_to(self.root)), *_size_and_time(file)) for file in (pair.image, pair.mask)]
                digest.update(repr((split, pair.name, pair.domain, facts)).encode())
        return digest.hexdigest()

    @property
    def store(self) -> Path:
        """The folder in the cache that holds what was decoded: one for each place on disk and way to read it."""
        asked = (str(self.root.resolve()), [len(getattr(self, split)) for split in SPLITS], self.table.tolist())
        return store.cache_folder() / "data" / f"{self.name}-{hashlib.sha256(repr(asked).encode()).hexdigest()[:16]}"


@dataclass
class Scan:
    """What reading all files has found.

    Attributes:
        problems: Everything wrong, by file, warnings included.
        fingerprint: A hash of all pixels and labels.
        pairs: How many pairs were read.
        seconds: How long that took.
    """

    problems: list[Problem]
    fingerprint: str
    pairs: int
    seconds: float


def root_folder(title: str, root: str | Path, layout: str, source: str) -> Path:
    """The folder of a data set.

    Raises:
        UsageError: If there is none; it says which tree is expected and where to get the data.
    """
    folder = Path(root).expanduser()
    if not str(root) or not folder.is_dir():
        got = f"{str(root)!r}, which is no folder" if str(root) else "none"
        text = f"{title} needs its folder, got {got}. Get the data from {source}, and pass its folder with --root ROOT:"
        raise UsageError(f"{text}\n{layout}")
    return folder


def read(files: DataFiles) -> SegmentationData:
    """The data set: read and checked the first time, afterwards mapped from what was kept.

    Raises:
        DataError: If anything is wrong, with every file concerned.
        UsageError: If there is no room to keep what is decoded.
    """
    data = _kept(files)
    if data is not None:
        return data
    scan = scan_and_keep(files)
    raise_if(scan.problems)
    if scan.problems:
        found = counted(len(scan.problems), "thing")
        warnings.warn(f"{files.name} can be used, with {found} to know:\n{listing(scan.problems)}", DataWarning, 2)
    data = _kept(files)
    if data is None:
        raise UsageError(f"The files in {files.root} changed while they were read. Run the same again.")
    return data


def scan_and_keep(files: DataFiles) -> Scan:
    """Read every file, find everything wrong, and keep what was decoded unless something is.

    Raises:
        UsageError: If there is no room to keep it.
    """
    filled, key = None, files.key  # of what is about to be read: files may change meanwhile
    try:
        filled = store.new_folder(files.store)
        scan = scan_files(files, filled)
        if all(problem.warning for problem in scan.problems):
            notes = [str(problem) for problem in scan.problems]
            store.keep(filled, files.store, {"key": key, "fingerprint": scan.fingerprint, "warnings": notes})
    except OSError as error:
        raise _no_room(files, error) from error
    finally:
        if filled:
            shutil.rmtree(filled, ignore_errors=True)
    return scan


def scan_files(files: DataFiles, into: Path | None = None, say: Callable[[str], None] | None = None) -> Scan:
    """Read every file once and find everything wrong with the data set.

    Args:
        into: Folder to store what is decoded in; None keeps nothing.
        say: Called with a line of progress now and then; by default prints to the error stream.
    """
    problems = [*files.problems, *links_outside(files.root, (*files.train, *files.test))]
    num_labels, started, count = len(files.class_names), time.monotonic(), 0
    progress = _Progress(files, say)
    digests: dict[str, dict[str, Path]] = {split: {} for split in SPLITS}
    whole = hashlib.sha256()
    for split in SPLITS:
        with _writer(into, split) as writer:
            for examined in examine(getattr(files, split), num_labels, files.values):
                problems += examined.problems
                count += 1
                progress.show(count)
                if examined.image is None or any(not problem.warning for problem in examined.problems):
                    continue
                labels = np.take(files.table, examined.mask)
                present = np.bincount(labels.ravel(), minlength=256)[:num_labels] > 0
                if not present.any():
                    problems.append(_nothing_in(examined.pair))
                image_hash = content_hash([examined.image])
                digests[split][image_hash] = examined.pair.image
                whole.update(f"{split} {examined.pair.domain} {image_hash} {content_hash([labels])}".encode())
                if writer:
                    writer.add(examined.image, labels, present)
    problems += shared_images(digests["train"], digests["test"])
    return Scan(problems, whole.hexdigest(), count, time.monotonic() - started)


def _kept(files: DataFiles) -> SegmentationData | None:
    if any(not problem.warning for problem in files.problems):
        return None
    manifest = store.find(files.store, files.key)
    if manifest is None:
        return None
    splits = []
    for split in SPLITS:
        pairs = getattr(files, split)
        domains = tuple(pair.domain for pair in pairs) if any(pair.domain for pair in pairs) else ()
        splits.append(store.open_split(files.store, split, tuple(pair.name for pair in pairs), domains))
    if any(split is None for split in splits):
        return None
    return SegmentationData(files.name, files.class_names, *splits, manifest["fingerprint"], files.domains)


class _NoWriter:
    def __enter__(self):
        return None

    def __exit__(self, *_):
        pass


def _writer(into: Path | None, split: str):
    return store.Writer(into, split) if into else _NoWriter()


class _Progress:
    """A line now and then while many files are read."""

    def __init__(self, files: DataFiles, say: Callable[[str], None] | None):
        self.files, self.total = files, len(files.train) + len(files.test)
        self.say = say or (lambda line: print(line, file=sys.stderr, flush=True))
        self.started = time.monotonic()
        self.next = SAY_AFTER

    def show(self, count: int) -> None:
        """Say how far reading has come, if it is time to."""
        seconds = time.monotonic() - self.started
        if seconds < self.next or count == self.total:
            return
        self.next = seconds + SAY_EVERY
        left = seconds / count * (self.total - count)
        self.say(f"Reading {self.files.name} for the first time: {count} of {self.total}, about {left:.0f} s left")


def _nothing_in(pair: Pair) -> Problem:
    detail = f"all of its pixels are ignored, {IGNORE} in the labels"
    return Problem(str(pair.mask), "mask without a label", detail, warning=True)


def _no_room(files: DataFiles, error: OSError) -> UsageError:
    return UsageError(
        f"{files.name} is decoded once and kept in {files.store.parent}, which failed ({error}). "
        "It takes 4 bytes a pixel. Set SATKIT_CACHE to a folder with room that can be written."
    )


def _size_and_time(file: Path) -> tuple[int, int]:
    try:
        facts = file.stat()
    except OSError:
        return 0, 0
    return facts.st_size, facts.st_mtime_ns
