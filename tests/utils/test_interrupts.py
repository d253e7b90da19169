"""The first signal waits for the iteration to end, the second acts immediately, and the handlers are restored."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import satkit
from satkit.utils.interrupts import HANGUP, Interrupts, Terminated, interrupts_first, remembered, terminating

MEANING = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: Terminated}
TWICE = tuple(MEANING)  # signals of which a second one is meant
if HANGUP is not None:
    MEANING[HANGUP] = Terminated


@pytest.fixture(autouse=True)
def _handlers_survive():
    before = {number: signal.getsignal(number) for number in MEANING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_nothing_is_requested_without_a_signal():
    with remembered() as interrupts:
        assert not interrupts.requested()
        interrupts.act()  # does nothing


@pytest.mark.parametrize("number", MEANING)
def test_first_signal_is_remembered_and_acts_when_asked(number):
    reached = []

    def work():
        with remembered() as interrupts:
            signal.raise_signal(number)
            reached.append(interrupts.requested())
            interrupts.act()
            reached.append("beyond")

    with pytest.raises(MEANING[number]):
        work()
    assert reached == [True]


@pytest.mark.parametrize("number", TWICE)
def test_second_signal_acts_at_once(number):
    reached = []

    def work():
        with remembered():
            signal.raise_signal(number)
            reached.append("after the first")
            signal.raise_signal(number)
            reached.append("after the second")

    with pytest.raises(MEANING[number]):
        work()
    assert reached == ["after the first"]


@pytest.mark.parametrize("number", MEANING)
def test_a_signal_that_nobody_asked_for_acts_at_the_end(number):
    reached = []

    def work():
        with remembered():
            signal.raise_signal(number)
            reached.append("the end")

    before = {number: signal.getsignal(number) for number in MEANING}
    with pytest.raises(MEANING[number]):
        work()
    assert reached == ["the end"]
    assert {number: signal.getsignal(number) for number in MEANING} == before


def test_second_signal_means_what_the_first_meant():
    def work():
        with remembered():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Terminated):
        work()


@pytest.mark.skipif(HANGUP is None, reason="Windows has no such signal")
@pytest.mark.parametrize("first", MEANING)
def test_a_terminal_that_is_closed_disturbs_no_saving_that_has_begun(first):
    reached = []

    def work():
        with remembered() as interrupts:
            signal.raise_signal(first)
            signal.raise_signal(HANGUP)  # a shell and the system may both send it
            reached.append("saved")
            interrupts.act()

    with pytest.raises(MEANING[first]):
        work()
    assert reached == ["saved"]


@pytest.mark.parametrize("number", MEANING)
@pytest.mark.parametrize("block", [remembered, terminating, interrupts_first])
def test_a_signal_that_is_ignored_at_the_start_stays_ignored(number, block):
    signal.signal(number, signal.SIG_IGN)
    with block() as interrupts:
        signal.raise_signal(number)
        assert signal.getsignal(number) is signal.SIG_IGN
        assert interrupts is None or not interrupts.requested()


def test_an_error_does_not_lose_a_signal():
    def work():
        with remembered():
            signal.raise_signal(signal.SIGINT)
            raise ZeroDivisionError

    with pytest.raises(KeyboardInterrupt):
        work()


def test_a_signal_that_nobody_asked_for_is_passed_to_the_block_around():
    with remembered() as outer:
        with remembered():
            signal.raise_signal(signal.SIGTERM)
        assert outer.requested()
        with pytest.raises(Terminated):
            outer.act()


@pytest.mark.parametrize("number", MEANING)
def test_asked_to_end_a_block_ends_with_the_exit_code_of_the_signal(number):
    with pytest.raises(MEANING[number]) as ended, terminating():
        signal.raise_signal(number)
    assert getattr(ended.value, "code", 130) == 128 + number


@pytest.mark.skipif(HANGUP is None, reason="Windows has no such signal")
def test_a_second_hangup_disturbs_no_cleaning_up():
    reached = []

    def work():
        with terminating():
            try:
                signal.raise_signal(HANGUP)
            finally:
                signal.raise_signal(HANGUP)
                reached.append("cleaned up")

    with pytest.raises(Terminated):
        work()
    assert reached == ["cleaned up"]


class TestInterruptsFirst:
    def interrupted(self, replaced_by):
        """What a library does that replaces the exception of a signal, or forgets it."""
        with interrupts_first():
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                if replaced_by:
                    raise replaced_by("damaged") from None

    @pytest.mark.parametrize("replaced_by", [ValueError, OSError, None])
    def test_the_interrupt_is_what_leaves_the_block(self, replaced_by):
        with pytest.raises(KeyboardInterrupt):
            self.interrupted(replaced_by)

    def test_an_error_without_a_signal_stays_as_it_is(self):
        with pytest.raises(ValueError, match="damaged"), interrupts_first():
            raise ValueError("damaged")

    def test_where_signals_are_remembered_the_error_comes_first(self):
        def read():
            with interrupts_first():
                signal.raise_signal(signal.SIGINT)
                raise ValueError("damaged")

        def work():
            with remembered() as interrupts:
                with pytest.raises(ValueError, match="damaged"):
                    read()
                interrupts.act()

        with pytest.raises(KeyboardInterrupt):
            work()


def test_handlers_are_put_back():
    def mine(number, frame):
        raise ZeroDivisionError

    for number in MEANING:
        signal.signal(number, mine)
    with remembered():
        assert all(signal.getsignal(number) is not mine for number in MEANING)
    assert all(signal.getsignal(number) is mine for number in MEANING)


def test_handlers_are_put_back_after_an_error():
    before = {number: signal.getsignal(number) for number in MEANING}

    def fail():
        with remembered():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert {number: signal.getsignal(number) for number in MEANING} == before


def test_another_thread_changes_no_handler():
    before = {number: signal.getsignal(number) for number in MEANING}
    inside = []

    def work():
        with remembered() as interrupts:
            inside.append(({number: signal.getsignal(number) for number in MEANING}, interrupts.requested()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert inside == [(before, False)]


def test_terminated_ends_the_process_with_143():
    assert Terminated().code == 143
    interrupts = Interrupts()
    interrupts.signal = signal.SIGTERM
    with pytest.raises(SystemExit):
        interrupts.act()


SAVE_THEN_ACT = """
import sys, time
from satkit.utils.interrupts import remembered
with remembered() as interrupts:
    print("ready", flush=True)
    while not interrupts.requested():
        time.sleep(0.01)
    print("saved", flush=True)
    interrupts.act()
