"""satkit run, export and play: notebooks are listed, checked, run and copied."""

import pytest
from command_line import one_sentence

from satkit.notebooks.finding import list_notebooks

pytestmark = pytest.mark.usefixtures("runs")


def test_notebooks_and_their_parameters_are_listed_within_the_width_of_the_terminal(satkit_says, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, error = satkit_says("run", "--list")
    assert (code, error) == (0, "")
    names = [line.split()[0] for line in out.splitlines() if line[:1].strip()]
    assert names == [path.stem for path in list_notebooks()]
    assert max(map(len, out.splitlines())) <= 80
    for words in (["--help", "06"], ["06", "-h"], ["06", "--help", "-p", "seed=3"]):
        code, out, error = satkit_says("run", *words)
        assert (code, error) == (0, "")
        assert out.startswith("06_train_base_step: ")
        lines = [line.split() for line in out.splitlines()]
        assert ["preset", "str", "'quick'", "how", "large,"] in [line[:5] for line in lines]
        assert ["shift", "float", "0.0", "0", "to"] in [line[:5] for line in lines]  # one that the cell does not show
        assert max(map(len, out.splitlines())) <= 80


def test_help_for_running_notebooks_without_a_name_is_that_of_the_command(satkit_says):
    code, out, error = satkit_says("run", "--help")
    assert (code, error) == (0, "")
    assert out.startswith("usage: satkit run ")
    assert "--timeout" in out


def test_notebooks_are_exported_once(satkit_says, tmp_path):
    code, out, error = satkit_says("export", str(tmp_path / "mine"), "--blank")
    assert (code, error) == (0, "")
    assert "00_start_here.ipynb" in out
    code, out, error = satkit_says("export", str(tmp_path / "mine"))
    assert (code, out) == (2, "")
    assert "Nothing is overwritten" in one_sentence(error)


def test_slides_are_written_instead_of_copies(satkit_says, tmp_path, monkeypatch):
    monkeypatch.setattr("satkit.notebooks.slides.page", lambda name: name)
    code, out, error = satkit_says("export", str(tmp_path), "--slides", "05", "05b")
    assert (code, error) == (0, "")
    assert [line.rpartition("/")[2] for line in out.split()] == ["05_sats_loss.html", "05b_loss_gradient.html"]
    assert len(satkit_says("export", str(tmp_path / "all"), "--slides")[1].split()) == len(list_notebooks())
    code, out, error = satkit_says("export", str(tmp_path / "both"), "--slides", "05", "--blank")
    assert (code, out) == (2, "")
    assert "give --blank or --slides" in one_sentence(error)


def test_the_words_of_a_run_arrive_as_typed_parameters(satkit_says, monkeypatch, runs):
    asked = []

    class Result:
        output, seconds = "there.ipynb", 61.0

    def run(path, output, values, timeout=None, **_):
        asked.append((path.stem, output, values, timeout))
        return Result

    monkeypatch.setattr("satkit.notebooks.runner.run_notebook", run)
    said = satkit_says("run", "07", "-p", "seed=3", "-p", "strategy=fine-tuning", "--timeout", "9")
    assert said == (0, "there.ipynb (took 1 min 1 s)\n", "")
    values = {"seed": 3, "strategy": "fine-tuning"}
    assert asked == [("07_train_next_step", runs / "notebooks" / "07_train_next_step.ipynb", values, 9)]


def test_a_lesson_that_is_tracked_says_how_to_look_at_its_curves(satkit_says, monkeypatch, runs):
    class Result:
        output, seconds = "there.ipynb", 61.0

    monkeypatch.setattr("satkit.notebooks.runner.run_notebook", lambda *_, **more: Result)
    told = "there.ipynb (took 1 min 1 s)\nCurves: tensorboard --logdir"
    assert satkit_says("run", "07", "--track", "tensorboard") == (0, f"{told} {runs}\n", "")
    assert satkit_says("run", "07", "--track", "tensorboard", "-p", "study=mine") == (0, f"{told} {runs}/mine\n", "")
