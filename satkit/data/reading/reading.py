"""From files on disk to a data set: checked and decoded once, then stored, so that later reads are fast.

Each data set on disk lists its files in `DataFiles`, without opening an image. `read` does the rest for all of them.
The stored arrays have a key made of the name, size and modification time of every file: if one of them changes,
everything is read again.
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
from satkit.utils.disk_places import expanded
from satkit.utils.errors import UsageError
from satkit.utils.saying import saying

SPLITS = ("train", "test")
TRIES, BETWEEN_TRIES = 10, 0.1  # to open what was stored; seconds
FIRST_REPORT = 2.0  # seconds of reading before the first line of progress
REPORT_EVERY = 5.0  # seconds


@dataclass(frozen=True)
class DataFiles:
    """The files of a data set on disk, before any of them is read.

    Attributes:
        name: The name it is chosen by.
        root: Its folder.
        class_names: By label; `class_names[0]` is "background".
        train: Files of the training images.
        test: Files of the test images.
        table: Label of each of the 256 values of a mask.
        values: The values that a mask may hold.
        problems: Problems of the folders and names.
        domains: All domains in the order of learning; empty for data without domains.
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
        """Changes with the files' names, sizes and modification times, and with the table of labels."""
        digest = hashlib.sha256(repr((store.VERSION, self.name, sorted(self.values), self.table.tolist())).encode())
        with saying(f"Comparing the files of {self.name} with what is stored ..."):
            for split in SPLITS:
                for pair in getattr(self, split):
                    digest.update(repr((split, pair.name, pair.domain, self._facts(pair))).encode())
        return digest.hexdigest()

    def _facts(self, pair: Pair) -> list[tuple[str, int, int]]:
        return [(str(file.relative_to(self.root)), *_size_and_time(file)) for file in (pair.image, pair.mask)]

    @property
    def store(self) -> Path:
        """The folder in the cache for the decoded arrays: one for each folder on disk and table of labels."""
        identity = (str(self.root.resolve()), [len(getattr(self, split)) for split in SPLITS], self.table.tolist())
        return store.cache_folder() / "data" / f"{self.name}-{hashlib.sha256(repr(identity).encode()).hexdigest()[:16]}"


@dataclass
class Scan:
    """The result of reading all files.

    Attributes:
        problems: All problems, warnings included.
        fingerprint: A hash of all pixels and labels.
        pairs: Number of pairs that were read.
        seconds: Time it took.
    """

    problems: list[Problem]
    fingerprint: str
    pairs: int
    seconds: float


def root_folder(title: str, root: str | Path, layout: str, source: str) -> Path:
    """The folder of a data set.

    Raises:
        UsageError: If there is no such folder; the message shows the expected tree and where to get the data.
    """
    folder = expanded(root)
    if not str(root) or not folder.is_dir():
        got = f"{str(root)!r}, which is not a folder" if str(root) else "none"
        text = f"{title} needs its folder, got {got}. Get the data from {source}, and pass its folder with --root ROOT:"
        raise UsageError(f"{text}\n{layout}")
    return folder


def read(files: DataFiles) -> SegmentationData:
    """The data set: read and checked the first time, afterwards mapped from the stored arrays.

    Raises:
        DataError: If there are problems, with every file concerned.
        UsageError: If the decoded arrays cannot be stored.
    """
    data = _kept(files)
    if data is not None:
        return data
    scan = scan_and_keep(files)
    raise_if(scan.problems)
    if scan.problems:
        found = counted(len(scan.problems), "warning")
        warnings.warn(f"{files.name} can be used, with {found}:\n{listing(scan.problems)}", DataWarning, 2)
    for _ in range(TRIES):  # another process may be putting its own store in this place
        if (data := _kept(files)) is not None:
            return data
        time.sleep(BETWEEN_TRIES)
    raise UsageError(f"The files in {files.root} changed while they were read. Run the same again.")


def scan_and_keep(files: DataFiles) -> Scan:
    """Read every file, find all problems, and store the decoded arrays if there are none but warnings.

    Raises:
        UsageError: If they cannot be stored.
    """
    filled, key = None, files.key  # taken before reading, since files may change meanwhile
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


def scan_files(files: DataFiles, into: Path | None = None, report: Callable[[str], None] | None = None) -> Scan:
    """Read every file once and find all problems of the data set.

    Args:
        into: Folder to store decoded arrays in; None stores nothing.
        report: Called with a line of progress every few seconds; by default prints to the error stream.
    """
    with saying("Looking for links that lead out of the folder ..."):
        problems = [*files.problems, *links_outside(files.root, (*files.train, *files.test))]
    num_labels, started, count = len(files.class_names), time.monotonic(), 0
    progress = _Progress(files, report)
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
    """A line of progress every few seconds while many files are read."""

    def __init__(self, files: DataFiles, report: Callable[[str], None] | None):
        self.files, self.total = files, len(files.train) + len(files.test)
        self.report = report or (lambda line: print(line, file=sys.stderr, flush=True))
        self.started = time.monotonic()
        self.next = FIRST_REPORT

    def show(self, count: int) -> None:
        """Report how much has been read, if it is time."""
        seconds = time.monotonic() - self.started
        if seconds < self.next or count == self.total:
            return
        self.next = seconds + REPORT_EVERY
        left = seconds / count * (self.total - count)
        self.report(f"Reading {self.files.name} for the first time: {count} of {self.total}, about {left:.0f} s left")


def _nothing_in(pair: Pair) -> Problem:
    detail = f"all of its pixels are ignored, {IGNORE} in the labels"
    return Problem(str(pair.mask), "mask without a label", detail, warning=True)


def _no_room(files: DataFiles, error: OSError) -> UsageError:
    return UsageError(
        f"{files.name} is decoded once and stored in {files.store.parent}, which failed ({error}). "
        "It takes 4 bytes a pixel. Set SATKIT_CACHE to a folder with enough space that can be written."
    )


def _size_and_time(file: Path) -> tuple[int, int]:
    try:
        facts = file.stat()
    except OSError:
        return 0, 0
    return facts.st_size, facts.st_mtime_ns
