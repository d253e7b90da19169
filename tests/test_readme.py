"""What README says is so: its numbers are those of the stored study, its links lead somewhere, its commands exist."""

import json
import re

import pytest
from places import ROOT

from satkit.cli import parser
from satkit.data.catalogue import ON_DISK
from satkit.evaluation import conventions
from satkit.evaluation.seeds import read_rows
from satkit.experiments.presets import PRESETS
from satkit.notebooks.lessons import find_notebook, list_notebooks
from satkit.notebooks.parameters import parse_assignments
from satkit.scenario import task_sizes
from satkit.strategies import STRATEGIES
from satkit.strategies.lookup import find_strategy, names
from satkit.studies import attention_study
from satkit.studies.score_table import ScoreTable
from satkit.utils.assets import asset
from satkit.utils.errors import UsageError
from satkit.utils.files import read_json

README = (ROOT / "README.md").read_text(encoding="utf-8")
STORED = ROOT / "assets" / "quick_study.json"


@pytest.fixture(scope="module")
def stored():
    """The result of the study whose table README shows."""
    return json.loads(STORED.read_text(encoding="utf-8"))


def section(heading):
    """The text below a heading of README."""
    return README.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def subcommands():
    actions = [action for action in parser.parser()._actions if action.choices]
    return dict(actions[0].choices)


def options_of(command):
    """Options of a command and of its own subcommands."""
    nested = [action.choices.values() for action in command._actions if isinstance(action.choices, dict)]
    own = {text for action in command._actions for text in action.option_strings}
    return own.union(*(options_of(each) for commands in nested for each in commands))


def test_the_table_is_the_one_of_the_stored_study(stored):
    between = re.search(r"<!-- table -->\n(.*)\n<!-- /table -->", README, re.DOTALL)
    assert between[1].strip() == ScoreTable(stored).markdown()


def test_the_effects_of_attention_transfer_are_those_of_the_stored_reference_study():
    between = re.search(r"<!-- effects -->\n(.*)\n<!-- /effects -->", README, re.DOTALL)
    rows, about = read_rows(asset("reference_study.csv")), read_json(asset("reference_study.json"))
    assert between[1].strip() == attention_study.markdown(rows, about).strip()


def test_the_table_of_protocols_is_that_of_the_code():
    between = re.search(r"<!-- protocols -->\n(.*)\n<!-- /protocols -->", README, re.DOTALL)
    assert between[1].strip() == conventions.markdown()


def test_every_data_set_is_in_its_table_with_tasks_that_divide_it():
    rows = re.findall(r"^\| `(\w+)` \| .* \| (.*) \|$", section("Data"), re.MULTILINE)
    assert [name for name, _ in rows] == list(ON_DISK)
    counts = {"voc": [20], "ade20k": [150], "cityscapes": [19, 21], "camvid": [11]}
    for name, tasks in rows:
        for task in re.findall(r"\d+-\d+", tasks):
            assert any(divides(task, count) for count in counts[name]), task


def divides(task, count):
    try:
        return sum(task_sizes(task, count)) == count
    except UsageError:
        return False


def test_the_stored_study_shows_what_readme_claims(stored):
    kept = {name: scores["kept"] for name, scores in stored["strategies"].items()}
    assert kept["fine-tuning"] < 0.25
    assert kept["SATS"] > 0.75
    settings = stored["settings"]
    assert (settings["data"], settings["task"], settings["preset"]) == ("scenes", "15-5", "quick")


def test_the_stored_study_names_nobody_and_no_folder(stored):
    assert stored["settings"]["root"] == ""
    assert not re.search(r'"/|\\\\|/(home|root)/', STORED.read_text(encoding="utf-8"))


def test_every_link_and_picture_is_there():
    links = re.findall(r"\]\(([^)\s]+)\)", README)
    relative = [link for link in links if not re.match(r"https?://|#|mailto:", link)]
    assert len(relative) >= 4
    missing = [link for link in relative if not (ROOT / link.partition("#")[0]).exists()]
    assert not missing
    assert all((ROOT / link).resolve().is_relative_to(ROOT) for link in relative)


def test_every_picture_has_words_that_state_the_finding():
    pictures = re.findall(r"!\[([^\]]*)\]", README)
    assert pictures
    assert all(len(words.split()) >= 8 for words in pictures)


def test_every_command_in_the_table_is_one_and_every_command_is_in_the_table():
    named = set(re.findall(r"^\| `satkit (\w+)", section("Commands"), re.MULTILINE))
    assert named == set(subcommands())


def test_every_option_in_the_table_is_one_of_its_command():
    for line in section("Commands").splitlines():
        named = re.match(r"\| `satkit (\w+)", line)
        if named:
            known = options_of(subcommands()[named[1]])
            options = re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", line)
            assert set(options) <= known, named[1]


def test_every_command_line_can_be_read():
    lines = re.findall(r"satkit run (\d\d)((?: -p [\w+=-]+)+)", README)
    assert lines
    for number, values in lines:
        parse_assignments(find_notebook(number), re.findall(r"-p (\S+)", values))


def test_presets_and_strategies_that_readme_names_are_there_and_all_strategies_are_named():
    named = re.findall(r"^\| `([a-z+-]+)` \| ", section("A strategy is a sentence"), re.MULTILINE)
    assert sorted(named) == sorted(STRATEGIES)
    for words in re.findall(r"--strategies ([\w,+=.:-]+)", README):
        for name in names(words):
            assert name.endswith("mine.py:LOUD") or find_strategy(name)
    for name in re.findall(r"--preset (\w+)", README):
        assert name in PRESETS["scenes"] or name in PRESETS["voc"]


def test_every_notebook_is_in_its_table():
    named = re.findall(r"^\| `(\d\d_\w+)` \| ", section("Notebooks"), re.MULTILINE)
    assert named == [path.stem for path in list_notebooks()]
