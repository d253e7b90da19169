"""Formulas of the lessons become MathML that is well formed, and what is not known is refused by name."""

import json
import re
from xml.etree import ElementTree

import pytest

from satkit.notebooks.finding import list_notebooks, list_solutions
from satkit.notebooks.formulas import mathml, with_formulas
from satkit.utils.errors import UsageError


def texts_of(markup):
    return "".join(ElementTree.fromstring(markup).itertext())


@pytest.mark.parametrize("path", [*list_notebooks(), *list_solutions()], ids=lambda path: path.parent.name + path.stem)
def test_every_formula_of_a_notebook_is_known_and_well_formed(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        if cell["cell_type"] == "markdown":
            page = with_formulas("".join(cell["source"]), lambda text: re.sub(r"`[^`]*`", "", text))
            for formula in re.findall(r"<math.*?</math>", page, re.DOTALL):
                assert "None" not in texts_of(formula)
            assert not re.search(r"\\[A-Za-z]+", re.sub(r"<[^>]*>", "", page)), page
            assert "$" not in re.sub(r"<[^>]*>", "", page)


@pytest.mark.parametrize(
    ("tex", "part", "shown"),
    [
        (r"\frac12", "mfrac", "12"),
        (r"\frac1{|C|}", "mfrac", "1|C|"),
        (r"r^{t-1}_{c,h}", "msubsup", "rc,ht−1"),
        (r"\tilde y_i", "msub", "y~i"),
        (r"\bar d \pm t", "mover", "d¯"),
        (r"c < K", "mrow", "c<K"),
    ],
)
def test_a_formula_has_the_structure_that_it_has_in_tex(tex, part, shown):
    formula = ElementTree.fromstring(mathml(tex))
    found = formula.find(f".//{{*}}{part}")
    assert "".join(found.itertext()) == shown


def test_text_in_a_formula_is_no_markup():
    formula = ElementTree.fromstring(mathml(r"x \quad y < z > 1"))
    assert formula.find(".//{*}script") is None
    with pytest.raises(UsageError, match="Slides know no"):
        mathml(r"x \text{<script>alert(1)</script>}")


def test_cases_are_a_table_of_two_columns():
    markup = mathml(
        r"y = \begin{cases} y^* & \text{where } y^* \in C \\ 0 & \text{elsewhere.} \end{cases}", display=True
    )
    rows = ElementTree.fromstring(markup).findall(".//{*}mtr")
    assert [len(row) for row in rows] == [2, 2]
    assert texts_of(markup).endswith("elsewhere.")
    assert 'alttext="y = ' in markup
    assert 'display="block"' in markup


def test_code_is_no_formula_and_its_surroundings_are():
    page = with_formulas("cost `$5` and `$6`, with $x$", lambda text: f"<p>{text}</p>")
    assert "`$5` and `$6`" in page
    assert page.count("<math") == 1


def test_an_unknown_command_is_refused_by_name():
    with pytest.raises(UsageError, match=r"Slides know no \\nosuch, in the formula \\nosuch x"):
        mathml(r"\nosuch x")
