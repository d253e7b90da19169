"""All studies of a folder with their scores."""

import pytest
from tiny import SETTINGS

from satkit.experiments.run_folder import Run
from satkit.experiments.study_folder import StudyFolder
from satkit.studies.overview import overview
from satkit.studies.study import prepare
from satkit.utils.errors import UsageError


@pytest.mark.usefixtures("tiny")
def test_the_overview_says_how_far_each_study_has_come(tmp_path):
    assert overview(tmp_path).startswith("No runs in ")
    study = StudyFolder(tmp_path / "half", SETTINGS)
    prepare(study, ("fine-tuning", "sats"))
    scores = {"old": 0.5, "new": None, "all": 0.25, "forgetting": 0.125, "kept": 1.0}
    Run.open(study.folder / "sats").finish(scores)
    lines = [" ".join(line.split()) for line in overview(tmp_path).splitlines()]
    assert lines[:2] == ["half (not finished)", "run steps old new all forgetting kept"]
    assert lines[3:6] == [
        "base 0 of 1 - - - - -",
        "fine-tuning 0 of 2 - - - - -",
        "sats 0 of 2 50.0 - 25.0 12.5 100.0",
    ]
    note = " ".join(lines[6:])
    assert "Background counts as an old class" in note
    assert "with the last weights of each step." in note


def test_a_file_in_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="file is one. Name the folder that the studies are in."):
        overview(tmp_path / "file")
