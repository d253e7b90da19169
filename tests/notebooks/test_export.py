"""Exported notebooks are the sources, blank ones leave the code to the reader, and nothing is overwritten."""

import json
import re

import pytest

from satkit.notebooks.blank import ASKED, TEACH, tags
from satkit.notebooks.export import EXERCISES, export
from satkit.notebooks.finding import list_notebooks, list_solutions, notebook_folder
from satkit.notebooks.parameters import parameters
from satkit.utils.errors import UsageError


def cells(path, kind="code"):
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def source(cell):
    return "".join(cell["source"])


def test_a_copy_has_the_code_of_its_source_and_comes_with_solutions_and_pages(tmp_path):
    written = export(tmp_path / "mine")
    for path in [*list_notebooks(), *list_solutions()]:
        copy = tmp_path / "mine" / path.relative_to(notebook_folder())
        assert [source(cell) for cell in cells(copy)] == [source(cell) for cell in cells(path)]
    assert {path.name for path in written} >= {"glossary.md", "notation.md", "paper_to_code.md", "course.md"}
    assert len(written) == len(set(written))


def test_a_blank_copy_keeps_all_but_the_cells_that_teach_and_has_exercises_in_place_of_solutions(tmp_path):
    export(tmp_path, blank=True)
    assert not (tmp_path / "solutions").exists()
    for path in list_notebooks():
        copy = tmp_path / path.name
        assert parameters(copy) == parameters(path)
        kept = [cell for cell in cells(copy) if TEACH not in tags(cell)]
        assert list(map(source, kept)) == [source(cell) for cell in cells(path) if TEACH not in tags(cell)]
        assert all(ASKED in source(cell) for cell in cells(copy) if TEACH in tags(cell))
        prose = "\n".join(map(source, cells(copy, "markdown")))
        assert "](solutions/" not in prose
        assert len(cells(copy, "markdown")) == len(cells(path, "markdown"))


def test_every_link_of_a_blank_copy_resolves(tmp_path):
    files = export(tmp_path, blank=True)
    assert {path.parent.name for path in files} == {tmp_path.name, EXERCISES}
    for path in files:
        text = (
            path.read_text(encoding="utf-8")
            if path.suffix == ".md"
            else "\n".join(map(source, cells(path, "markdown")))
        )
        links = re.findall(r"\]\((?!https?:)([^)#\s]+)\)", text)
        assert all((path.parent / link).exists() for link in links), path


def test_pages_outside_the_project_have_no_links_into_it(tmp_path):
    export(tmp_path)
    pages = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.md")}
    assert "`region_pool`" in pages["paper_to_code.md"]
    for text in pages.values():
        assert "](../" not in text
        links = re.findall(r"\]\(([^)#\s]+)\)", text)
        assert all((tmp_path / link).exists() for link in links)


def test_nothing_is_overwritten_and_nothing_written_beside_it(tmp_path):
    mine = tmp_path / "02_forgetting.ipynb"
    mine.write_text("my work", encoding="utf-8")
    with pytest.raises(UsageError, match=r"Nothing is overwritten, and .*02_forgetting\.ipynb is there already"):
        export(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [mine.name]
    assert mine.read_text(encoding="utf-8") == "my work"