print("never here", flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals between processes need a POSIX system")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (HANGUP, 129), (signal.SIGINT, -signal.SIGINT)])
def test_a_process_that_is_asked_to_end_saves_first(number, code):
    environment = {**os.environ, "PYTHONPATH": str(Path(satkit.__file__).parents[1])}
    command = [sys.executable, "-c", SAVE_THEN_ACT]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        try:
            rest, _ = process.communicate(timeout=60)
        finally:
            process.kill()  # or a process that takes no signal would be waited for without end
    assert rest == "saved\n"
    assert process.returncode == code


WRITES_ON = """
import pathlib, signal, sys, time
from satkit.utils.interrupts import Terminated, terminating
try:
    with terminating():
        print("ready", flush=True)
        time.sleep(60)
except Terminated as ended:
    signal.raise_signal(signal.SIGHUP)  # shells and systems may both send it
    for stream in (sys.stdout, sys.stderr):
        print("a last word", file=stream, flush=True)
    pathlib.Path(sys.argv[1]).write_text("cleaned up")
    raise
"""


@pytest.mark.skipif(os.name != "posix", reason="terminals are those of POSIX")
def test_a_process_whose_terminal_is_closed_can_write_and_clean_up(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(satkit.__file__).parents[1])}
    ours, theirs = os.openpty()
    command = [sys.executable, "-c", WRITES_ON, str(tmp_path / "done")]
    with subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        assert b"ready" in os.read(ours, 100)
        os.close(ours)  # nobody can write to it from now on
        process.send_signal(signal.SIGHUP)
        assert process.wait(timeout=60) == 129
    assert (tmp_path / "done").read_text() == "cleaned up"


@pytest.mark.skipif(os.name != "posix", reason="nohup is a command of POSIX")
def test_nohup_and_background_jobs_go_on():
    environment = {**os.environ, "PYTHONPATH": str(Path(satkit.__file__).parents[1])}
    ignoring = "import signal; [signal.signal(each, signal.SIG_IGN) for each in (signal.SIGHUP, signal.SIGINT)]\n"
    sending = "[signal.raise_signal(each) for each in (signal.SIGHUP, signal.SIGINT)]\n"
    script = (
        f"{ignoring}from satkit.utils.interrupts import *\nwith terminating(), remembered():\n    {sending}print('on')"
    )
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "on\n", "")
