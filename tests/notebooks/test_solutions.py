"""Every lesson has worked solutions of all its exercises, in the same words. That they run: test_every_notebook."""

import json
import re

import nbformat
import pytest

from satkit.notebooks.finding import find_notebook, list_notebooks, list_solutions
from satkit.notebooks.parameters import check_house_rules, parameters

NAMES = [path.stem for path in list_notebooks()]
MOST_LINES = 20
ANSWER = re.compile(r"^\*\*\d\.\*\* (.+?)\n\n(.+?)(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)
HINT = re.compile(r"\s*<details>.*?</details>", re.DOTALL)


def prose(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def words(text):
    """The words of a text without marks of code, which differ between HTML and Markdown."""
    return " ".join(re.sub(r"</?code>|`|^>", "", text, flags=re.MULTILINE).split())


def numbered(text):
    """The items of a numbered list, without hints."""
    return [words(HINT.sub("", item)) for item in re.split(r"^\d\. ", text, flags=re.MULTILINE)[1:]]


def asked(name):
    """Questions and exercises of a lesson."""
    parts = re.split(r"\*\*(?:Questions|Exercises|Further reading)\*\*", prose(find_notebook(name)))
    return numbered(parts[1]), numbered(parts[2])


def test_every_lesson_has_solutions():
    assert [path.stem for path in list_solutions()] == NAMES


@pytest.mark.parametrize("name", NAMES)
class TestEverySolution:
    def path(self, name):
        return find_notebook(f"solutions/{name}")

    def test_is_a_valid_notebook_for_python3_without_outputs(self, name):
        notebook = nbformat.read(str(self.path(name)), as_version=4)
        nbformat.validate(notebook, relax_add_props=False)
        assert notebook.metadata.kernelspec.name == "python3"
        assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
        for cell in notebook.cells:
            assert not cell.get("outputs")
            assert cell.get("execution_count") is None

    def test_takes_parameters_of_its_lesson(self, name):
        ours, theirs = parameters(self.path(name)), parameters(find_notebook(name))
        check_house_rules(self.path(name))
        assert ours
        assert {key: theirs.get(key) for key in ours} == ours

    def test_answers_every_question(self, name):
        questions, _ = asked(name)
        answers = ANSWER.findall(prose(self.path(name)))
        assert [words(question) for question, _ in answers] == questions

    def test_solves_every_exercise_in_the_words_of_the_lesson(self, name):
        _, exercises = asked(name)
        parts = re.split(r"^## Exercise \d\n", prose(self.path(name)), flags=re.MULTILINE)[1:]
        quoted = [words("\n".join(re.findall(r"^>.*$", part, re.MULTILINE))) for part in parts]
        assert quoted == exercises

    def test_has_short_cells_and_no_absolute_path(self, name):
        for cell in json.loads(self.path(name).read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "code" and "parameters" not in cell["metadata"].get("tags", []):
                assert len(source.splitlines()) <= MOST_LINES, source
            assert not re.search(r"(?<![\w.>)\]/:-])(/(home|root|tmp|work|usr|Users|mnt|data)/|[A-Z]:\\)", source)
