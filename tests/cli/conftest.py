"""Command lines that run in this process, among runs of their own, with no kernel."""

import pytest

from satkit.cli import parser


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """An empty folder of runs, and no kernel ever starts."""
    monkeypatch.setenv("SATKIT_RUNS", str(tmp_path / "runs"))

    def no_kernel(*arguments, **options):
        pytest.fail("This must be refused before a kernel starts.")

    monkeypatch.setattr("satkit.studies.study.run_notebook", no_kernel)
    monkeypatch.setattr("satkit.notebooks.runner.run_notebook", no_kernel)
    return tmp_path / "runs"


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch):
    """On a busy machine nothing says that it takes long, but where a test asks for it."""
    monkeypatch.setattr("satkit.utils.saying.QUIET_SECONDS", 3600)


@pytest.fixture
def satkit_says(capsys):
    """Runs a command line in this process; returns its exit code, what it printed, and its error message."""

    def run(*words):
        try:
            code = parser.main(list(words))
        except SystemExit as end:
            code = end.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return run
