"""Files are complete or absent, and a damaged file of weights is an error."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

import satkit
from satkit.utils.errors import UsageError
from satkit.utils.files import (
    DamagedFile,
    load_tensors,
    read_json,
    replacing,
    save_plain_tensors,
    save_tensors,
    tensors_digest,
    try_lock,
    write_json,
)
from satkit.utils.interrupts import Terminated, terminating

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(satkit.__file__).parents[1])}


def every_kind():
    torch.manual_seed(0)
    return {
        "float32": torch.randn(3, 4),
        "float64": torch.randn(2, dtype=torch.float64),
        "bfloat16": torch.randn(5).bfloat16(),
        "float16": torch.randn(5).half(),
        "bool": torch.tensor([True, False, True]),
        "int64": torch.tensor([-(2**62), 0, 2**62]),
        "uint8": torch.arange(7, dtype=torch.uint8),
        "a number": torch.tensor(3.5),
        "an iteration": torch.tensor(17),
        "empty": torch.empty(0, 4),
        "undefined": torch.tensor([float("nan"), float("inf"), -0.0]),
        "transposed": torch.arange(6.0).view(2, 3).t(),
    }


def as_bytes(tensor):
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def same(one, other):
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype
        and one[name].shape == other[name].shape
        and as_bytes(one[name]) == as_bytes(other[name])
        for name in one
    )


def small_file(path):
    tensors = {
        "weight": torch.tensor([1.0, -2.0]),
        "seen": torch.tensor([True, False]),
        "step": torch.tensor(3),
    }
    header = {"backbone": "mit_quick", "counts": [4, 2]}
    save_tensors(path, tensors, header)
    return tensors, header


class TestReplacing:
    def test_the_new_file_takes_the_old_ones_place(self, tmp_path):
        path = tmp_path / "scores.txt"
        path.write_text("old")
        with replacing(path) as temporary:
            temporary.write_text("new")
            assert path.read_text() == "old"
        assert path.read_text() == "new"
        assert list(tmp_path.iterdir()) == [path]

    def test_an_error_leaves_the_old_file_and_nothing_else(self, tmp_path):
        path = tmp_path / "scores.txt"
        path.write_text("old")

        def fail():
            with replacing(path) as temporary:
                temporary.write_text("half")
                raise RuntimeError("the disk is full")

        with pytest.raises(RuntimeError, match="the disk is full"):
            fail()
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]

    def test_an_error_where_there_was_no_file_leaves_none(self, tmp_path):
        def fail():
            with replacing(tmp_path / "scores.txt"):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fail()
        assert list(tmp_path.iterdir()) == []

    def test_the_temporary_file_lies_beside_its_place_under_a_name_of_its_own(self, tmp_path):
        path = tmp_path / "scores.txt"
        with replacing(path) as one, replacing(path) as other:
            assert one.parent == other.parent == tmp_path
            assert len({one, other, path}) == 3
            one.write_text("one")
            other.write_text("other")
        assert path.read_text() == "one"  # the block that ends last

    def test_content_is_on_the_disk_before_the_name_is(self, tmp_path, monkeypatch):
        calls = []
        fsync, replace = os.fsync, os.replace
        monkeypatch.setattr("satkit.utils.files.os.fsync", lambda number: (calls.append("fsync"), fsync(number)))
        monkeypatch.setattr("satkit.utils.files.os.replace", lambda *names: (calls.append("replace"), replace(*names)))
        with replacing(tmp_path / "scores.txt") as temporary:
            temporary.write_text("new")
        assert calls[:2] == ["fsync", "replace"]


class TestTensors:
    def test_round_trip_of_every_kind_of_tensor(self, tmp_path):
        tensors, header = every_kind(), {"counts": [16, 5], "name": "Zürich"}
        digest = save_tensors(tmp_path / "model.safetensors", tensors, header)
        loaded, loaded_header = load_tensors(tmp_path / "model.safetensors")
        assert same(loaded, {name: tensor.contiguous() for name, tensor in tensors.items()})
        assert loaded_header == header
        assert len(digest) == 64

    def test_round_trip_of_no_tensors(self, tmp_path):
        save_tensors(tmp_path / "empty.safetensors", {}, {"a": 1})
        assert load_tensors(tmp_path / "empty.safetensors") == ({}, {"a": 1})

    def test_parameters_are_saved_as_values(self, tmp_path):
        save_tensors(tmp_path / "model.safetensors", dict(torch.nn.Linear(2, 3).named_parameters()), {})
        loaded, _ = load_tensors(tmp_path / "model.safetensors")
        assert not any(tensor.requires_grad for tensor in loaded.values())

    def test_hash_does_not_depend_on_order(self, tmp_path):
        tensors = every_kind()
        first = save_tensors(tmp_path / "a", tensors, {"a": 1, "b": 2})
        assert save_tensors(tmp_path / "b", dict(reversed(tensors.items())), {"b": 2, "a": 1}) == first

    @pytest.mark.parametrize(
        ("tensors", "header"),
        [
            ({"x": torch.zeros(2, 3)}, {"a": 2}),
            ({"y": torch.zeros(2, 3)}, {"a": 1}),
            ({"x": torch.ones(2, 3)}, {"a": 1}),
            ({"x": torch.zeros(3, 2)}, {"a": 1}),
            ({"x": torch.zeros(2, 3, dtype=torch.int32)}, {"a": 1}),
            ({"x": torch.zeros(2, 3), "empty": torch.empty(0)}, {"a": 1}),
        ],
        ids=["header", "name", "values", "shape", "type", "one more"],
    )
    def test_hash_depends_on_all_that_is_written(self, tmp_path, tensors, header):
        first = save_tensors(tmp_path / "a", {"x": torch.zeros(2, 3)}, {"a": 1})
        assert save_tensors(tmp_path / "b", tensors, header) != first

    def test_loaded_tensors_may_be_changed_without_changing_the_file(self, tmp_path):
        path = tmp_path / "model.safetensors"
        small_file(path)
        before = path.read_bytes()
        for tensor in load_tensors(path)[0].values():
            tensor.zero_()
        assert path.read_bytes() == before

    def test_a_flipped_bit_in_any_byte_is_noticed(self, tmp_path):
        path = tmp_path / "model.safetensors"
        small_file(path)
        whole = path.read_bytes()
        draw = random.Random(0)
        for position in range(len(whole)):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << draw.randrange(8)
            path.write_bytes(damaged)
            with pytest.raises(DamagedFile, match="is damaged"):
                load_tensors(path)

    def test_random_damage_to_a_larger_file_is_never_loaded_as_something_else(self, tmp_path):
        path = tmp_path / "model.safetensors"
        save_tensors(path, every_kind() | {"large": torch.randn(100, 100)}, {"counts": [16, 5]})
        whole = path.read_bytes()
        draw = random.Random(0)
        for _ in range(100):
            damaged = bytearray(whole)
            damaged[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
            path.write_bytes(damaged)
            with pytest.raises(DamagedFile, match="is damaged"):
                load_tensors(path)

    def test_a_truncated_file_is_noticed_wherever_it_ends(self, tmp_path):
        path = tmp_path / "model.safetensors"
        small_file(path)
        whole = path.read_bytes()
        for length in range(len(whole)):
            path.write_bytes(whole[:length])
            with pytest.raises(DamagedFile, match="is damaged"):
                load_tensors(path)
        path.write_bytes(whole + b"\0")
        with pytest.raises(DamagedFile, match="is damaged"):
            load_tensors(path)

    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(DamagedFile, match=r"nothing\.safetensors is missing"):
            load_tensors(tmp_path / "nothing.safetensors")

    @pytest.mark.skipif(os.name == "nt", reason="signals are sent as POSIX does")
    @pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)])
    def test_a_signal_while_a_file_is_read_is_not_taken_for_damage(self, tmp_path, monkeypatch, number, error):
        path = tmp_path / "model.safetensors"
        small_file(path)
        read = torch.UntypedStorage.__getitem__

        def interrupted(storage, *place):
            try:
                signal.raise_signal(number)
            except (KeyboardInterrupt, SystemExit):
                raise ValueError("as PyTorch's C code does") from None
            return read(storage, *place)

        monkeypatch.setattr(torch.UntypedStorage, "__getitem__", interrupted)
        with terminating(), pytest.raises(error):
            load_tensors(path)

    def test_weights_of_another_program_are_refused(self, tmp_path):
        path = tmp_path / "other.safetensors"
        path.write_bytes(safetensors.torch.save({"weight": torch.ones(2)}))
        with pytest.raises(DamagedFile, match="does not match its hash"):
            load_tensors(path)


class TestJson:
    def test_round_trip(self, tmp_path):
        value = {
            "name": "Zürich",
            "steps": [{"old": 0.5}],
            "order": (1, 2),
            "whole": 3,
            "yes": True,
            "none": None,
        }
        write_json(tmp_path / "a.json", value)
        assert read_json(tmp_path / "a.json") == {**value, "order": [1, 2]}

    def test_what_is_not_a_number_becomes_null(self, tmp_path):
        value = {"a": float("nan"), "b": [float("inf"), {"c": np.float32("nan")}], "d": (np.nan, 1.5)}
        write_json(tmp_path / "a.json", value)

        def refuse(constant):
            raise AssertionError(f"{constant} is no JSON")

        text = (tmp_path / "a.json").read_text()
        assert json.loads(text, parse_constant=refuse) == {
            "a": None,
            "b": [None, {"c": None}],
            "d": [None, 1.5],
        }

    def test_numpy_numbers_are_written_as_numbers(self, tmp_path):
        write_json(tmp_path / "a.json", {"a": np.int64(3), "b": np.float64(0.5), 4: 5})
        assert read_json(tmp_path / "a.json") == {"a": 3, "b": 0.5, "4": 5}

    def test_a_value_that_cannot_be_written_leaves_the_old_file(self, tmp_path):
        path = tmp_path / "a.json"
        write_json(path, {"a": 1})
        with pytest.raises(TypeError):
            write_json(path, {"a": object()})
        assert read_json(path) == {"a": 1}
        assert list(tmp_path.iterdir()) == [path]


HOLD = """
import sys
from satkit.utils.files import try_lock
with open(sys.argv[1], "a+") as file:
    print(try_lock(file), flush=True)
    sys.stdin.read()
