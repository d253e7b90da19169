"""Scenes in files: read as they were written, in one folder, and no other file is overwritten."""

import contextlib

import pytest
from hostile import PATHS

from satkit.data.datasets.scene_objects import scene_of
from satkit.utils.errors import UsageError
from satkit.widgets.play_files import LARGEST, load_scene, save_scene

SCENE = scene_of("test", 3, 64)


@pytest.mark.parametrize("name", ["mine", "mine.json", " mine "])
def test_a_scene_is_read_as_it_was_written(tmp_path, name):
    assert save_scene(name, SCENE, tmp_path) == tmp_path / "mine.json"
    assert load_scene("mine", tmp_path) == SCENE
    other = SCENE.to_front(0)
    save_scene(name, other, tmp_path)
    assert load_scene(name, tmp_path) == other


def test_names_lead_nowhere_else(tmp_path):
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    for name in PATHS:
        with contextlib.suppress(UsageError):
            save_scene(name, SCENE, inside)
    assert all(path.parent == inside for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize("content", [b"{}", b"\xff\xfe", b"notes of mine", b" " * (LARGEST + 1)])
def test_another_file_is_neither_read_nor_overwritten(tmp_path, content):
    path = tmp_path / "mine.json"
    path.write_bytes(content)
    for action, remedy in (
        (lambda: load_scene("mine", tmp_path), "that the playground has saved."),
        (lambda: save_scene("mine", SCENE, tmp_path), "Choose another name."),
    ):
        with pytest.raises(UsageError, match="mine.json must hold a scene of the playground") as caught:
            action()
        assert str(caught.value).endswith(remedy)
    assert path.read_bytes() == content


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(UsageError, match="There must be a file 'mine.json'"):
        load_scene("mine", tmp_path)
