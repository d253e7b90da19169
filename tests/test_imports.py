"""Data flows one way: every file of satkit imports only from its own layer or from one below, read from its source."""

import ast
from pathlib import Path

import pytest

import satkit

ROOT = Path(satkit.__file__).parent
# A folder or single file of satkit is a layer; each may import from itself and from those before it.
LAYERS = (
    "utils",
    "scenario",
    "data",
    "models",
    "strategies",
    "training",
    "evaluation",
    "analysis",
    "experiments",
    "plots",
    "widgets",
    "notebooks",
    "studies",
    "cli",
    "__main__",
)
HEIGHT = {part: height for height, part in enumerate(("", *LAYERS))}

# What a part may import of satkit, where that is less than what lies below it.
ONLY = {
    "plots": ("plots", "utils.errors", "data.labels"),
    "strategies": (
        *("strategies", "models", "scenario", "data.labels"),
        *("utils.errors", "utils.precision", "utils.processes"),
    ),
    "training": (
        *("strategies", "models", "scenario"),
        *("utils.errors", "utils.non_finite", "utils.processes", "utils.seeding", "utils.snapshots"),
    ),
}
# Modules and functions from outside that a part must do without.
FORBIDDEN = {
    "plots": ("torch", "timm"),
    "strategies": ("torch.optim", "pathlib", "os", "io", "open"),
    "training": ("pathlib", "os", "io", "open"),
    "scenario": ("torch", "numpy"),
}
READS_FILES = ("strategies.lookup",)  # a reader's own Python file declares strategies too


def module_names():
    """Every module of satkit without the leading "satkit.", e.g. "data.labels"; "" is satkit itself."""
    for path in sorted(ROOT.rglob("*.py")):
        yield ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix("__init__").rstrip("."), path


MODULES = dict(module_names())


def imported(source, module, is_package=False):
    """Names of everything that a source imports, wherever in it: "satkit.data.labels", "torch.optim", ..."""
    package = ["satkit", *module.split(".")] if module else ["satkit"]
    package = package if is_package or not module else package[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            here = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*here, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute):
            yield ast.unparse(node)  # torch.optim.SGD after a plain `import torch`
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.func.id  # open(...)
            for argument in node.args:  # importlib.import_module("satkit.data")
                if isinstance(argument, ast.Constant) and str(argument.value).startswith("satkit."):
                    yield argument.value


def part_of(module):
    return module.split(".")[0]


def within(name, allowed):
    return name == allowed or name.startswith(f"{allowed}.")


def violations(source, module, is_package=False):
    """What is wrong with the imports of a source, as sentences."""
    part, found = part_of(module), []
    if part not in HEIGHT:
        return [f"{module} has no layer: give {part!r} its place in LAYERS."]
    for name in imported(source, module, is_package):
        for forbidden in () if module in READS_FILES else FORBIDDEN.get(part, ()):
            if within(name, forbidden):
                found.append(f"{module} uses {name}, but {part} must do without {forbidden}.")
        if not within(name, "satkit"):
            continue
        inner = name.removeprefix("satkit").lstrip(".")
        if part_of(inner) not in HEIGHT:
            inner = ""  # an attribute of the package itself: satkit.__version__
        if HEIGHT[part_of(inner)] > HEIGHT[part]:
            found.append(f"{module} imports {name}, which lies above it.")
        allowed = ONLY.get(part)
        if inner and allowed and not any(within(inner, each) for each in allowed):
            found.append(f"{module} imports {name}, but {part} may know only {', '.join(allowed)}.")
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module or "satkit")
def test_imports_point_downwards(module):
    path = MODULES[module]
    assert violations(path.read_text(encoding="utf-8"), module, path.name == "__init__.py") == []


def test_every_folder_and_file_at_the_top_is_a_layer():
    found = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert found - {"__init__"} == set(LAYERS)


def test_tests_have_the_same_folders():
    tests = Path(__file__).parent
    folders = {path.parent.relative_to(ROOT) for path in ROOT.rglob("*.py")}
    found = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")}
    assert found == folders


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("scenario", "import satkit.data"),
        ("scenario", "import numpy as np"),
        ("utils.files", "from satkit.models import Segmenter"),
        ("data.labels", "from satkit import training"),
        ("data.labels", "from ..models import Segmenter"),
        ("data.labels", "def late():\n    from satkit.experiments.run_folder import Run"),
        ("data.labels", "import importlib\nimportlib.import_module('satkit.models')"),
        ("models.mit", "from satkit.strategies import SATS"),
        ("strategies.recipes", "from satkit.data.dataset import Split"),
        ("strategies.recipes", "from satkit.data import load_data"),
        ("strategies.recipes", "from satkit.utils.seeding import derive"),
        ("strategies.recipes", "import torch\ntorch.optim.SGD([])"),
        ("strategies.recipes", "from torch import optim"),
        ("strategies.recipes", "from torch.optim import SGD"),
        ("strategies.recipes", "from pathlib import Path"),
        ("strategies.recipes", "with open('weights') as file: ..."),
        ("strategies.terms.distillation", "from satkit.training import train_step"),
        ("training", "from satkit.evaluation.metrics import iou"),
        ("training", "from satkit.utils.files import write_json"),
        ("training", "from satkit.data import load_data"),
        ("evaluation.metrics", "from satkit.experiments.experiment import Experiment"),
        ("plots.style", "from satkit.models import Segmenter"),
        ("plots.style", "from satkit.data.dataset import Split"),
        ("plots.style", "import torch"),
        ("experiments.experiment", "from satkit.cli import parser"),
        ("novelty", "import math"),
    ],
)
def test_a_planted_violation_is_caught(module, source):
    assert len(violations(source, module)) >= 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("scenario", "from satkit.utils.errors import unknown"),
        ("data.labels", "import numpy as np\nfrom satkit.utils.errors import UsageError"),
        ("strategies.recipes", "import torch\nfrom satkit.data.labels import IGNORE\nfrom satkit.data import labels"),
        ("strategies.recipes", "import torch\ntorch.where(a, b, c).opening()"),
        ("plots.forgetting", "from satkit.plots.style import COLOURS\nfrom satkit.data.labels import IGNORE"),
        ("plots.forgetting", "from .style import COLOURS"),
        (
            "experiments.experiment",
            "import satkit\nfrom satkit.evaluation import metrics\nprint(satkit.__version__)",
        ),
        ("cli.parser", "from satkit.studies.study import study"),
    ],
)
def test_what_points_downwards_is_accepted(module, source):
    assert violations(source, module) == []
