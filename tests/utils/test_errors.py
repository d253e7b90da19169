import pytest

from satkit.utils.errors import LONGEST, UsageError, choose, nearest, shown, unknown

TASKS = ["19-1", "15-5", "15-1"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("15_5", "15-5"),
        ("SATS", "sats"),
        ("mib ", "MiB"),
        ("pseudo-label", "pseudo-labels"),
        ("155", "15-5"),
        ("xyz", None),
        ("", None),
    ],
)
def test_nearest_forgives_typing_errors_and_capitals(name, expected):
    assert nearest(name, ["15-5", "sats", "MiB", "pseudo-labels"]) == expected


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("50-20-10", ["40-1", "100-50", "20-1"]),
        ("class 12", ["class 1", "class 2", "class 21"]),
        ("scenes-15-5-quick-seed3", ["scenes-15-5-quick-seed0"]),
        ("b", ["bus", "be"]),
    ],
)
def test_what_only_looks_alike_is_no_guess(name, choices):
    assert nearest(name, choices) is None


def test_a_number_in_one_of_two_names_does_not_part_them():
    assert nearest("voc2012", ["voc", "camvid"]) == "voc"
    assert nearest("mit_b", ["mit_b2", "pvt_v2_b0"]) == "mit_b2"


def test_an_unknown_name_comes_with_the_nearest_and_all_choices():
    error = unknown("task", "15-55", TASKS)
    assert isinstance(error, UsageError)
    assert str(error) == "Unknown task '15-55'. Did you mean '15-5'? Choose one of: 19-1, 15-5, 15-1."


def test_a_name_like_no_choice_gets_no_guess():
    assert str(unknown("task", "qqqq", TASKS)) == "Unknown task 'qqqq'. Choose one of: 19-1, 15-5, 15-1."


def test_choices_may_be_used_up_only_once():
    assert "19-1, 15-5" in str(unknown("task", "x", iter(TASKS)))


def test_a_choice_is_named_once_and_no_choice_is_said():
    assert str(unknown("task", "qqqq", ["1-1", "1-1", "offline"])).endswith("Choose one of: 1-1, offline.")
    assert str(unknown("strategy of a.py", "MINE", [])) == "Unknown strategy of a.py 'MINE'. There is none to choose."


def test_what_came_need_not_be_text():
    assert str(unknown("task", 15, TASKS)).startswith("Unknown task 15.")


def test_choose_gives_the_value_or_the_error():
    assert choose("data set", "scenes", {"scenes": 7}) == 7
    with pytest.raises(UsageError, match="Unknown data set 'scene'. Did you mean 'scenes'"):
        choose("data set", "scene", {"scenes": 7})


def test_a_usage_error_is_a_value_error():
    assert issubclass(UsageError, ValueError)


def test_a_value_in_a_message_is_one_line_and_never_long():
    assert shown("a\nb") == "'a\\nb'"
    assert shown([1, "x"]) == "[1, 'x']"
    for value in ("x" * 10**6, ["y"] * 10**5, 10**4000):
        assert len(shown(value)) <= LONGEST
        assert len(str(unknown("task", value, TASKS))) < 300
