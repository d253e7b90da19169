"""The first signal waits for the iteration to end, the second acts immediately, and the handlers are restored."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import satkit
from satkit.utils.interrupts import Interrupts, Terminated, remembered

MEANING = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: Terminated}


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


@pytest.mark.parametrize("number", MEANING)
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
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)])
def test_a_process_that_is_asked_to_end_saves_first(number, code):
    environment = {**os.environ, "PYTHONPATH": str(Path(satkit.__file__).parents[1])}
    command = [sys.executable, "-c", SAVE_THEN_ACT]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        rest, _ = process.communicate(timeout=60)
    assert rest == "saved\n"
    assert process.returncode == code
