"""satkit's own data files are found, in a source tree and in a wheel."""

import sys

import pytest

from satkit.utils import assets


def test_a_stored_file_is_found_beside_the_package():
    assert assets.asset("paper_vs_code.csv").read_text(encoding="utf-8").startswith("point,")


def test_a_wheel_has_them_inside_the_package(tmp_path, monkeypatch):
    package = tmp_path / "satkit"
    (package / "_assets").mkdir(parents=True)
    (package / "_assets" / "paper_vs_code.csv").write_text("inside")
    monkeypatch.setattr(assets, "PACKAGE", package)
    assert assets.asset("paper_vs_code.csv").read_text() == "inside"


def test_a_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match="satkit's file nothing.csv is missing. Install satkit again"):
        assets.asset("nothing.csv")


def test_a_process_is_this_interpreter_without_modules_of_the_working_directory():
    assert assets.python_command("-m", "satkit") == [sys.executable, "-P", "-m", "satkit"]
