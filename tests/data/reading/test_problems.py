import pytest

from satkit.data.reading.problems import DataError, Problem, counted, listing, raise_if


def test_a_problem_is_one_line_of_text():
    assert str(Problem("x/a.png", "unreadable mask", "broken\n header")) == "x/a.png: unreadable mask (broken header)"
    assert str(Problem("x", "missing folder")) == "x: missing folder"


@pytest.mark.parametrize("name", ["two  spaces.png", "shot at 3.04\u202fPM.png", "no\u00a0break.png"])
def test_a_problem_names_its_file_exactly_as_it_is_called(name):
    assert str(Problem(f"x/{name}", "unreadable mask")) == f"x/{name}: unreadable mask"


def test_many_problems_of_a_kind_share_a_line_with_their_number_and_an_example():
    problems = [Problem(f"{number}.png", "unreadable mask", "cut\noff") for number in range(23)]
    problems += [Problem(f"{number}.jpg", "missing file") for number in range(3)]
    with pytest.raises(DataError, match="has 26 problems; repair or remove what is listed:") as caught:
        raise_if(problems)
    assert str(caught.value).splitlines()[1:] == [
        "  23 times: unreadable mask; for example 0.png (cut off)",
        "  0.jpg: missing file",
        "  1.jpg: missing file",
        "  2.jpg: missing file",
    ]
    assert caught.value.problems == tuple(problems)


def test_every_problem_has_a_line_where_all_are_asked_for():
    problems = [Problem(f"{number}.png", "unreadable mask") for number in range(23)]
    assert listing(problems, every=True).splitlines() == [f"  {number}.png: unreadable mask" for number in range(23)]


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
