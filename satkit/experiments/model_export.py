"""A model written into a folder of its own, to be shared: `satkit models export`."""

from contextlib import ExitStack, suppress
from pathlib import Path

from satkit.experiments.manifest import WEIGHTS
from satkit.experiments.model_card import card
from satkit.experiments.shared_models import CONFIG, SharedModel
from satkit.utils.disk_places import resolved
from satkit.utils.errors import UsageError
from satkit.utils.files import replacing, save_plain_tensors
from satkit.utils.sealed_json import write_sealed

CARD = "README.md"
FILES = (WEIGHTS, CARD, CONFIG)  # config.json is written last: a folder with it is whole


def export_model(model: SharedModel, folder: str | Path, licence: str = "") -> Path:
    """Write a model and its card into a folder, which is new or empty; returns the folder.

    Args:
        licence: As hubs name it; empty states none.

    Raises:
        UsageError: If there is something in the folder already; nothing of it is changed.
        OSError: If it cannot be written; what was written is removed again.
    """
    folder, text = empty_folder(folder), card(model.about, licence)
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    with ExitStack() as undone:
        undone.callback(_remove, folder, made)
        folder.mkdir(parents=True, exist_ok=True)
        save_plain_tensors(folder / WEIGHTS, model.network.state_dict())
        with replacing(folder / CARD) as temporary:
            temporary.write_text(text, encoding="utf-8")
        write_sealed(folder / CONFIG, model.about)
        undone.pop_all()  # the model is whole
    return folder


def _remove(folder: Path, made: list[Path]) -> None:
    """Remove what was written of a model, and the folders that were made for it."""
    for remove in [*((folder / name).unlink for name in FILES), *(place.rmdir for place in made)]:
        with suppress(OSError):  # what the disk said first is told
            remove()


def empty_folder(folder: str | Path) -> Path:
    """The absolute path of a folder to write into, which is new or empty.

    Raises:
        UsageError: If it is a file, or holds something.
    """
    if not str(folder):
        raise UsageError("A model is exported into a folder, got no name of one. Name a new folder.")
    folder = resolved(folder)
    file = next((place for place in (folder, *folder.parents) if place.exists() and not place.is_dir()), None)
    if file:
        raise UsageError(f"A model is exported into a folder, but {file} is a file. Name a new folder.")
    if folder.is_dir() and any(folder.iterdir()):
        raise UsageError(f"{folder} must be empty or new, and it holds something. Nothing was written. Name another.")
    return folder
