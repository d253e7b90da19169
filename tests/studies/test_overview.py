"""All studies of a folder with their scores."""

import pytest
from tiny import SETTINGS

from satkit.experiments.run_folder import Run
from satkit.experiments.study_folder import StudyFolder
from satkit.studies.overview import overview
from satkit.studies.study import prepare


@pytest.mark.usefixtures("tiny")
def test_the_overview_says_how_far_each_study_has_come(tmp_path):
    assert overview(tmp_path).startswith("No runs in ")
    study = StudyFolder(tmp_path / "half", SETTINGS)
    prepare(study, ("fine-tuning", "sats"))
    scores = {"old": 0.5, "new": None, "all": 0.25, "forgetting": 0.125, "kept": 1.0}
    Run.open(study.folder / "sats").finish(scores)
    lines = [" ".join(line.split()) for line in overview(tmp_path).splitlines()]
    assert lines[:2] == ["half (not finished)", "run steps old new all forgetting kept"]
    assert lines[3:] == [
        "base 0 of 1 - - - - -",
        "fine-tuning 0 of 2 - - - - -",
        "sats 0 of 2 50.0 - 25.0 12.5 100.0",
    ]
