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
    ("tex", "shown"),
    [
        (r"\frac12", "<mfrac><mn>1</mn><mn>2</mn></mfrac>"),
        (r"\frac1{|C|}", '<mfrac><mn>1</mn><mrow><mo stretchy="false">|</mo><mi>C</mi>'),
        (r"r^{t-1}_{c,h}", "<msubsup><mi>r</mi><mrow><mi>c</mi>"),
        (r"\sum_{c \in C} x", "<munder><mo>∑</mo><mrow><mi>c</mi><mo>∈</mo>"),
        (r"\tilde y_i", '<msub><mover accent="true"><mi>y</mi><mo>~</mo></mover><mi>i</mi></msub>'),
        (r"\mathrm{IoU}_c", '<msub><mi mathvariant="normal">IoU</mi><mi>c</mi></msub>'),
        (r"c < K", "<mo>&lt;</mo>"),
    ],
)
def test_a_formula_has_the_structure_that_it_has_in_tex(tex, shown):
    assert shown in mathml(tex)
    ElementTree.fromstring(mathml(tex))


def test_cases_are_a_table_of_two_columns():
    markup = mathml(
        r"y = \begin{cases} y^* & \text{where } y^* \in C \\ 0 & \text{elsewhere.} \end{cases}", display=True
    )
    rows = ElementTree.fromstring(markup).findall(".//mtr")
    assert [len(row) for row in rows] == [2, 2]
    assert texts_of(markup).endswith("elsewhere.")
    assert markup.startswith('<math display="block" alttext="y = ')


def test_code_is_no_formula_and_its_surroundings_are():
    page = with_formulas("cost `$5` and `$6`, with $x$", lambda text: f"<p>{text}</p>")
    assert "`$5` and `$6`" in page
    assert page.count("<math") == 1


def test_an_unknown_command_is_refused_by_name():
    with pytest.raises(UsageError, match=r"Slides know no \\oint, in the formula \\oint x"):
        mathml(r"\oint x")
