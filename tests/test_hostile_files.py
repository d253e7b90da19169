"""Hostile JSON in the files of runs and studies: readers refuse it in one sentence that names the file, or use it."""

import json
import shutil
import struct
import warnings
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
from satkit.utils.files import sha256_of
from satkit.utils.sealed_json import _digest, read_sealed, write_sealed

SETTINGS = {"settings": {**Settings().plain(), "root": ""}}
CONFIG = read_sealed(asset("models/sats/config.json"), "")
RUN_RESULT = read_sealed(asset("models/sats/result.json"), "")
del RUN_RESULT["per_class"]


@pytest.fixture
def study(tmp_path):
    """A finished study: every file in which the readers below look."""
    folder = tmp_path / "runs" / "study"
    write = {"study.json": SETTINGS, "result.json": RESULT, "seconds.json": {"06_base": 3.5, "07_sats_step1": 9.0}}
    for run in ("base", "sats"):
        (folder / run).mkdir(parents=True)
        write |= {f"{run}/config.json": CONFIG, f"{run}/result.json": RUN_RESULT}
    for name, value in write.items():
        write_sealed(folder / name, value)
    figure = plt.figure(figsize=(0.2, 0.2))
    keep_figure(figure, folder / "figures", "10-scores", **WORDS)
    plt.close(figure)
    return folder


def runs_overview(folder):
    text = overview(folder.parent)
    if "damaged" in text:
        raise UsageError(" ".join(text.split()))


def sealed(content):
    """The same with a right hash, if it is a JSON object: whoever changes a file on purpose can do that too."""
    try:
        values = json.loads(content)
        return json.dumps({**values, "sha256": _digest(values)}).encode() if isinstance(values, dict) else content
    except (ValueError, RecursionError):
        return content


def noticed(reader, study):
    """What a reader says, as an error or as a warning; "" if it says nothing."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        return refusal(reader, study) or " ".join(str(each.message) for each in heard)


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
    for content in contents(read_sealed(file, "")):
        for form in (content, sealed(content)):
            file.write_bytes(form)
            for reader in READERS[name]:
                said = noticed(reader, study)
                assert not said or str(study) in said
                assert said or form != content  # nothing without a right hash is used
                refused += bool(said)
    assert refused >= 68  # with a right hash, what is no JSON object is still refused by all


def test_the_settings_of_a_study_without_study_json_are_read_with_the_same_care(study):
    (study / "study.json").unlink()
    for name in ("result.json", "sats/config.json"):
        for content in contents(read_sealed(study / name, ""), 60):
            (study / name).write_bytes(sealed(content))
            said = noticed(stored_settings, study)
            assert not said or str(study / name) in said
        (study / "result.json").unlink(missing_ok=True)
        shutil.rmtree(study / "base", ignore_errors=True)


def test_a_damaged_study_does_not_hide_the_hint_at_another(study, monkeypatch):
    monkeypatch.setenv("SATKIT_RUNS", str(study.parent))
    (study / "study.json").write_text("{")
    with pytest.raises(UsageError, match="There is no study studi .*Did you mean 'study'"):
        existing_study("studi")
    with pytest.warns(UserWarning, match="must hold a JSON object"):
        assert existing_study("study") == study  # whose settings its runs know


def test_a_picture_of_a_figure_that_is_none_is_refused_and_never_put_into_the_page(study, tmp_path):
    secret, picture = tmp_path / "secret.txt", study / "figures" / "10-scores.png"
    secret.write_text("a password")
    picture.unlink()
    picture.symlink_to(secret)
    with pytest.warns(UserWarning, match=r"10-scores\.png is damaged.* It is left out"):
        assert "a password" not in write_report(study).read_text()
    about = {"name": "10-scores", **WORDS}
    write_sealed(picture.with_suffix(".json"), {**about, "picture": sha256_of(secret)})
    with pytest.raises(UsageError, match=r"10-scores\.png must be a PNG picture, and it is none"):
        write_report(study)
    picture.unlink()
    header = struct.pack(">4sIIBBBBB", b"IHDR", 60_000, 60_000, 8, 2, 0, 0, 0)
    data = [b"\x89PNG\r\n\x1a\n", struct.pack(">I", 13), header, struct.pack(">I", zlib.crc32(header))]
    picture.write_bytes(b"".join(data) + struct.pack(">I4s", 0, b"IDAT") + b"\0" * 4)
    write_sealed(picture.with_suffix(".json"), {**about, "picture": sha256_of(picture)})
    with pytest.raises(UsageError, match="10-scores.png has 3,600,000,000 pixels, more than the 89,478,485"):
        write_report(study)


def test_fifty_hostile_notebooks_are_refused_in_one_sentence_or_read(tmp_path):
    path = tmp_path / "hostile.ipynb"
    cell = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": ["a: int = 1"], "outputs": []}
    for content in contents({"nbformat": 4, "cells": [cell], "metadata": {}}, 60):
        path.write_bytes(content)
        said = refusal(read_notebook, path, errors=NotebookError)
        assert not said or str(path) in said
