"""An executed notebook as a web page with alt texts, which the page of nbconvert's default template leaves out.

Its formulas are MathML, which browsers draw without a network, and the page asks nothing of the network. A formula that
is not known stays TeX; only then the page asks for MathJax.

In a terminal: `jupyter nbconvert --to satkit NOTEBOOK`. In JupyterLab: File, "Save and Export Notebook As".
"""

import html

from jinja2 import pass_context
from nbconvert.exporters import HTMLExporter
from traitlets.config import Config

from satkit.notebooks.formulas import with_formulas
from satkit.utils.errors import UsageError

WIDGET = "application/vnd.jupyter.widget-view+json"  # needs a kernel; the picture beside it does not
# JupyterLab's template, in which every picture gets the alt text of its output's metadata, and MathJax takes no name in
# a table, such as a class called $x^2$, for a formula. MathML is larger than the text, so that its indices can be read.
# A narrow page has no numbers of cells, so that pictures keep a size at which their text can be read.
TEMPLATE = """
{%- extends 'lab/index.html.j2' -%}
{% block html_head_js_requirejs %}{% endblock %}
{% block jupyter_widgets %}{% endblock %}
{% block html_head_js_mathjax %}{% if resources.tex %}{{ super() }}{% endif %}{% endblock %}
{% block extra_css %}<style>
math { font-size: 1.25em; }
@media (max-width: 900px) { .jp-InputPrompt, .jp-OutputPrompt { display: none !important; } }
</style>{% endblock %}
{% block data_html scoped %}<div class="tex2jax_ignore mathjax_ignore">{{ super() }}</div>{% endblock %}
{% block data_png scoped %}{{ super() | with_alt(output | get_metadata('alt', 'image/png')) }}{% endblock %}
{% block data_jpg scoped %}{{ super() | with_alt(output | get_metadata('alt', 'image/jpeg')) }}{% endblock %}
"""


class HTMLPage(HTMLExporter):
    """nbconvert's exporter to HTML, with the alt texts of the outputs and with pictures of the interactive figures."""

    export_from_notebook = "HTML with alt text"

    def __init__(self, **options):
        super().__init__(**options)
        self.raw_template = TEMPLATE

    @property
    def default_config(self) -> Config:
        """That of the HTML exporter; of an interactive figure it shows the picture."""
        config = super().default_config
        kinds = config.NbConvertBase.display_data_priority
        config.NbConvertBase.display_data_priority = [kind for kind in kinds if kind != WIDGET]
        return config

    def from_notebook_node(self, nb, resources=None, **options):
        """The page of a notebook, and its resources; `tex` says whether it needs MathJax."""
        resources = {**(resources or {}), "tex": any(map(_needs_mathjax, nb.cells))}
        return super().from_notebook_node(nb, resources, **options)

    @pass_context
    def markdown2html(self, context, source):
        """Markdown as HTML with MathML; all formulas of a cell stay TeX if one of them is not known."""
        plain = super().markdown2html
        try:
            return with_formulas(source, lambda text: plain(context, text))
        except UsageError:
            return plain(context, source)

    def default_filters(self):
        """The filters of nbconvert, and `with_alt`."""
        yield from super().default_filters()
        yield "with_alt", with_alt


def _needs_mathjax(cell) -> bool:
    """Whether a cell has a formula that stays TeX: one that is not known, or one that an output draws."""
    shown = [output.data for output in cell.get("outputs", []) if "data" in output]
    texts = [each["text/markdown"] for each in shown if "text/markdown" in each]
    if cell.cell_type == "markdown":
        texts.append(cell.source)
    return any("text/latex" in each for each in shown) or not all(map(_known, texts))


def _known(text: str) -> bool:
    try:
        with_formulas(text, str)
    except UsageError:
        return False
    return True


def with_alt(markup: str, alt: str | None) -> str:
    """The HTML of an <img> element with an alt text; as it is where there is none."""
    return markup.replace("<img ", f'<img alt="{html.escape(alt)}" ', 1) if alt else markup
