"""Nothing that a file brings along is run: a search of the sources, of satkit and of the notebooks, for what would."""

import ast
import json
import re

import pytest
from places import ROOT

# Modules whose files can run anything when they are read, and those that unpack archives.
MODULES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "runpy"}
ARCHIVES = {"zipfile", "tarfile"}
BUILTINS = {"eval", "exec", "compile", "__import__"}
CALLS = {"os.system", "os.popen", "yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load", "pd.read_pickle"}
CALLS |= {"pandas.read_pickle", "subprocess.getoutput", "subprocess.getstatusoutput", "shutil.unpack_archive"}
SAFE_LOADERS = {"SafeLoader", "CSafeLoader", "BaseLoader"}
METHODS = {"extractall", "unpack_archive", "to_pickle", "read_pickle"}
DANGEROUS = (("weights_only", False), ("allow_pickle", True), ("shell", True), ("description_allow_html", True))
# What is at home in one file only, and in which.
ONLY_IN = {
    "exec_module": "satkit/strategies/lookup.py",  # a strategy file that the user names
    "Image.open": "satkit/utils/images.py",  # which compares the size first
    "torch.load": "satkit/models/weight_files.py",
}
UNESCAPED = {"HTML", "HTMLMath", "Markup"}  # what shows a text as HTML as it is
SOURCES = sorted([*(ROOT / "satkit").rglob("*.py"), *(ROOT / "notebooks").rglob("*.ipynb")])


def code_of(path):
    """The Python of a file; of a notebook that of its cells, without what is for IPython."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return text
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    lines = "\n".join("".join(cell["source"]) for cell in cells).splitlines()
    return "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in lines)


def dangers(source, file=""):
    """What could run something, unpack something or show something as HTML: a sentence each, with its line."""
    return [f"line {node.lineno}: {said}" for node in ast.walk(ast.parse(source)) for said in _dangers_of(node, file)]


def _dangers_of(node, file):
    if isinstance(node, ast.ExceptHandler) and node.type is None:
        yield "a bare except"
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = [alias.name for alias in node.names]
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in sorted({name.split(".")[0] for name in names} & (MODULES | ARCHIVES)):
            yield f"imports {name}"
        if isinstance(node, ast.ImportFrom):
            for name in sorted({alias.name for alias in node.names} & (UNESCAPED | {"system", "popen", "imread"})):
                yield f"imports {name}"
    if isinstance(node, ast.Call):
        yield from _dangers_of_call(node, file)


def _dangers_of_call(node, file):
    called = ast.unparse(node.func)
    last = called.rpartition(".")[2]
    options = {option.arg: option.value for option in node.keywords}
    loader = ast.unparse(options.get("Loader", ast.Constant(""))).rpartition(".")[2]
    if called in BUILTINS or last in METHODS or (called in CALLS and loader not in SAFE_LOADERS):
        yield f"calls {called}"
    for name, dangerous in DANGEROUS:
        value = options.get(name)
        if isinstance(value, ast.Constant) and value.value is dangerous:
            yield f"{name}={dangerous}"
    if called == "torch.load" and not _is_true(options.get("weights_only")):
        yield "torch.load without weights_only=True"
    if last == "imread" or (isinstance(node.func, ast.Attribute) and last in UNESCAPED):
        yield f"calls {called}"
    for name, home in ONLY_IN.items():
        if (called == name or called.endswith(f".{name}")) and file.endswith(".py") and file != home:
            yield f"calls {called} outside of {home}"


def _is_true(value):
    return isinstance(value, ast.Constant) and value.value is True


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_source_runs_what_a_file_brings_along(path):
    assert dangers(code_of(path), path.relative_to(ROOT).as_posix()) == []


PLANTED = [
    "try:\n    work()\nexcept:\n    pass",
    "eval('1 + 1')",
    "exec(text)",
    "compile(text, 'file', 'exec')",
    "__import__(name)",
    "import pickle",
    "import dill as d",
    "from pickle import loads",
    "from joblib import load",
    "import shelve",
    "import marshal",
    "import cPickle",
    "import runpy",
    "pd.read_pickle(path)",
    "import yaml\nyaml.load(text)",
    "import yaml\nyaml.load(text, Loader=yaml.Loader)",
    "import yaml\nyaml.unsafe_load(text)",
    "torch.load(path)",
    "torch.load(path, weights_only=flag)",
    "read(path, weights_only=False)",
    "np.load(path, allow_pickle=True)",
    "subprocess.run(command, shell=True)",
    "subprocess.getoutput(command)",
    "os.system(command)",
    "os.popen(command)",
    "from os import system",
    "archive.extractall(folder)",
    "shutil.unpack_archive(file)",
    "import tarfile",
    "from zipfile import ZipFile",
    "plt.imread(path)",
    "from matplotlib.pyplot import imread",
    "from IPython.display import HTML",
    "ipywidgets.HTML(name)",
    "markupsafe.Markup(name)",
    "ipywidgets.Dropdown(description=name, description_allow_html=True)",
]


@pytest.mark.parametrize("source", PLANTED)
def test_a_planted_danger_is_found_once(source):
    assert len(dangers(source)) == 1


@pytest.mark.parametrize(("call", "home"), ONLY_IN.items())
def test_what_has_one_home_is_found_elsewhere_and_accepted_there(call, home):
    source = f"a.{call}(path, weights_only=True)"
    assert len(dangers(source, "satkit/other.py")) == 1
    assert dangers(source, home) == []


def test_what_only_looks_dangerous_is_accepted():
    fine = [
        "try:\n    model.eval()\nexcept ValueError:\n    np.load(path, allow_pickle=False)",
        "yaml.safe_load(text)\nyaml.load(text, Loader=yaml.SafeLoader)",
        "torch.load(path, map_location='cpu', weights_only=True)",
        "re.compile(text)\nast.literal_eval(text)\nsubprocess.run([a, b])\nHTMLExporter()",
    ]
    assert [dangers(source) for source in fine] == [[]] * len(fine)


def test_pages_escape_by_themselves_and_no_template_switches_it_off():
    templates = sorted((ROOT / "satkit").rglob("*.html"))
    assert len(templates) >= 2
    for path in templates:
        assert not re.search(r"\|\s*safe\b|autoescape", path.read_text(encoding="utf-8")), path
    for path in SOURCES:
        for node in ast.walk(ast.parse(code_of(path))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "Environment":
                assert {option.arg: ast.unparse(option.value) for option in node.keywords}["autoescape"] == "True", path


def test_the_script_of_the_picture_writes_text_and_never_html():
    for path in (ROOT / "satkit").rglob("*.js"):
        text = path.read_text(encoding="utf-8")
        found = re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)
        assert found == [], path


def test_processes_are_started_without_modules_of_the_working_directory():
    """`python_command` alone begins a command line with this interpreter."""
    starts = {"satkit/utils/assets.py"}
    for path in (ROOT / "satkit").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            begins = isinstance(node, ast.List) and node.elts and ast.unparse(node.elts[0]) == "sys.executable"
            assert not begins or path.relative_to(ROOT).as_posix() in starts, path
