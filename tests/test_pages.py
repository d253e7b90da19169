"""Every page: its links lead somewhere, it says first what it is for, and what it states is what the code says."""

import re

import pytest
from places import ROOT, TESTS

from satkit import widgets
from satkit.data.catalogue import ON_DISK
from satkit.evaluation import conventions
from satkit.evaluation.seeds import read_rows
from satkit.experiments.presets import PRESETS
from satkit.notebooks.finding import find_notebook
from satkit.notebooks.parameters import parse_assignments
from satkit.scenario import SETTINGS, task_sizes
from satkit.strategies import PARTS, STRATEGIES
from satkit.strategies.lookup import find_strategy, names
from satkit.studies import attention_report, published_cost
from satkit.utils.assets import asset
from satkit.utils.errors import UsageError
from satkit.utils.files import read_json

TOPS = (".", ".github", "assets", "assets/gallery", "notebooks")
PATHS = [path for top in TOPS for path in sorted((ROOT / top).glob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def page(name):
    return (ROOT / name).read_text(encoding="utf-8")


def section(text, heading):
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def between(text, mark):
    return re.search(rf"<!-- {mark} -->\n(.*)\n<!-- /{mark} -->", text, re.DOTALL)[1].strip()


def first_cells(text):
    """Every name in code marks in the first column of a table."""
    return [
        name for cell in re.findall(r"^\| (.*?) \| ", text, re.MULTILINE) for name in re.findall(r"`([^`]+)`", cell)
    ]


def anchors(text):
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.relative_to(ROOT).as_posix())
class TestEveryPage:
    def test_has_links_that_lead_somewhere_in_the_project(self, path):
        for link in LINK.findall(path.read_text(encoding="utf-8")):
            if re.match(r"https?://|mailto:", link):
                assert "OWNER" not in link
                continue
            file, _, anchor = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            assert target.exists(), link
            assert target.is_relative_to(ROOT), link
            if anchor:
                assert anchor in anchors(target.read_text(encoding="utf-8")), link

    def test_says_first_what_it_is_for(self, path):
        title, purpose = path.read_text(encoding="utf-8").split("\n\n")[:2]
        assert re.fullmatch(r"# .+", title)
        assert purpose.startswith("For ") or path == ROOT / "README.md"

    def test_has_pictures_with_words_that_state_the_finding(self, path):
        for words in re.findall(r"!\[([^\]]*)\]", path.read_text(encoding="utf-8")):
            assert len(words.split()) >= 5, words

    def test_gives_notebooks_only_parameters_that_they_have(self, path):
        text = path.read_text(encoding="utf-8")
        for number, values in re.findall(r"satkit run (\d\d[a-z]?)((?: -p [\w+=-]+)+)", text):
            parse_assignments(find_notebook(number), re.findall(r"-p (\S+)", values))

    def test_names_only_strategies_and_presets_that_exist(self, path):
        text = path.read_text(encoding="utf-8")
        for words in re.findall(r"--strategies ([\w,+=.:-]+)", text):
            for name in names(words):
                assert name.endswith("mine.py:LOUD") or find_strategy(name)
        for name in re.findall(r"--preset (\w+)", text):
            assert name in PRESETS["scenes"] or name in PRESETS["voc"]


def test_every_page_can_be_reached_from_the_readme():
    reached, new = set(), {ROOT / "README.md"}
    while new:
        reached |= new
        links = [(path, link.partition("#")[0]) for path in new for link in LINK.findall(path.read_text("utf-8"))]
        new = {(path.parent / link).resolve() for path, link in links if link.endswith(".md")} - reached
    assert set(PATHS) <= reached


@pytest.mark.parametrize("table", ["fronts", "effects", "worlds", "scores"])
def test_the_tables_of_results_are_those_of_the_stored_reference_study(table):
    rows, about = read_rows(asset("reference_study.csv")), read_json(asset("reference_study.json"))
    made = getattr(attention_report, f"{table}_markdown")(rows, about)
    assert between(page("assets/results.md"), table) == made.strip()


@pytest.mark.parametrize("table", ["worlds", "scores"])
def test_the_tables_of_photographs_are_those_of_the_stored_study_of_camvid(table):
    rows, about = read_rows(asset("camvid_study.csv")), read_json(asset("camvid_study.json"))
    made = getattr(attention_report, f"{table}_markdown")(rows, about)
    assert between(page("assets/results.md"), f"camvid_{table}") == made.strip()


def test_the_table_of_what_published_rows_cost_is_that_of_the_code():
    assert between(page("assets/results.md"), "cost") == published_cost.markdown().strip()


def test_the_table_of_conventions_is_that_of_the_code():
    assert between(page("assets/data.md"), "protocols") == conventions.markdown()


def test_every_setting_is_described():
    assert first_cells(section(page("assets/data.md"), "Settings and class orders")) == list(SETTINGS)


def test_every_data_set_is_in_its_table_with_tasks_that_divide_it():
    text = section(page("assets/data.md"), "Data sets on disk")
    rows = re.findall(r"^\| `(\w+)` \| .* \| (.*) \|$", text, re.MULTILINE)
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


def test_every_strategy_and_every_part_is_in_its_table():
    text = page("assets/strategies.md")
    assert sorted(first_cells(section(text, "A strategy is a list of parts"))) == sorted(STRATEGIES)
    assert sorted(first_cells(section(text, "Parts"))) == sorted(PARTS)


def test_every_preset_is_described():
    known = {name for presets in PRESETS.values() for name in presets}
    assert set(first_cells(section(page("assets/commands.md"), "Presets"))) == known


def test_every_environment_variable_is_described():
    files = [path for folder in (ROOT / "satkit", TESTS) for path in folder.rglob("*.py")]
    used = {name for path in files for name in re.findall(r"SATKIT_[A-Z_]+", path.read_text(encoding="utf-8"))}
    assert set(first_cells(section(page("assets/commands.md"), "Environment variables"))) == used


def test_every_interactive_figure_is_described():
    named = [re.search(r"\w+(?=\()", call)[0] for call in first_cells(page("assets/interactive_figures.md"))]
    assert set(named) == set(widgets.__all__)


def test_the_table_of_folders_has_every_layer_of_the_library():
    named = first_cells(section(page(".github/CONTRIBUTING.md"), "Where things are"))
    assert set(named) - {"satkit"} == {path.name for path in (ROOT / "satkit").iterdir() if path.name[0] not in "_."}
