"""One list of dependencies, a tidy top level, and commands that the README really gives."""

import ast
import importlib
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

import satkit
from satkit.experiments.trackers.choice import TRACKERS

TOP = Path(__file__).resolve().parents[1]
TOP_LEVEL = {"README.md", "environment.yml", "notebooks", "satkit", "tests", "assets", "pyproject.toml", "LICENSE"}
COMMANDS = (
    "python -m pip install torch==2.13.0 -e . && satkit study",
    'python -m pip install torch==2.13.0 -e ".[dev]" && pytest',
)


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def environment():
    return yaml.safe_load((TOP / "environment.yml").read_text(encoding="utf-8"))


class TestEnvironment:
    def test_only_known_keys(self, environment):
        assert set(environment) == {"name", "channels", "dependencies"}
        assert environment["name"] == "satkit"
        assert environment["channels"] == ["conda-forge", "nodefaults"]

    def test_it_holds_python_pip_and_one_pip_section(self, environment):
        plain = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
        sections = [entry for entry in environment["dependencies"] if not isinstance(entry, str)]
        assert [entry.split("=")[0] for entry in plain] == ["python", "pip"]
        assert sections == [{"pip": ["torch==2.13.0", "-e .[dev]"]}]

    def test_its_torch_satisfies_the_project(self, environment, project):
        pinned = Requirement(environment["dependencies"][-1]["pip"][0])
        (version,) = (Version(each.version) for each in pinned.specifier)
        (required,) = (r for r in map(Requirement, project["dependencies"]) if r.name == "torch")
        assert version in required.specifier

    def test_its_python_satisfies_the_project(self, environment, project):
        python = environment["dependencies"][0]
        assert Version(python.partition("=")[2]) in SpecifierSet(project["requires-python"])

    def test_dev_is_an_extra_of_the_project(self, project):
        names = {Requirement(text).name for text in project["optional-dependencies"]["dev"]}
        assert {"pytest", "pytest-xdist", "ruff", "playwright"} <= names

    def test_what_a_tracker_asks_for_is_an_extra_and_is_there_for_the_tests(self, project):
        extras = project["optional-dependencies"]
        (needed,) = extras["tensorboard"]
        assert needed in extras["dev"]
        assert TRACKERS["tensorboard"].package == f'"{needed}"'


class TestProject:
    def test_every_dependency_is_named_once_with_a_lower_bound(self, project):
        requirements = [Requirement(text) for text in project["dependencies"]]
        assert len({requirement.name for requirement in requirements}) == len(requirements)
        for requirement in requirements:
            assert {each.operator for each in requirement.specifier} == {">="}, str(requirement)

    def test_the_version_is_the_same_everywhere(self, project):
        assert project["version"] == satkit.__version__

    def test_the_command_leads_to_a_function(self, project):
        module, _, function = project["scripts"]["satkit"].partition(":")
        tree = ast.parse((TOP / Path(*module.split("."))).with_suffix(".py").read_text(encoding="utf-8"))
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}

    def test_the_exporter_leads_to_a_class_of_nbconvert(self, project):
        from nbconvert.exporters import HTMLExporter

        module, _, name = project["entry-points"]["nbconvert.exporters"]["satkit"].partition(":")
        assert issubclass(getattr(importlib.import_module(module), name), HTMLExporter)


@pytest.fixture(scope="module")
def tracked():
    """Paths of everything under version control."""
    try:
        listing = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("git is not installed")
    if listing.returncode or not listing.stdout:
        pytest.skip("not a git checkout with tracked files")
    return listing.stdout.strip("\0").split("\0")


def test_the_top_level_holds_nothing_else(tracked):
    names = {path.split("/")[0] for path in tracked}
    assert {name for name in names if not name.startswith(".")} == TOP_LEVEL


def test_every_folder_that_the_wheel_carries_is_under_version_control(tracked):
    build = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    for folder in build["targets"]["wheel"]["force-include"]:
        assert any(path.startswith(f"{folder}/") for path in tracked), f"{folder} would miss from a fresh clone"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_readme_gives_the_command(command):
    assert command in (TOP / "README.md").read_text(encoding="utf-8")


def test_contributing_gives_the_command_that_runs_what_the_default_run_leaves_out():
    options = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    assert [each for each in options["addopts"] if each.startswith("-m")] == ["-m=not full"]
    assert '\npytest -m "" ' in (TOP / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
