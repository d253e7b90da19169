"""Progress tells the truth: about what is left, about the end, and in every place where it is shown."""

import io
import json
import os
import subprocess
import sys
import threading
import types
from pathlib import Path

import pytest
from terminals import Clock, Terminal

import satkit
from satkit.utils import progress
from satkit.utils.progress import Progress, format_seconds, live_front_end, read_progress


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch):
    for name in ("SATKIT_PROGRESS", "SATKIT_STATIC", "JPY_SESSION_NAME", "COLAB_RELEASE_TAG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def clock():
    return Clock()


def work(shown: Progress, clock: Clock, seconds: list[float], **values) -> None:
    """One unit after the other, each taking so many seconds."""
    for unit in seconds:
        clock.now += unit
        shown.update(shown.done + 1, **values)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s"),
        (0.4, "0 s"),
        (45, "45 s"),
        (59.6, "1 min"),
        (130, "2 min 10 s"),
        (3599.7, "1 h"),
        (3900, "1 h 5 min"),
        (7170, "2 h"),
        (100 * 3600, "100 h"),
    ],
)
def test_durations_are_told_as_people_say_them(seconds, text):
    assert format_seconds(seconds) == text


def test_time_left_of_even_work_is_units_left_times_seconds_per_unit(clock):
    shown = Progress(10, "training", stream=io.StringIO(), clock=clock)
    work(shown, clock, [2.0] * 4)
    assert shown.seconds_per_unit == pytest.approx(2.0)
    assert shown.seconds_left == pytest.approx(12.0)


def test_first_unit_does_not_count_and_nothing_is_guessed_before_the_second(clock):
    shown = Progress(100, "training", stream=io.StringIO(), clock=clock)
    work(shown, clock, [60.0])
    assert shown.seconds_left is None
    assert "left" not in shown.line()
    work(shown, clock, [1.0, 1.0])
    assert shown.seconds_left == pytest.approx(97.0)


def test_work_done_before_an_interruption_is_not_taken_for_speed(clock):
    shown = Progress(1000, "training", stream=io.StringIO(), clock=clock)
    clock.now += 1
    shown.update(500)
    clock.now += 4
    shown.update(502)
    assert shown.seconds_left == pytest.approx(2.0 * 498)


def test_time_left_follows_a_machine_that_gets_slower(clock):
    shown = Progress(1000, "training", stream=io.StringIO(), clock=clock)
    work(shown, clock, [1.0] * 300)
    assert shown.seconds_per_unit == pytest.approx(1.0)
    work(shown, clock, [3.0] * 300)
    assert 2.8 < shown.seconds_per_unit < 3.0


def test_a_single_pause_moves_the_estimate_by_its_share_only(clock):
    shown = Progress(1000, "training", stream=io.StringIO(), clock=clock)
    work(shown, clock, [1.0] * 200 + [11.0])
    assert 1.0 < shown.seconds_per_unit < 1.2


def test_time_left_is_never_negative_even_if_the_clock_steps_back(clock):
    shown = Progress(10, "training", stream=io.StringIO(), clock=clock)
    work(shown, clock, [1.0, 1.0, -5.0, -5.0])
    assert shown.seconds_left >= 0
    assert shown.seconds >= 0


def test_percent_is_100_only_at_the_end(clock):
    shown = Progress(1000, "training", stream=io.StringIO(), clock=clock)
    shown.update(999)
    assert shown.percent == 99
    assert "100 %" not in shown.line()
    shown.update(1000)
    assert shown.percent == 100


def test_line_tells_label_percent_count_values_and_time_left(clock):
    shown = Progress(1000, "step 2", stream=io.StringIO(), clock=clock)
    clock.now += 9
    shown.update(700)
    clock.now += 13
    shown.update(730, loss=0.31234567, lr=0.001)
    expected = "step 2: 73 % (730 of 1000), loss 0.3123, lr 0.001, about 1 min 57 s left"
    assert shown.line() == expected


@pytest.mark.parametrize("done", [-1, 11])
def test_impossible_progress_is_refused(done):
    with pytest.raises(ValueError, match=rf"within 0 and the total of 10, got {done}"):
        Progress(10, "training", stream=io.StringIO()).update(done)


def test_negative_total_is_refused():
    with pytest.raises(ValueError, match="0 or more units of work, got -1"):
        Progress(-1, "training")


def test_no_work_at_all_ends_at_once(clock):
    stream = io.StringIO()
    with Progress(0, "training", stream=stream, clock=clock) as shown:
        assert shown.percent == 100
    assert stream.getvalue() == "training: 0 of 0, took 0 s\n"


def test_log_gets_first_and_last_line_and_one_per_interval(clock):
    stream = io.StringIO()
    with Progress(100, "training", stream=stream, interval=10.0, clock=clock) as shown:
        work(shown, clock, [1.0] * 100)
    lines = stream.getvalue().splitlines()
    assert [line.split("(")[-1].split(" of")[0] for line in lines[:-1]] == [str(n) for n in range(1, 100, 10)]
    assert lines[-1] == "training: 100 of 100, took 1 min 40 s"
    assert "\r" not in stream.getvalue()


