"""What parameters of a training and of a notebook mean: what is the same run, where its base and scores are."""

import nbformat
import pytest
from notebook_files import write

from satkit.studies.study import checked
from satkit.studies.sweep_choice import target
from satkit.studies.sweep_targets import Notebook, Training
from satkit.utils.errors import UsageError


def identity(values, out, found=None):
    return (found or Training()).meaning(values, out).identity


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"strategy": "sats", "seed": 0, "preset": "quick"}),
        ({}, {"task": "15-5", "backbone": "mit_quick"}),  # the preset's
        ({"strategy": "sats"}, {"strategy": "SATS"}),
        ({"order": [3, 1, 2]}, {"order": [3, 1, 2], "data": "scenes"}),
    ],
)
def test_trainings_that_mean_the_same_are_the_same(tmp_path, one, other):
    assert identity(one, tmp_path) == identity(other, tmp_path)


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"strategy": "mib"}, {"strategy": "sats+attention=5"}, {"order": [3, 1, 2]}, {"shift": 0.5}]
)
def test_trainings_that_differ_in_a_setting_or_in_a_part_differ(tmp_path, other):
    assert identity(other, tmp_path) != identity({}, tmp_path)


def test_strategies_of_one_study_share_their_base_step(tmp_path):
    one, two, ssul = (
        Training().meaning({"strategy": name, "seed": 3}, tmp_path) for name in ("sats", "mib+attention", "ssul")
    )
    assert one.base == two.base == tmp_path / "scenes-15-5-quick-seed3" / "base"
    assert one.scored == tmp_path / "scenes-15-5-quick-seed3" / "sats"
    assert ssul.base.parent == one.base.parent
    assert ssul.base != one.base
    assert Training().meaning({"strategy": "joint"}, tmp_path).base is None
    assert Training().meaning({"seed": 4}, tmp_path).base != one.base


def test_paths_hold_in_every_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = Training().everywhere({"root": "data", "strategy": "mine.py:LOUD+memory"})
    assert values == {"root": str(tmp_path / "data"), "strategy": f"{tmp_path}/mine.py:LOUD+memory"}
    with pytest.raises(UsageError, match="strategy must name one strategy, got 'all'"):
        Training().everywhere({"strategy": "all"})


def test_what_a_training_would_refuse_is_refused_before_it_and_asked_once_for_all_seeds(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("satkit.studies.sweep_targets.checked", lambda *what: asked.append(what[1]) or checked(*what))
    training = Training()
    for seed in range(3):
        training.check({"preset": "smoke", "seed": seed})
    assert asked == [("sats",)]
    with pytest.raises(UsageError, match="Task '15-7'|15-7"):
        training.check({"preset": "smoke", "task": "15-7"})
    with pytest.raises(UsageError, match="Unknown strategy 'stas'"):
        training.check({"preset": "smoke", "strategy": "stas"})


class TestNotebook:
    def test_its_code_and_all_of_its_values_decide_and_its_texts_do_not(self, tmp_path):
        path = write(tmp_path / "a.ipynb", "print(seed)", parameters="seed: int = 0  # any")
        before = identity({}, tmp_path, Notebook(path))
        assert identity({"seed": 0}, tmp_path, Notebook(path)) == before
        assert identity({"seed": 1}, tmp_path, Notebook(path)) != before
        notebook = nbformat.read(str(path), 4)
        notebook.cells.append(nbformat.v4.new_markdown_cell("Read this."))
        nbformat.write(notebook, str(path))
        assert identity({}, tmp_path, Notebook(path)) == before
        write(path, "print(seed + 1)", parameters="seed: int = 0  # any")
        assert identity({}, tmp_path, Notebook(path)) != before

    def test_a_lesson_has_the_scores_of_the_run_that_it_trains(self, tmp_path):
        found = target("07")
        assert found.meaning({"seed": 2}, tmp_path).scored == tmp_path / "scenes-15-5-quick-seed2" / "sats"
        weighted = found.meaning({"weights": {"attention": 5}}, tmp_path).scored
        assert weighted.parent.name == "scenes-15-5-quick-seed0"
        assert weighted.name != "sats"
        assert target("00").meaning({}, tmp_path).scored is None

    def test_a_study_that_is_named_is_the_one_in_the_folder_of_runs(self, tmp_path, monkeypatch):
        monkeypatch.setenv("SATKIT_RUNS", str(tmp_path))
        assert target("07").everywhere({"study": "mine"}) == {"study": str(tmp_path / "mine")}
        assert target("07").everywhere({}) == {}

    def test_values_that_a_lesson_cannot_take_are_refused(self):
        with pytest.raises(UsageError, match="Unknown strategy 'stas'"):
            target("07").check({"strategy": "stas"})
        with pytest.raises(UsageError, match="Unknown notebook"):
            target("seventy")
