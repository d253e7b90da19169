"""The result of a study holds all that a report says, or is refused by the name of what it lacks."""

import pytest
from study_files import RESULT

from satkit.studies.study_result import read_result
from satkit.utils.assets import asset
from satkit.utils.errors import UsageError
from satkit.utils.files import read_json
from satkit.utils.sealed_json import write_sealed

ONE = RESULT["strategies"]["fine-tuning"]


def test_the_stored_study_of_the_kit_is_a_result(tmp_path):
    write_sealed(tmp_path / "result.json", read_json(asset("quick_study.json")))
    assert read_result(tmp_path / "result.json")["strategies"].keys() >= {"SATS"}


def test_a_sound_result_comes_back_as_it_is(tmp_path):
    write_sealed(tmp_path / "result.json", RESULT)
    assert read_result(tmp_path / "result.json") == RESULT


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"strategies": {}}, "it names no strategy"),
        ({"base_classes": []}, "it names no class of the base step"),
        ({"added_classes": [5]}, "a class index is not below the number of classes, 5"),
        ({"base_classes": [-1]}, "a class index is not below the number of classes"),
        ({"strategies": {"sats": {**ONE, "old": "high"}}}, "strategies.sats.old in .* must be a number or null"),
        ({"strategies": {"sats": {**ONE, "per_class": {}}}}, "sats has no scores of a class of the base step"),
        ({"strategies": {"sats": {**ONE, "per_class": {"disc": 1}}}}, "per_class of sats.disc in .* must be an object"),
        ({"seconds": None}, "seconds in .* must be a number, got None"),
    ],
)
def test_what_is_no_result_of_a_study_is_refused_by_what_is_wrong(tmp_path, changed, said):
    write_sealed(tmp_path / "result.json", {**RESULT, **changed})
    with pytest.raises(UsageError, match=said) as caught:
        read_result(tmp_path / "result.json")
    assert str(tmp_path / "result.json") in str(caught.value)