def test_a_terminal_gets_a_bar_that_is_redrawn_at_most_five_times_a_second(clock):
    stream = Terminal()
    with Progress(1000, "training", stream=stream, clock=clock) as shown:
        work(shown, clock, [0.01] * 1000)  # ten seconds
    states = stream.getvalue().split("\r")[1:]
    assert 45 <= len(states) <= 54  # tqdm draws once more at the beginning and at the end
    assert [state.count("\n") for state in states] == [0] * (len(states) - 1) + [1]
    assert "1000 of 1000" in states[-1]


def test_a_bar_fits_into_the_terminal(clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()
    shown = Progress(10, "a label that is much longer than the terminal is wide", stream=stream, clock=clock)
    work(shown, clock, [1.0, 1.0])
    assert all(len(state.strip("\n")) <= 39 for state in stream.getvalue().split("\r"))


def test_quiet_work_is_shown_only_if_it_lasts(clock, tmp_path, monkeypatch):
    monkeypatch.setenv("SATKIT_PROGRESS", str(tmp_path / "progress.json"))
    short, long = io.StringIO(), io.StringIO()
    with Progress(4, "images evaluated", stream=short, quiet=2.0, clock=clock) as shown:
        work(shown, clock, [0.4] * 4)
    assert short.getvalue() == ""
    assert read_progress(tmp_path / "progress.json") is None
    with Progress(4, "images evaluated", stream=long, quiet=2.0, unit="image", clock=clock) as shown:
        work(shown, clock, [1.0] * 4, window="3 of 6")
    assert long.getvalue().splitlines() == [
        "images evaluated: 50 % (2 of 4), window 3 of 6, about 2 s left",
        "images evaluated: 4 of 4, window 3 of 6, took 4 s",
    ]
    assert read_progress(tmp_path / "progress.json")["unit"] == "image"


def test_quiet_work_that_is_stopped_says_so_only_if_it_was_shown(clock):
    for seconds, said in ((1.0, ""), (3.0, "images evaluated: stopped at 1 of 4, after 3 s\n")):
        stream = io.StringIO()
        with Progress(4, "images evaluated", stream=stream, quiet=2.0, clock=clock) as shown:
            work(shown, clock, [0.5])
            clock.now += seconds - 0.5
        assert stream.getvalue() == said


def test_stopped_work_is_not_called_finished(clock):
    stream = io.StringIO()
    shown = Progress(10, "training", stream=stream, clock=clock)

    def train():
        with shown:
            work(shown, clock, [2.0, 2.0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train()
    assert stream.getvalue().splitlines()[-1] == "training: stopped at 2 of 10, after 4 s"


def test_a_note_stands_below_work_that_has_stopped_and_not_below_work_that_is_done(clock):
    stopped, done = io.StringIO(), io.StringIO()
    for stream, units in ((stopped, 1), (done, 2)):
        shown = Progress(2, "training", stream=stream, clock=clock)
        work(shown, clock, [1.0] * units)
        shown.close("It goes on from here.")
        shown.close("It goes on from here.")
    assert stopped.getvalue().endswith("training: stopped at 1 of 2, after 1 s\nIt goes on from here.\n")
    assert done.getvalue().endswith("training: 2 of 2, took 2 s\n")
    assert stopped.getvalue().count("It goes on") == 1


def test_closing_twice_says_the_last_word_once(clock):
    stream = io.StringIO()
    shown = Progress(1, "training", stream=stream, clock=clock)
    work(shown, clock, [1.0])
    shown.close()
    shown.close()
    assert stream.getvalue().count("training") == 1


def test_progress_file_holds_the_state_and_is_written_four_times_a_second(clock, tmp_path, monkeypatch):
    path = tmp_path / "progress.json"
    monkeypatch.setenv("SATKIT_PROGRESS", str(path))
    written = []
    monkeypatch.setattr(progress.os, "replace", lambda old, new: (written.append(1), os.rename(old, new)))
    shown = Progress(1000, "training", stream=io.StringIO(), clock=clock)
    work(shown, clock, [0.01] * 999, loss=0.5)
    assert 35 <= len(written) <= 41
    clock.now += 0.01
    shown.update(1000, loss=0.25)
    state = read_progress(path)
    assert {key: state[key] for key in ("label", "unit", "done", "total", "values")} == {
        "label": "training",
        "unit": "iteration",
        "done": 1000,
        "total": 1000,
        "values": {"loss": 0.25},
    }
    assert state["seconds"] == pytest.approx(10.0)
    assert state["seconds_per_unit"] == pytest.approx(0.01)
    assert [file.name for file in tmp_path.iterdir()] == ["progress.json"]


def test_numbers_of_other_libraries_are_written_as_plain_numbers(clock, tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setenv("SATKIT_PROGRESS", str(tmp_path / "progress.json"))
    shown = Progress(2, "training", stream=io.StringIO(), clock=clock)
    shown.update(1, loss=torch.tensor(0.5), images=3)
    assert read_progress(tmp_path / "progress.json")["values"] == {"loss": 0.5, "images": 3}
    assert "loss 0.5, images 3" in shown.line()


def test_unwritable_progress_file_warns_once_and_stops_nothing(clock, tmp_path, monkeypatch):
    monkeypatch.setenv("SATKIT_PROGRESS", str(tmp_path / "missing" / "progress.json"))
    shown = Progress(3, "training", stream=io.StringIO(), clock=clock)
    with pytest.warns(UserWarning, match="Progress cannot be written to .*missing") as caught:
        work(shown, clock, [1.0] * 3)
    assert len(caught) == 1
    assert shown.done == 3


@pytest.mark.parametrize("content", [None, "", "{", "[]", '"text"', '{"done": 1}', "\xff"])
def test_reading_no_progress_gives_none(tmp_path, content):
    path = tmp_path / "progress.json"
    if content is not None:
        path.write_text(content, encoding="latin-1")
    assert read_progress(path) is None


def test_a_reader_never_sees_half_a_state(tmp_path, monkeypatch):
    path = tmp_path / "progress.json"
    monkeypatch.setenv("SATKIT_PROGRESS", str(path))
    monkeypatch.setattr(progress, "FILE_SECONDS", 0.0)
    monkeypatch.setattr(progress._File, "seconds", 0.0)
    shown = Progress(400, "training " + "x" * 20000, stream=io.StringIO())
    shown.update(0)
    writer = threading.Thread(target=lambda: [shown.update(number) for number in range(1, 401)])
    writer.start()
    while writer.is_alive():
        assert json.loads(path.read_text(encoding="utf-8"))["total"] == 400
    writer.join()


def fake_kernel(monkeypatch, names=()) -> None:
    """Let this process look like a kernel."""
    shell = types.SimpleNamespace(kernel=object(), user_ns=dict.fromkeys(names))
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))


@pytest.mark.parametrize(
    ("environment", "names", "live"),
    [
        ({}, (), False),
        ({"JPY_SESSION_NAME": "a.ipynb"}, (), True),
        ({"COLAB_RELEASE_TAG": "x"}, (), True),
        ({}, ("__vsc_ipynb_file__",), True),
        ({"JPY_SESSION_NAME": "a.ipynb", "SATKIT_STATIC": "1"}, (), False),
        ({"SATKIT_STATIC": "0"}, (), True),
    ],
)
def test_a_kernel_is_live_only_with_a_known_front_end(monkeypatch, environment, names, live):
    fake_kernel(monkeypatch, names)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert live_front_end() is live


def test_a_plain_process_is_never_live(monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "a.ipynb")
    monkeypatch.setenv("SATKIT_STATIC", "0")
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not live_front_end()


def test_a_live_notebook_gets_one_bar_with_the_same_text(clock, monkeypatch, capsys):
    made = []

    class Bar:
        def __init__(self, total, file, bar_format, ncols):
            made.append(self)
            self.total, self.file, self.n, self.texts, self.closed = total, file, 0, [], False

        def set_description_str(self, text):
            self.texts.append((self.n, text))

        def close(self):
            self.closed = True

    fake_kernel(monkeypatch)
    monkeypatch.setenv("JPY_SESSION_NAME", "a.ipynb")
    monkeypatch.setitem(sys.modules, "tqdm.notebook", types.SimpleNamespace(tqdm=Bar))
    shown = Progress(1000, "a < b", clock=clock)
    work(shown, clock, [0.01] * 1000)
    (bar,) = made
    assert (bar.total, bar.file, bar.closed) == (1000, None, True)
    assert 35 <= len(bar.texts) <= 42  # four times a second
    assert bar.texts[-1] == (1000, "a < b: 1000 of 1000, took 10 s")
    assert capsys.readouterr() == ("", "")


def test_text_goes_to_stderr_in_a_program_and_to_stdout_in_a_kernel(clock, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: None))
    work(Progress(1, "program", clock=clock), clock, [1.0])
    assert capsys.readouterr() == ("", "program: 1 of 1, took 1 s\n")
    fake_kernel(monkeypatch)
    work(Progress(1, "kernel", clock=clock), clock, [1.0])
    assert capsys.readouterr() == ("kernel: 1 of 1, took 1 s\n", "")


def test_progress_needs_neither_torch_nor_ipython():
    code = "import sys, satkit.utils.progress; print(sorted({'torch', 'IPython', 'numpy'} & set(sys.modules)))"
    root = str(Path(satkit.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": root}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_work_that_never_began_shows_nothing(clock):
    stream = io.StringIO()
    with Progress(10, "loaded", stream=stream, clock=clock):
        pass
    assert stream.getvalue() == ""


def test_of_several_processes_only_the_first_shows_how_far_they_are(monkeypatch, clock):
    monkeypatch.setattr(progress, "rank", lambda: 1)
    stream = io.StringIO()
    with Progress(3, "training", stream=stream, clock=clock) as shown:
        work(shown, clock, [1.0, 1.0])
        shown.close("It goes on from here.")
    assert stream.getvalue() == ""
    assert shown.done == 2
