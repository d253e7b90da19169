"""Whatever takes longer than two seconds says what it is doing; here every piece of work counts as one that does."""

import numpy as np
import pytest
from PIL import Image
from run_files import CONFIG, finish_step

from satkit.experiments.run_folder import Run
from satkit.notebooks.runner import NotebookResult

pytestmark = pytest.mark.usefixtures("runs")
LOADING = "Loading the libraries ..."


class AtOnce:
    """A timer that does not wait."""

    def __init__(self, seconds, function):
        self.start, self.seconds = function, seconds

    def cancel(self):
        assert self.seconds == 2  # so long nothing is said


@pytest.fixture
def lines(satkit_says, monkeypatch, tmp_path):
    """The lines that a command writes to the error stream if everything takes long."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SATKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("satkit.utils.saying.QUIET_SECONDS", 2)
    monkeypatch.setattr("satkit.utils.saying.threading.Timer", AtOnce)
    for module in ("data.datasets.drawn", "studies.verification", "notebooks.run_progress"):
        monkeypatch.setattr(f"satkit.{module}.QUIET_SECONDS", 0.0)
    return lambda line: satkit_says(*line.split())[2].splitlines()


@pytest.fixture
def own_data(tmp_path):
    """A folder of somebody's own images and masks."""
    for folder in ("images", "masks"):
        (tmp_path / "mine" / folder).mkdir(parents=True)
        for number in range(6):
            pixels = np.arange(number, number + 64, dtype=np.uint8).reshape(8, 8)
            Image.fromarray(pixels % 3 if folder == "masks" else pixels).save(
                tmp_path / "mine" / folder / f"{number}.png"
            )


def test_a_study_says_what_it_draws_checks_and_writes(lines, monkeypatch):
    monkeypatch.setattr("satkit.studies.study.run_jobs", lambda *_: None)
    monkeypatch.setattr("satkit.studies.study.collect", lambda *_: None)
    monkeypatch.setattr("satkit.studies.study.WarmKernels.start", None)
    said = lines("study --preset smoke --strategies fine-tuning")
    assert said[0] == LOADING
    assert [line for line in said if line.startswith("scenes, train images drawn: 0 %")]
    assert "Checking the runs that are there ..." in said
    assert "Writing the report ..." in said


def test_a_report_says_that_it_is_written(lines):
    assert lines("report x")[:2] == [LOADING, "Writing the report ..."]


def test_a_list_of_runs_says_that_they_are_read_and_a_check_how_far_it_is(lines, runs):
    finish_step(Run.create(runs / "one" / "base", CONFIG), 0)
    assert lines("runs")[:2] == [LOADING, "Reading the runs ..."]
    said = lines("runs --verify")
    assert said[:2] == [LOADING, "Checking every file of one ..."]
    assert said[-1].startswith("one, runs checked: 1 of 1, took")


@pytest.mark.usefixtures("own_data")
def test_a_check_of_data_says_each_of_its_parts(lines):
    assert lines("data check folder --root mine") == [
        LOADING,
        "Listing the images and masks ...",
        "Looking which values the masks hold ...",
        "Comparing the files of folder with what is stored ...",
        "Looking for links that lead out of the folder ...",
        "Comparing the files of folder with what is stored ...",
        "Counting the pixels of every class ...",
    ]


@pytest.mark.usefixtures("own_data")
def test_contact_sheets_say_that_they_are_drawn_and_written(lines):
    said = lines("data show folder --root mine --images 2")
    assert "Choosing the images of the contact sheet ..." in said
    assert said[-1] == "Writing the contact sheets ..."


def test_a_notebook_says_for_how_long_it_runs(lines, monkeypatch, tmp_path):
    def run(path, output, values, *, on_poll, on_cell, env, timeout):
        assert env["SATKIT_PROGRESS"]
        on_poll()
        return NotebookResult(output, 1.0, values)

    monkeypatch.setattr("satkit.notebooks.runner.run_notebook", run)
    assert lines("run 00") == [LOADING, "00_start_here: running for 0 s"]


def test_an_export_and_a_prediction_say_that_the_model_is_read_and_how_far_they_are(lines, monkeypatch, tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    monkeypatch.setattr("satkit.studies.image_masks.QUIET_SECONDS", 0.0)
    assert lines("models export sats mine") == [LOADING, "Reading the model ..."]
    first, second, third, *progress = lines("predict mine a.png --out masks")
    assert [first, second] == [LOADING, "Reading the model ..."]
    assert third.startswith("Model: step 1 of SATS in ")
    assert progress[-1].startswith("images predicted: 1 of 1, took ")


def test_the_gallery_names_a_lesson_before_it_runs(lines, monkeypatch):
    def run(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("satkit.notebooks.gallery.run_notebook", run)
    assert lines("gallery 00 --times --out times")[:2] == [LOADING, "1 of 1: 00_start_here ..."]


def test_the_reference_study_says_that_it_looks_for_what_is_missing(lines, monkeypatch):
    monkeypatch.setattr("satkit.studies.sweep.Sweep.carry_out", lambda *_: True)
    monkeypatch.setattr("satkit.studies.attention_study.ReferenceStudy.entries", lambda self: [])
    monkeypatch.setattr("satkit.studies.attention_study.ReferenceStudy.collect", lambda self: ["rows.csv"])
    assert lines("reference --seeds 0 --out reference") == [LOADING, "Looking which runs are missing ..."]


@pytest.mark.parametrize(
    ("line", "first"),
    [
        ("doctor", "Looking at what is installed ..."),
        ("strategies", LOADING),
        ("pretrain --backbone nothing", LOADING),
        ("bench --sizes huge", LOADING),
    ],
)
def test_other_commands_say_at_least_that_they_begin(lines, line, first):
    assert lines(line)[0] == first
