"""Scenes of the playground in files: short names in one folder, and never another file in the way."""

from pathlib import Path

from satkit.data.datasets.scene_objects import Scene
from satkit.utils.errors import UsageError, shown
from satkit.utils.files import replacing
from satkit.utils.names import file_name

SUFFIX = ".json"
LARGEST = 100_000  # bytes; a scene has about 300 an object


def save_scene(name: str, scene: Scene, folder: Path) -> Path:
    """Write a scene into a file of a folder; gives its path.

    Raises:
        UsageError: For a name that leads out of the folder, or a file that is there and holds something else.
    """
    path = _path(name, folder)
    if path.exists():
        _read(path, "Choose another name.")
    try:
        with replacing(path) as temporary:
            temporary.write_text(scene.to_json(), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path.name} must be in a folder that can be written ({error}). Choose another.") from error
    return path


def load_scene(name: str, folder: Path) -> Scene:
    """The scene in a file of a folder.

    Raises:
        UsageError: For a file that is missing, or holds something else.
    """
    path = _path(name, folder)
    if not path.is_file():
        raise UsageError(f"There must be a file {shown(path.name)} in the notebook's folder. Save a scene first.")
    return _read(path, "Choose a file that the playground has saved.")


def _path(name: str, folder: Path) -> Path:
    name = file_name(name.strip(), "scene")
    return folder / (name if name.lower().endswith(SUFFIX) else name + SUFFIX)


def _read(path: Path, remedy: str) -> Scene:
    try:
        if path.stat().st_size > LARGEST:
            raise UsageError(f"a scene has at most {LARGEST} bytes")
        return Scene.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, UsageError) as error:
        reason = str(error).rstrip(".")
        raise UsageError(f"{path.name} must hold a scene of the playground ({reason}). {remedy}") from error
