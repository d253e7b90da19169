"""Hostile JSON in the files of runs and studies: readers refuse it in one sentence that names the file, or use it."""

import shutil
import struct
import zlib

import matplotlib.pyplot as plt
import pytest
from hostile import contents, refusal
from study_files import RESULT, WORDS

from satkit.experiments.run_folder import Run
from satkit.experiments.settings import Settings
from satkit.experiments.study_folder import existing_study, stored_settings
from satkit.notebooks.finding import NotebookError, read_notebook
from satkit.studies.overview import overview
from satkit.studies.report import write_report
from satkit.studies.saved_figures import keep_figure, kept_figures
from satkit.studies.study import known_seconds
from satkit.studies.study_result import read_result
from satkit.utils.assets import asset
from satkit.utils.errors import UsageError
from satkit.utils.files import read_json, write_json

SETTINGS = {"settings": {**Settings().plain(), "root": ""}}
CONFIG = read_json(asset("models/sats/config.json"))
RUN_RESULT = {name: value for name, value in read_json(asset("models/sats/result.json")).items() if name != "per_class"}


@pytest.fixture
def study(tmp_path):
    """A finished study: every file in which the readers below look."""
    folder = tmp_path / "runs" / "study"
    write = {"study.json": SETTINGS, "result.json": RESULT, "seconds.json": {"06_base": 3.5, "07_sats_step1": 9.0}}
    for run in ("base", "sats"):
        (folder / run).mkdir(parents=True)
        write |= {f"{run}/config.json": CONFIG, f"{run}/result.json": RUN_RESULT}
    for name, value in write.items():
        write_json(folder / name, value)
    figure = plt.figure(figsize=(0.2, 0.2))
    keep_figure(figure, folder / "figures", "10-scores", **WORDS)
    plt.close(figure)
    return folder


def runs_overview(folder):
    return overview(folder.parent)


# The readers of each file of a study.
READERS = {
    "study.json": (stored_settings,),
    "result.json": (lambda folder: read_result(folder / "result.json"), write_report),
    "seconds.json": (known_seconds,),
    "figures/10-scores.json": (lambda folder: kept_figures(folder / "figures"), write_report),
    "sats/config.json": (lambda folder: Run.open(folder / "sats"), runs_overview, write_report),
    "sats/result.json": (runs_overview,),
}


@pytest.mark.parametrize("name", READERS)
def test_fifty_hostile_contents_of_a_file_end_in_one_sentence_or_are_used(study, name):
    file, refused = study / name, 0
    for reader in READERS[name]:
        reader(study)  # all is well before
    for content in contents(read_json(file)):
        file.write_bytes(content)
        for reader in READERS[name]:
            said = refusal(reader, study)
            assert not said or str(file) in said
            refused += bool(said)
    assert refused >= 18  # what is no JSON object is refused by all


def test_the_settings_of_a_study_without_study_json_are_read_with_the_same_care(study):
    (study / "study.json").unlink()
    for name in ("result.json", "sats/config.json"):
        for content in contents(read_json(study / name), 60):
            (study / name).write_bytes(content)
            said = refusal(stored_settings, study)
            assert not said or str(study / name) in said
        (study / "result.json").unlink(missing_ok=True)
        shutil.rmtree(study / "base", ignore_errors=True)


def test_a_damaged_study_does_not_hide_the_hint_at_another(study, monkeypatch):
    monkeypatch.setenv("SATKIT_RUNS", str(study.parent))
    (study / "study.json").write_text("{")
    with pytest.raises(UsageError, match="There is no study studi .*Did you mean 'study'"):
        existing_study("studi")
    with pytest.raises(UsageError, match="must hold a JSON object"):
        existing_study("study")


def test_a_picture_of_a_figure_that_is_none_is_refused_and_never_put_into_the_page(study, tmp_path):
    secret, picture = tmp_path / "secret.txt", study / "figures" / "10-scores.png"
    secret.write_text("a password")
    picture.unlink()
    picture.symlink_to(secret)
    with pytest.raises(UsageError, match="10-scores.png must be a PNG picture, and it is none"):
        write_report(study)
    picture.unlink()
    header = struct.pack(">4sIIBBBBB", b"IHDR", 60_000, 60_000, 8, 2, 0, 0, 0)
    data = [b"\x89PNG\r\n\x1a\n", struct.pack(">I", 13), header, struct.pack(">I", zlib.crc32(header))]
    picture.write_bytes(b"".join(data) + struct.pack(">I4s", 0, b"IDAT") + b"\0" * 4)
    with pytest.raises(UsageError, match="10-scores.png has 3,600,000,000 pixels, more than the 89,478,485"):
        write_report(study)


def test_fifty_hostile_notebooks_are_refused_in_one_sentence_or_read(tmp_path):
    path = tmp_path / "hostile.ipynb"
    cell = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": ["a: int = 1"], "outputs": []}
    for content in contents({"nbformat": 4, "cells": [cell], "metadata": {}}, 60):
        path.write_bytes(content)
        said = refusal(read_notebook, path, errors=NotebookError)
        assert not said or str(path) in said