"""


class TestLock:
    def test_a_second_process_is_kept_out_until_the_first_ends(self, tmp_path):
        path = tmp_path / ".lock"
        command = [sys.executable, "-c", HOLD, str(path)]
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
        with subprocess.Popen(command, **pipes) as holder:
            assert holder.stdout.readline() == "True\n"
            with path.open("a+") as file:
                assert not try_lock(file)
            holder.kill()  # however it ends
            holder.wait(timeout=60)
        with path.open("a+") as file:
            assert try_lock(file)

    def test_closing_the_file_lets_go(self, tmp_path):
        for _ in range(2):
            with (tmp_path / ".lock").open("a+") as file:
                assert try_lock(file)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Expecting value"),
        (b"[1]", "it is of type list"),
        (b"\xff{}", "codec can't decode byte"),
        (b'{"a": NaN}', "NaN is no number of JSON"),
        (b'{"a": 1e999}', "1e999 is no number of JSON"),
        (b'{"a": ' + b"1" * 5000 + b"}", "Exceeds the limit"),
        (b"[" * 100_000, "recursion"),
        (b'{"a":' * 150 + b"1" + b"}" * 150, "it is nested deeper than 100"),
        (b'{"a": "\\ud800"}', "surrogates not allowed"),
    ],
)
def test_a_file_that_holds_no_object_of_json_is_refused_in_one_sentence(tmp_path, content, reason):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=f"a.json must hold a JSON object, got something else .*{reason}") as caught:
        read_json(path)
    assert len(str(caught.value).splitlines()) == 1


def test_every_character_of_a_sound_file_comes_back(tmp_path):
    (tmp_path / "a.json").write_text('{"a": "\\ud83d\\ude00", "b": "\\u200f"}')
    assert read_json(tmp_path / "a.json") == {"a": "\U0001f600", "b": "\u200f"}


def test_weights_whose_header_is_missing_are_damaged(tmp_path):
    path = tmp_path / "a.safetensors"
    safetensors.torch.save_file({}, path, metadata={"sha256": hashlib.sha256(b"").hexdigest()})
    with pytest.raises(DamagedFile, match="does not match its hash"):
        load_tensors(path)


def test_plain_tensors_are_read_by_every_program_and_have_the_hash_of_their_values(tmp_path):
    tensors = every_kind()
    digest = save_plain_tensors(tmp_path / "a.safetensors", tensors)
    found = safetensors.torch.load_file(tmp_path / "a.safetensors")
    assert {name: as_bytes(value) for name, value in found.items()} == {n: as_bytes(v) for n, v in tensors.items()}
    assert tensors_digest(found) == tensors_digest(dict(reversed(tensors.items()))) == digest
    assert tensors_digest({**tensors, "a number": torch.tensor(3.0)}) != digest
    with pytest.raises(DamagedFile, match="does not match its hash"):  # it has no header of satkit
        load_tensors(tmp_path / "a.safetensors")
