"""A search through commands and places: whatever place a user names, a command works or says in one sentence why not.

Nothing is trained here: a command that would begin to has accepted the place.
"""

import contextlib
import functools
import os

import pytest
from PIL import Image

from satkit.data.datasets.drawn import DrawnData

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links, pipes and devices are those of POSIX")

PLACES = {
    "a file": "file",
    "below a file": "file/x",
    "a link to itself": "loop",
    "a link to nothing": "dangling",
    "a pipe": "pipe",
    "a full device": "/dev/full",
    "where nothing can be made": "/proc/nowhere/x",
    "a name that is too long": "y" * 300,
    "the home of nobody": "~nosuchuser/x",
    "an empty text": "",
    "two lines": "a\nb",
    "half a character": "\udcff",
}
ARGUMENTS = (
    "study --preset smoke --out {}",
    "study --data folder --preset smoke --root {}",
    "report {}",
    "runs {}",
    "runs {} --verify",
    "run {}",
    "run 00 --out {}.ipynb",
    "data check folder --root {}",
    "data check voc --root {}",
    "data show scenes --images 1 --out {}.png",
    "strategies {}.py:x",
    "bench --out {}",
    "pretrain --check --preset smoke --out {}",
    "predict sats {} --out masks",
    "predict {} file --out masks",
    "predict sats picture.png --out {}",
    "models export {} model",
    "models export sats {}",
    "study --preset smoke --base {}",
    "export {}",  # which makes a folder
)
ENVIRONMENT = {
    "SATKIT_RUNS": ("study --preset smoke", "runs", "run 00"),
    "SATKIT_CACHE": ("study --preset smoke",),
    "HOME": ("study --preset smoke",),
    "TMPDIR": ("run 00",),
    "MPLCONFIGDIR": ("run 00",),
    "IPYTHONDIR": ("run 00",),
}


class Begun(BaseException):
    """A command has checked everything and begins its work."""


@pytest.fixture
def ask(tmp_path, monkeypatch, satkit_says):
    """Calls a command line among odd places; its exit code, None if it began its work, and what it complained of."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SATKIT_RUNS", "runs")
    (tmp_path / "file").write_text("x")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere" / "x")
    os.mkfifo(tmp_path / "pipe")
    Image.new("RGB", (64, 64)).save(tmp_path / "picture.png")

    def begin(*_, **__):
        raise Begun

    monkeypatch.setattr("satkit.studies.study.warm_kernels", contextlib.nullcontext)
    for work in (
        "studies.study.run_jobs",
        "notebooks.execution.execute",
        "studies.bench.measure",
        "experiments.pretraining.repeat",
    ):
        monkeypatch.setattr(f"satkit.{work}", begin)
    monkeypatch.setattr(DrawnData, "first", once_drawn)

    def ask(*words):
        try:
            code, _, complaint = satkit_says(*words)
        except Begun:
            return None, ""
        return code, complaint

    return ask


@functools.cache
def once_drawn(data, split, count, size, seed):
    """A few images, as many times as there must be, since what they show does not matter here."""
    images, labels = FIRST(data, split, 4, size, seed)
    return images.repeat(-(-count // 4), axis=0)[:count], labels.repeat(-(-count // 4), axis=0)[:count]


FIRST = DrawnData.first


def is_said(code, complaint):
    """Whether a command has worked, begun to, or complained once."""
    complaints = [line for line in complaint.splitlines() if line.startswith("satkit: ")]
    return "Traceback" not in complaint and (code in (0, None) or (code == 2 and len(complaints) == 1))


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_no_command_ends_in_a_traceback_at_an_odd_place(ask, place):
    for line in ARGUMENTS:
        words = [word.replace("{}", place) for word in line.split()]
        code, complaint = ask(*words)
        assert is_said(code, complaint), (words, code, complaint)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_nor_does_one_whose_environment_names_it(ask, monkeypatch, place):
    for name, lines in ENVIRONMENT.items():
        with monkeypatch.context() as patch:
            if name == "HOME":
                patch.delenv("SATKIT_CACHE")
            patch.setenv(name, place)
            for line in lines:
                code, complaint = ask(*line.split())
                assert is_said(code, complaint), (name, line, code, complaint)


def test_this_search_finds_a_command_that_raises_or_prints_a_traceback(ask, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("satkit.studies.run_listing.listing", broken)
    with pytest.raises(ZeroDivisionError):
        ask("runs")
    assert not is_said(2, "satkit: No.\nTraceback (most recent call last):")
    assert not is_said(2, "")
    assert not is_said(1, "satkit: It failed.")
