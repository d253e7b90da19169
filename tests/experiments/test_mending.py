"""What follows from sound files is made again and said; what does not is refused or left out, and said."""

import shutil

import pytest
from run_files import everything_in
from tiny_studies import opened, same_outcome

from satkit.utils.files import DamagedFile

pytestmark = pytest.mark.usefixtures("tiny_preset")


@pytest.fixture
def study(tmp_path, undisturbed):
    """A copy of a finished study."""
    shutil.copytree(undisturbed[0].folder.parent, tmp_path / "study")
    return tmp_path / "study"


def damage(path):
    path.write_bytes(path.read_bytes()[:-4] + b"1234")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "steps/1/confusion.npy",
            r"confusion\.npy of step 1 in .* was damaged and is made again",
        ),
        ("steps/0/metrics.json", r"metrics\.json of step 0 in .* was damaged and is made again"),
        ("steps/1/history.csv", r"history\.csv of step 1 in .* was damaged and is made again"),
        ("result.json", r"result\.json must hold a JSON object.* This was done now"),
        ("config.json", r"config\.json must hold a JSON object.* This was done now"),
    ],
)
def test_what_follows_from_sound_files_is_made_again_to_the_bit(study, undisturbed, name, said):
    before = everything_in(study)
    damage(study / "sats" / name)
    with pytest.warns(UserWarning, match=said):
        run = opened(study, "sats").run
    assert same_outcome(run, undisturbed[1])
    assert everything_in(study) == before


def test_damaged_weights_are_refused_and_nothing_is_changed(study):
    damage(study / "sats" / "steps" / "1" / "model.safetensors")
    damage(study / "sats" / "steps" / "1" / "confusion.npy")
    before = everything_in(study)
    with pytest.raises(DamagedFile, match=r"model\.safetensors is damaged"):
        opened(study, "sats")
    assert everything_in(study) == before


def test_curves_that_are_lost_in_both_places_are_left_out_and_no_result_changes(study, undisturbed):
    damage(study / "sats" / "steps" / "1" / "history.csv")
    damage(study / "sats" / "history.csv")
    with pytest.warns(UserWarning, match="and so was its copy: the curves of step 1 are lost"):
        run = opened(study, "sats").run
    assert run.history(1) == []
    assert run.history(0) == undisturbed[1].history(0)
    assert run.result() == undisturbed[1].result()


def test_a_damaged_configuration_is_not_replaced_by_another_one(study):
    damage(study / "sats" / "config.json")
    shutil.copytree(study / "base" / "steps", study / "sats" / "steps", dirs_exist_ok=True)
    with pytest.raises(DamagedFile, match="belongs to step 0 of"):
        opened(study, "sats")


def test_a_sound_study_is_opened_without_a_word(study, recwarn):
    opened(study, "sats")
    assert not recwarn.list
