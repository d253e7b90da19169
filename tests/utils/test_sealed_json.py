"""Sealed files are read as they were written, or refused."""

import json
import math

import pytest

from satkit.utils.files import DamagedFile, write_json
from satkit.utils.sealed_json import read_sealed, write_sealed

VALUES = {"name": "犬", "scores": [0.1, 1e-9, 3], "nested": {"b": None, "a": True}}


@pytest.fixture
def path(tmp_path):
    write_sealed(tmp_path / "values.json", VALUES)
    return tmp_path / "values.json"


def test_values_are_read_as_they_were_written(path):
    assert read_sealed(path, "") == VALUES


def test_not_a_number_is_null_and_still_sound(path):
    write_sealed(path, {"old": math.nan, "order": (1, 2)})
    assert read_sealed(path, "") == {"old": None, "order": [1, 2]}


def test_another_layout_of_the_same_values_is_sound(path):
    path.write_text(json.dumps(json.loads(path.read_text()), sort_keys=True, indent=7))
    assert read_sealed(path, "") == VALUES


def is_refused(path):
    try:
        read_sealed(path, "")
    except DamagedFile:
        return True
    return False


def test_every_changed_bit_is_noticed_unless_it_changes_no_value(path):
    sound, same = path.read_bytes(), 0
    for place in range(len(sound)):
        for bit in range(8):
            data = bytearray(sound)
            data[place] ^= 1 << bit
            path.write_bytes(data)
            if is_refused(path):
                continue
            assert read_sealed(path, "") == VALUES
            same += 1  # the letters of 1e-09 and of an escaped character may be large or small
    assert same < 5


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '"text"', "{}", '{"sha256": 3}', "\x00", "[" * 100_000])
def test_what_is_no_sealed_file_is_refused_with_the_remedy(path, text):
    path.write_text(text)
    with pytest.raises(DamagedFile, match=r"values\.json (is damaged|must hold).* Mend it\.$"):
        read_sealed(path, "Mend it.")


def test_a_file_without_a_hash_is_refused(path):
    write_json(path, VALUES)
    with pytest.raises(DamagedFile, match="it holds no hash"):
        read_sealed(path, "")


def test_a_missing_file_is_no_damage(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_sealed(tmp_path / "nothing.json", "")


def test_every_changed_bit_is_noticed(path):
    sound = path.read_bytes()
    for place in range(len(sound)):
        for bit in range(8):
            data = bytearray(sound)
            data[place] ^= 1 << bit
            path.write_bytes(data)
            try:
                assert read_sealed(path, "") == VALUES
            except DamagedFile:
                continue
