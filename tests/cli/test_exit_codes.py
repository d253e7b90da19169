"""`satkit run` as a process: its exit code says how it went, and what was done before it failed is kept."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from notebook_files import printed, wait_for, write
from PIL import Image
from places import ROOT

import satkit
from satkit.utils.interrupts import HANGUP

pytestmark = pytest.mark.slow
SHIFT = 'seed: int = 0  # decides everything random\ncolour: str = "red"  # red or blue'


def start(folder, *words):
    """The command `satkit run ...` with all runs in a folder."""
    own = {
        "SATKIT_RUNS": str(folder / "runs"),
        "SATKIT_PROGRESS": str(folder / "progress.json"),
        "OMP_NUM_THREADS": "1",
    }
    env = {**os.environ, "PYTHONPATH": str(Path(satkit.__file__).parent.parent), **own}
    command = [sys.executable, "-m", "satkit", "run", *words]
    return subprocess.Popen(command, env=env, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    try:
        out, error = process.communicate(timeout=300)
    finally:
        process.kill()
    return process.returncode, out, error


def complaints(error):
    """The lines of an error stream but those about work that takes long."""
    waiting = r"Loading the libraries \.\.\.|.*: .*running for .*"
    return [line for line in error.splitlines() if not re.fullmatch(waiting, line)]


def is_training(progress):
    """Whether iterations are being done, and some are left."""
    try:
        state = json.loads(progress.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    return 1 <= state["done"] < state["total"]


def test_a_notebook_that_runs_gives_0_and_says_where_it_is(tmp_path):
    path = write(tmp_path / "a.ipynb", "print(seed)", parameters=SHIFT)
    code, out, error = finish(start(tmp_path, str(path), "-p", "seed=3", "--out", "done/a.ipynb"))
    assert (code, complaints(error)) == (0, [])
    assert re.fullmatch(r".*done/a\.ipynb \(took .+\)\n", out)
    assert printed(tmp_path / "done" / "a.ipynb") == "3\n"


def test_a_wrong_parameter_gives_2_before_anything_runs(tmp_path):
    path = write(tmp_path / "a.ipynb", "print(seed)", parameters=SHIFT)
    code, out, error = finish(start(tmp_path, str(path), "-p", "sede=3", "--out", "a-out.ipynb"))
    assert (code, out) == (2, "")
    assert "Did you mean 'seed'?" in error
    assert len(complaints(error)) == 1
    assert not (tmp_path / "a-out.ipynb").exists()


def test_a_run_that_fails_gives_1_names_the_cell_and_keeps_the_partial_notebook(tmp_path):
    path = write(tmp_path / "a.ipynb", "print('begun')", "1 / 0", "print('after')")
    failed = finish(start(tmp_path, str(path), "--out", "partial.ipynb"))
    is_told(failed, "ZeroDivisionError: division by zero", tmp_path / "partial.ipynb")


@pytest.mark.parametrize(
    ("source", "options", "said"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", (), "KernelDied"),
        ("import time; time.sleep(60)", ("--timeout", "1"), "CellTimeout"),
    ],
    ids=["a dead kernel", "a cell that takes too long"],
)
def test_so_does_one_whose_kernel_dies_or_takes_too_long(tmp_path, satkit_says, source, options, said):
    path = write(tmp_path / "a.ipynb", "print('begun')", source, "print('after')")
    output = tmp_path / "partial.ipynb"
    is_told(satkit_says("run", str(path), "--out", str(output), *options), said, output)


def is_told(failed, said, output):
    """Whether a run has failed as it should: exit code, output, error, and what is kept."""
    code, out, error = failed
    assert (code, out) == (1, "")
    assert said in error
    assert "in cell In [2]" in error
    assert f"The partial notebook is kept: {output}" in error
    assert "Traceback" not in error
    assert printed(output) == "begun\n"


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX does")
@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (HANGUP, 129)])  # SIGTERM goes the same way
def test_an_interrupted_lesson_keeps_a_checkpoint_and_goes_on_from_it(tmp_path, number, expected):
    words = ("06", "-p", "preset=smoke", "--out", "06.ipynb")
    process = start(tmp_path, *words)
    try:
        wait_for(lambda: is_training(tmp_path / "progress.json"), seconds=120)
        process.send_signal(number)
        code, out, error = finish(process)
    finally:
        process.kill()
    assert (code, out) == (expected, "")
    assert "run the same command again to go on" in error
    partial = nbformat.read(str(tmp_path / "06.ipynb"), 4)
    assert any(cell.get("execution_count") for cell in partial.cells)
    (checkpoint,) = (tmp_path / "runs").rglob("checkpoint.safetensors")
    assert checkpoint.stat().st_size > 0
    code, out, error = finish(start(tmp_path, *words))
    assert (code, complaints(error)) == (0, [])
    assert not list((tmp_path / "runs").rglob("checkpoint.safetensors"))
    assert list((tmp_path / "runs").rglob("metrics.json"))


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end as POSIX does")
def test_a_reader_that_has_seen_enough_ends_the_command_quietly(tmp_path):
    env = {**os.environ, "PYTHONPATH": str(Path(satkit.__file__).parent.parent)}
    command = f"{sys.executable} -m satkit run --list | true"
    ended = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], env=env, cwd=tmp_path, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


PLACES = {
    "a file in place of the folder of runs": (["runs"], {"SATKIT_RUNS": "file"}),
    "runs below a file": (["study", "--preset", "smoke"], {"SATKIT_RUNS": "file/runs"}),
    "an export onto a file": (["export", "file"], {}),
    "a sheet below a file": (["data", "show", "scenes", "--images", "2", "--out", "file/sheet.png"], {}),
    "a bench below a file": (["bench", "--out", "file/bench.json"], {}),
    "an output below a file": (["run", "00", "--out", "file/00.ipynb"], {}),
    "a study below a file": (["study", "--preset", "smoke", "--out", "file/study"], {}),
    "a report of a file": (["report", "./file"], {}),
    "the home of nobody": (["study", "--preset", "smoke", "--out", "~nosuchuser/study"], {}),
    "data in the home of nobody": (["data", "check", "folder", "--root", "~nosuchuser/data"], {}),
    "runs in the home of nobody": (["runs"], {"SATKIT_RUNS": "~nosuchuser/runs"}),
}


@pytest.mark.parametrize(("words", "environment"), PLACES.values(), ids=PLACES)
def test_a_place_that_cannot_be_used_is_one_sentence(tmp_path, words, environment):
    (tmp_path / "file").write_text("not a folder")
    done = subprocess.run(
        [sys.executable, "-m", "satkit", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr
    assert (tmp_path / "file").read_text() == "not a folder"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("satkit: ")
    assert "unrecognized" not in done.stderr
    assert not list(tmp_path.glob("~*"))


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_a_console_without_a_character_shows_its_number(tmp_path, encoding):
    images, masks = tmp_path / "images", tmp_path / "masks"
    for folder in (images, masks):
        folder.mkdir()
        for number in range(4):
            Image.fromarray(np.full((8, 8), number % 3, dtype=np.uint8)).save(folder / f"{number}.png")
    (tmp_path / "classes.txt").write_text("0 background\n1 犬\n2 cat\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "satkit", "data", "check", "folder", "--root", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert b"\\u72ac" in done.stdout
