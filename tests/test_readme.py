"""The README is short and true: its table is that of the stored study, its commands, options and lessons exist."""

import argparse
import json
import re

import pytest
from places import ROOT

from satkit.cli import parser
from satkit.evaluation.seeds import difference, read_rows, score
from satkit.notebooks.finding import list_notebooks
from satkit.studies.attention_grid import BEST, MAIN, with_part
from satkit.studies.score_table import ScoreTable
from satkit.utils.assets import asset

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = (ROOT / "assets" / "commands.md").read_text(encoding="utf-8")
STORED = ROOT / "assets" / "quick_study.json"
MOST_LINES = 120


@pytest.fixture(scope="module")
def stored():
    """The result of the study whose table README shows."""
    return json.loads(STORED.read_text(encoding="utf-8"))


def section(text, heading):
    """What stands below a heading of a page."""
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def subcommands():
    actions = [action for action in parser.parser()._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(actions[0].choices)


def options_of(command):
    """Options of a command and of its own subcommands."""
    nested = [action.choices.values() for action in command._actions if isinstance(action.choices, dict)]
    own = {text for action in command._actions for text in action.option_strings}
    return own.union(*(options_of(each) for commands in nested for each in commands))


def test_it_is_short():
    assert len(README.splitlines()) <= MOST_LINES


def test_the_table_is_the_one_of_the_stored_study(stored):
    between = re.search(r"<!-- table -->\n(.*)\n<!-- /table -->", README, re.DOTALL)
    assert between[1].strip() == ScoreTable(stored).markdown()


def test_the_stored_study_shows_what_readme_claims(stored):
    kept = {name: scores["kept"] for name, scores in stored["strategies"].items()}
    assert kept["fine-tuning"] < 0.25
    assert kept["SATS"] > 0.75
    settings = stored["settings"]
    assert (settings["data"], settings["task"], settings["preset"]) == ("scenes", "15-5", "quick")


def test_the_sentence_about_attention_transfer_has_the_numbers_of_the_reference_study():
    rows = read_rows(asset("reference_study.csv"))
    number = r"(\d\S* ± \d\S*)"
    stated = re.search(
        rf"keeps {number} points more of the old classes with the paper's weight, and loses {number} of the new ones; "
        rf"over regions of old classes only, with a small weight, it keeps {number} more and loses {number}\. "
        rf"Stronger .* most of the old classes is lost, and the paper's weight saves {number} points of them",
        " ".join(README.split()),
    )
    without, found = MAIN[0], []
    for part in ("attention=20", BEST):
        for classes, sign in (("old", 1), ("new", -1)):
            each = difference(rows, with_part(without, part), without, "habitat", classes)
            found.append(f"{100 * sign * each.mean:.1f} ± {100 * each.half_width:.1f}")
    saved = difference(rows, with_part(without, "attention=20"), without, "shifted", "old")
    found.append(f"{100 * saved.mean:.1f} ± {100 * saved.half_width:.1f}")
    assert list(stated.groups()) == found
    assert saved.seeds == 3
    began, ended = (score(rows, without, "shifted", key).mean for key in ("base", "old"))
    assert began - ended > ended  # most is lost
    assert {row.seed for row in rows if row.strategy == with_part(without, BEST)} == {0, 1, 2, 3, 4}
    chosen, stronger = with_part(without, BEST), with_part(without, "distillation=40")
    for classes in ("old", "new"):  # stronger distillation pays more for as much
        above = difference(rows, chosen, stronger, "habitat", classes)
        assert above.mean > 0
        assert above.excludes_zero


def test_the_stored_study_names_nobody_and_no_folder(stored):
    assert stored["settings"]["root"] == ""
    assert not re.search(r'"/|\\\\|/(home|root)/', STORED.read_text(encoding="utf-8"))


def test_every_lesson_is_in_its_table():
    named = re.findall(r"^\| `(\d\d[a-z]?_\w+)` \| ", section(README, "Lessons"), re.MULTILINE)
    assert named == [path.stem for path in list_notebooks()]


@pytest.mark.parametrize("page", [README, COMMANDS], ids=["README", "commands"])
class TestTableOfCommands:
    def test_names_every_command_or_the_most_useful_ones_and_no_other(self, page):
        named = set(re.findall(r"^\| `satkit (\w+)", section(page, "Commands"), re.MULTILINE))
        assert set(subcommands()) >= named >= (set(subcommands()) if page is COMMANDS else {"study", "run", "play"})

    def test_names_only_options_of_the_command(self, page):
        for line in section(page, "Commands").splitlines():
            named = re.match(r"\| `satkit (\w+)", line)
            options = re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", line)
            if named and options:
                assert set(options) <= options_of(subcommands()[named[1]]), named[1]
