import pytest

from satkit.data.reading.problems import DataError, Problem, counted, listing, raise_if


def test_a_problem_is_one_line_of_text():
    assert str(Problem("x/a.png", "unreadable mask", "broken\n header")) == "x/a.png: unreadable mask (broken header)"
    assert str(Problem("x", "missing folder")) == "x: missing folder"


@pytest.mark.parametrize("name", ["two  spaces.png", "shot at 3.04\u202fPM.png", "no\u00a0break.png"])
def test_a_problem_names_its_file_exactly_as_it_is_called(name):
    assert str(Problem(f"x/{name}", "unreadable mask")) == f"x/{name}: unreadable mask"


def test_the_error_lists_twenty_problems_and_counts_all():
    problems = [Problem(f"{number}.png", "unreadable mask") for number in range(23)]
    with pytest.raises(DataError, match="has 23 problems; repair or remove what is listed:") as caught:
        raise_if(problems)
    lines = str(caught.value).splitlines()
    assert len(lines) == 1 + 20 + 1
    assert lines[20] == "  19.png: unreadable mask"
    assert lines[-1] == "  ... and 3 more."
    assert caught.value.problems == tuple(problems)


def test_twenty_problems_are_listed_without_a_line_for_more():
    assert listing([Problem(str(number), "missing file") for number in range(20)]).endswith("  19: missing file")


def test_a_single_problem_is_not_called_problems():
    with pytest.raises(DataError, match="has 1 problem;"):
        raise_if([Problem("x", "missing folder")])


def test_warnings_alone_raise_nothing():
    raise_if([])
    raise_if([Problem("a.jpg", "photograph that is stored rotated", warning=True)])


def test_warnings_are_not_part_of_the_error():
    serious = Problem("b.png", "unreadable mask")
    with pytest.raises(DataError) as caught:
        raise_if([Problem("a.jpg", "photograph that is stored rotated", warning=True), serious])
    assert caught.value.problems == (serious,)
    assert "a.jpg" not in str(caught.value)


def test_things_are_counted_in_plain_english():
    assert [counted(count, "problem") for count in (0, 1, 1234)] == ["0 problems", "1 problem", "1,234 problems"]
