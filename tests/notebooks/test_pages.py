"""The pages beside the lessons: their words are those of the design, their functions exist, and every link leads on."""

import importlib
import json
import re

import pytest
from places import ROOT

from satkit.notebooks.finding import list_notebooks, list_solutions, notebook_folder

FOLDER = notebook_folder()
PAGES = ("course.md", "glossary.md", "notation.md", "paper_to_code.md")
NOTEBOOKS = [*list_notebooks(), *list_solutions()]
LINK = re.compile(r"\]\(([^)\s]+)\)")
# The words of design.md, section 1: whoever renames one renames it here, in the glossary and in the code.
WORDS = ("scenario", "step", "student", "teacher", "labels", "targets", "attention", "region", "relation", "IGNORE")


def text_of(path):
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def rows(page):
    """Cells of every line of every table of a page."""
    lines = [line for line in text_of(FOLDER / page).splitlines() if line.startswith("| ")]
    return [re.split(r"(?<!\\) \| ", line.strip("| ")) for line in lines]


def test_the_pages_are_there_and_no_others():
    assert sorted(path.name for path in FOLDER.glob("*.md")) == sorted(PAGES)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: "/".join(path.parts[-2:]))
def test_every_link_of_a_notebook_resolves(path):
    for link in LINK.findall(text_of(path)):
        if not re.match(r"https?://|#|mailto:", link):
            target = (path.parent / link.partition("#")[0]).resolve()
            assert target.exists(), link
            assert target.is_relative_to(ROOT), link


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: "/".join(path.parts[-2:]))
def test_every_notebook_links_the_pages(path):
    above = "../" if path.parent.name == "solutions" else ""
    words = {"glossary": "glossary", "notation": "notation", "from paper to code": "paper_to_code"}
    line = "**Words** — " + " · ".join(f"[{word}]({above}{page}.md)" for word, page in words.items())
    assert line in text_of(path).split("\n## ")[0]


def test_the_glossary_has_the_words_of_the_design_once():
    bold = [word for row in rows("glossary.md") for word in re.findall(r"\*\*([^*]+)\*\*", row[0])]
    single = [word.strip() for words in bold for word in words.split(",")]
    assert set(WORDS) <= set(single)
    assert len(single) == len(set(single))


def test_every_function_of_paper_to_code_exists_where_its_link_leads():
    text = text_of(FOLDER / "paper_to_code.md")
    found = re.findall(r"\[`([\w.]+)`\]\(\.\./satkit/([\w/]+)\.py\)", text)
    assert len(found) == len(rows("paper_to_code.md")) - 1  # all lines but the head
    for name, file in found:
        thing = importlib.import_module("satkit." + file.replace("/", "."))
        for part in name.split("."):
            thing = getattr(thing, part)
        assert callable(thing), name
    for name, file in re.findall(r"\[`(test_\w+\.py)`\]\(([^)]+)\)", text):
        assert file.endswith(f"/{name}")


def test_every_source_of_paper_to_code_is_in_its_list():
    sources = text_of(FOLDER / "paper_to_code.md").split("## Sources")[1]
    for row in rows("paper_to_code.md")[1:]:
        for name in re.findall(r"([A-Z]\w+) (?:et al\.|and \w+) \d{4}", row[-1]):
            assert re.search(rf"^- {name}\b", sources, re.MULTILINE), name


def test_the_course_names_lessons_that_exist_and_leaves_none_out():
    named = set(re.findall(r"`(\d\d[a-z]?_\w+)`", text_of(FOLDER / "course.md")))
    assert named == {path.stem for path in list_notebooks()}


def test_names_in_code_of_the_notation_exist():
    """Every name that stands alone in code marks is one of the library's, of its outputs or of its tensors."""
    library = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "satkit").rglob("*.py"))
    for row in rows("notation.md"):
        for code in re.findall(r"`([^`]+)`", row[2] if len(row) > 2 else ""):
            for name in re.findall(r"[A-Za-z_]\w+", code):
                assert re.search(rf"\b{name}\b", library), code
