"""The table of differences: its page shows it as it is, and every test that it names exists."""

import ast
import re

import pytest
from places import TESTS

from satkit.evaluation import paper_vs_code
from satkit.strategies import STRATEGIES

PAGE = (TESTS.parent / "assets" / "paper_vs_code.md").read_text(encoding="utf-8")
DEFINED = {
    node.name
    for path in TESTS.rglob("test_*.py")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.FunctionDef)
}


def test_the_page_shows_the_table_as_it_is():
    assert paper_vs_code.markdown() in PAGE


@pytest.mark.parametrize("point", paper_vs_code.points(), ids=lambda point: point.point)
class TestEveryPoint:
    def test_is_pinned_by_a_test_that_exists(self, point):
        name = re.fullmatch(r"`(\w+(?:\.py)?)`", point.test)[1]
        assert name in DEFINED or list(TESTS.rglob(name))

    def test_says_what_each_side_does(self, point):
        assert all(len(text) >= 1 and "|" not in text for text in vars(point).values())
        assert len(point.satkit.split()) >= 2

    def test_the_other_behaviour_can_be_had_as_it_is_written(self, point):
        import satkit.strategies as parts
        from satkit.strategies.targets.unknown_class import UnknownAndPseudoLabels

        known = {**vars(parts), "UnknownAndPseudoLabels": UnknownAndPseudoLabels}
        for call in re.findall(r"`(\w+\([^`]*\))`", point.satkit):
            assert eval(call.replace("...", "None"), known) is not None


def test_every_strategy_named_in_the_table_is_one():
    named = {text for point in paper_vs_code.points() for text in re.findall(r"`([a-z][a-z-]*)`", point.satkit)}
    assert named - {"published"} <= set(STRATEGIES)


def test_the_names_of_the_tests_can_be_left_out():
    short = paper_vs_code.markdown(tests=False).splitlines()
    assert short[0] == "| point | the paper | the released code | satkit |"
    assert len(short) == len(paper_vs_code.points()) + 2
    assert not re.search(r"`test_\w+`", "\n".join(short))


def test_the_points_of_one_method_can_be_had_alone():
    told = [line.split(" | ")[0].removeprefix("| ") for line in paper_vs_code.markdown("SATS").splitlines()[2:]]
    assert told == [point.point for point in paper_vs_code.points() if "SATS" in point.point]
    assert 0 < len(told) < len(paper_vs_code.points())
