"""A value has the form that its file must have, or one sentence says where it has not."""

from pathlib import Path

import pytest

from satkit.utils.errors import UsageError
from satkit.utils.json_form import NUMBER, SCORE, must_hold

FORM = {"name": str, "scores": {str: SCORE}, "steps": [{"lr": NUMBER}], "done": bool, "machines": {str: {}}}
SOUND = {
    "name": "a",
    "scores": {"old": 1, "new": None},
    "steps": [{"lr": 0.1, "more": []}],
    "done": True,
    "machines": {"a": {}},
    "extra": {},
}
FILE = Path("run/config.json")


def test_a_value_of_the_form_is_accepted_with_further_keys():
    must_hold(FILE, SOUND, FORM)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": 1}, "name in run/config.json must be text, got 1."),
        ({"scores": {"old": "x"}}, "scores.old in run/config.json must be a number or null, got 'x'."),
        ({"scores": []}, r"scores in run/config.json must be an object, got \[\]."),
        ({"steps": [{"lr": 1}, {"lr": True}]}, r"steps\[1\].lr in run/config.json must be a number, got True."),
        ({"steps": [{}]}, r"steps\[0\] in run/config.json must have 'lr', which is missing."),
        ({"machines": {"a": 1}}, "machines.a in run/config.json must be an object, got 1."),
        ({"done": 0}, "done in run/config.json must be true or false, got 0."),
        ({"name": ["x" * 10_000]}, r"must be text, got \['x{98} \.\.\. x{13}'\]."),
    ],
)
def test_another_value_is_named_with_its_place(changed, said):
    with pytest.raises(UsageError, match=said) as caught:
        must_hold(FILE, {**SOUND, **changed}, FORM)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_missing_key_and_another_kind_of_file_are_named():
    with pytest.raises(UsageError, match="run/config.json must have 'name', which is missing. Restore the file"):
        must_hold(FILE, {}, FORM)
    with pytest.raises(UsageError, match=r"^run/config.json must be an object, got \[1\]"):
        must_hold(FILE, [1], FORM)
