"""A name is a folder among the runs; a path stays the path it is."""

from pathlib import Path

import pytest

from satkit.experiments.run_places import run_folder, runs_root
from satkit.utils.errors import UsageError


class TestNames:
    def test_a_name_is_a_folder_among_the_runs(self, tmp_path, monkeypatch):
        monkeypatch.setenv("SATKIT_RUNS", str(tmp_path))
        assert run_folder("voc-15-5_seed0+a.b") == tmp_path / "voc-15-5_seed0+a.b"
        assert run_folder("mine", root=tmp_path / "other") == tmp_path / "other" / "mine"
        assert run_folder("Bäume-犬", root=tmp_path) == tmp_path / "Bäume-犬"

    @pytest.mark.parametrize("name", ["", " ", "a b", "-x", "_x", "a\n", "a;b", "x" * 81, "$HOME", "a:b", "*"])
    def test_a_name_that_could_mean_something_else_is_refused(self, name, tmp_path):
        with pytest.raises(UsageError, match=r"must begin with a letter or digit .* got "):
            run_folder(name, root=tmp_path)

    def test_a_path_stays_the_path_it_is_and_never_lands_among_the_runs(self, tmp_path, monkeypatch):
        working = tmp_path / "working"
        working.mkdir()
        monkeypatch.chdir(working)
        runs = tmp_path / "runs"
        assert run_folder(tmp_path / "a" / "b", root=runs) == tmp_path / "a" / "b"
        assert run_folder("../x", root=runs) == tmp_path / "x"
        assert run_folder("a/b", root=runs) == working / "a" / "b"
        assert run_folder("./a", root=runs) == working / "a"
        assert run_folder("~/a", root=runs) == Path.home() / "a"

    def test_runs_live_in_the_working_directory_or_beside_the_notebooks(self, tmp_path, monkeypatch):
        monkeypatch.delenv("SATKIT_RUNS")
        (tmp_path / "notebooks").mkdir()
        monkeypatch.chdir(tmp_path)
        assert runs_root() == tmp_path / "runs"
        monkeypatch.chdir(tmp_path / "notebooks")
        assert runs_root() == tmp_path / "runs"

    def test_a_file_in_place_of_the_runs_is_said_with_what_to_do(self, tmp_path, monkeypatch):
        (tmp_path / "runs").touch()
        monkeypatch.setenv("SATKIT_RUNS", str(tmp_path / "runs"))
        with pytest.raises(UsageError, match="not in a file, but .*runs is one. Set SATKIT_RUNS to a folder.$"):
            run_folder("mine")
        monkeypatch.delenv("SATKIT_RUNS")
        monkeypatch.chdir(tmp_path)
        with pytest.raises(UsageError, match="Set SATKIT_RUNS to another folder, or give the file another name.$"):
            runs_root()
