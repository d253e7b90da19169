"""All files of all studies are checked, and what is damaged is named."""

import matplotlib.pyplot as plt
import pytest
from run_files import CONFIG, finish_step

from satkit.experiments.run_folder import Run
from satkit.experiments.settings import Settings
from satkit.experiments.study_folder import StudyFolder
from satkit.studies.overview import overview
from satkit.studies.saved_figures import keep_figure, kept_figures
from satkit.studies.verification import verify


@pytest.fixture
def study(tmp_path):
    """A study with one finished step and a figure."""
    StudyFolder(tmp_path / "mine", Settings(preset="smoke")).remember_settings()
    finish_step(Run.create(tmp_path / "mine" / "base", {**CONFIG, "schedules": [{}]}), 0)
    figure = plt.figure(figsize=(1, 1))
    keep_figure(figure, tmp_path / "mine" / "figures", "10-x", title="A", see="B", alt="C")
    plt.close(figure)
    return tmp_path / "mine"


def damage(path):
    path.write_bytes(path.read_bytes()[:-3])


def test_a_sound_study_is_said_to_be_sound(study):
    assert verify(study) == ("mine: 7 files sound", True)
    assert verify(study.parent) == verify(study)


@pytest.mark.parametrize(
    "name",
    ["study.json", "base/config.json", "base/steps/0/model.safetensors", "base/steps/0/manifest.json"]
    + ["base/steps/0/metrics.json", "figures/10-x.json", "figures/10-x.png"],
)
def test_what_is_damaged_is_named_with_what_to_do(study, name):
    damage(study / name)
    text, sound = verify(study)
    assert not sound
    first, *problems = text.splitlines()
    assert first == "mine: 1 problem"
    assert f"{study / name} is damaged" in problems[0] or f"{study / name} must hold a JSON object" in problems[0]
    assert problems[0].count(". ") >= 1


def test_a_folder_without_studies_says_so(tmp_path):
    assert verify(tmp_path) == (f"No runs in {tmp_path}.", True)


def test_the_list_of_studies_shows_a_damaged_run_beside_the_others(study):
    finish_step(Run.create(study / "sats", {**CONFIG, "schedules": [{}, {}]}), 0)
    damage(study / "base" / "config.json")
    text = " ".join(overview(study.parent).split())
    assert "base damaged - - - - -" in text
    assert "sats 1 of 2" in text
    assert f"satkit runs --verify {study}" in text


def test_a_damaged_figure_is_left_out_with_a_word(study):
    damage(study / "figures" / "10-x.png")
    with pytest.warns(UserWarning, match=r"10-x\.png is damaged.* It is left out"):
        assert kept_figures(study / "figures") == []
