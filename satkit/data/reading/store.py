"""The store of decoded images and labels: plain uint8 in files that are mapped into memory.

A store is a folder in the cache: `manifest.json` and, for each split, `NAME.images`, `NAME.labels` (the values, one
image after the other) and `NAME.sizes.npy`, `NAME.present.npy`. The manifest is written last and holds the key of the
content; a store with another key, or with files of the wrong length, counts as missing. Processes that use the same
data share its pages in memory, and a data set may be larger than the memory.
"""

import math
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from satkit.data.dataset import Split
from satkit.utils.disk_places import home_or_temporary, resolved
from satkit.utils.files import read_json, write_json

VERSION = 1  # of the files in a store
ABANDONED = 3600.0  # seconds without a change, after which an unfinished store is removed


def cache_folder() -> Path:
    """Where drawn and decoded data is stored: $SATKIT_CACHE, else `.cache/satkit` in the home folder.

    Raises:
        UsageError: As `resolved`.
    """
    return resolved(os.environ.get("SATKIT_CACHE") or home_or_temporary() / ".cache" / "satkit")


class Writer:
    """Stores a split, one image after the other; a context manager that closes its files."""

    def __init__(self, folder: Path, name: str):
        self.folder, self.name = folder, name
        self.sizes: list[tuple[int, int]] = []
        self.present: list[np.ndarray] = []

    def __enter__(self) -> "Writer":
        self.images, self.labels = ((self.folder / f"{self.name}.{kind}").open("wb") for kind in ("images", "labels"))
        return self

    def __exit__(self, *_) -> None:
        for file in (self.images, self.labels):
            file.close()
        np.save(self.folder / f"{self.name}.sizes.npy", np.array(self.sizes, dtype=np.int64).reshape(-1, 2))
        np.save(self.folder / f"{self.name}.present.npy", np.array(self.present, dtype=bool))

    def add(self, image: np.ndarray, labels: np.ndarray, present: np.ndarray) -> None:
        """Append an image, uint8 (height, width, 3), its labels, uint8 (height, width), and which labels occur."""
        self.images.write(np.ascontiguousarray(image).data)
        self.labels.write(np.ascontiguousarray(labels).data)
        self.sizes.append(labels.shape)
        self.present.append(present)


def new_folder(store: Path) -> Path:
    """An empty folder beside a store; fill it, then let it replace the store with `keep`.

    Folders that killed processes have left are removed.
    """
    store.parent.mkdir(parents=True, exist_ok=True)
    for left in store.parent.glob(f"{store.name}.tmp-*"):
        try:
            changed = max(path.stat().st_mtime for path in (left, *left.iterdir()))
        except OSError:  # another process has just moved it
            continue
        if time.time() - changed > ABANDONED:
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{store.name}.tmp-", dir=store.parent))


def keep(filled: Path, store: Path, manifest: dict) -> None:
    """Replace a store by a filled folder, with its manifest."""
    write_json(filled / "manifest.json", {**manifest, "version": VERSION})
    shutil.rmtree(store, ignore_errors=True)
    try:
        os.replace(filled, store)
    except OSError:  # another process was faster
        shutil.rmtree(filled, ignore_errors=True)


def find(store: Path, key: str) -> dict | None:
    """The manifest of a store; None if there is no store with this key."""
    try:
        manifest = read_json(store / "manifest.json")
    except (OSError, ValueError):
        return None
    return manifest if (manifest.get("version"), manifest.get("key")) == (VERSION, key) else None


def open_split(store: Path, name: str, names: tuple[str, ...], domains: tuple[str, ...] = ()) -> Split | None:
    """A split of a store, mapped into memory; None if its files have the wrong length."""
    try:
        sizes, present = (np.load(store / f"{name}.{kind}.npy", allow_pickle=False) for kind in ("sizes", "present"))
        images, labels = (
            np.memmap(store / f"{name}.{kind}", dtype=np.uint8, mode="r") for kind in ("images", "labels")
        )
    except (OSError, ValueError, EOFError):
        return None
    areas = sizes.prod(axis=1)
    if len(sizes) != len(names) or (len(images), len(labels)) != (3 * areas.sum(), areas.sum()):
        return None
    ends = np.cumsum(areas).tolist()
    shapes = [tuple(size) for size in sizes.tolist()]
    return Split(_cut(images, ends, shapes, 3), _cut(labels, ends, shapes, 1), present, names, domains)


def _cut(values: np.memmap, ends: list[int], shapes: list[tuple[int, int]], channels: int) -> Sequence[np.ndarray]:
    """The images in a row of values: one array if all sizes are equal, see `Split`."""
    values = np.asarray(values)
    tail = (3,) if channels == 3 else ()
    if len(set(shapes)) == 1:
        return values.reshape(len(shapes), *shapes[0], *tail)
    return [
        values[channels * (end - math.prod(shape)) : channels * end].reshape(*shape, *tail)
        for end, shape in zip(ends, shapes, strict=True)
    ]
