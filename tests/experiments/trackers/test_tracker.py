"""Names of records and of numbers are such that every tracker takes them."""

from pathlib import Path

from satkit.experiments.trackers.tracker import Place, tag


def test_a_number_is_called_by_its_step_and_its_name():
    assert tag(3, "loss/total") == "step03/loss/total"
    assert tag(12, "miou/old") == "step12/miou/old"
    assert tag(0, "loss/binary cross-entropy") == "step00/loss/binary_cross-entropy"


def test_a_record_is_called_by_study_and_run():
    place = Place(Path("runs/My study: 2/sats-memory-8"))
    assert (place.project, place.name) == ("my-study-2", "sats-memory-8")
    assert Place(Path("runs/!/sats")).project == "satkit"
