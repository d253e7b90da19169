"""A long training holds no more at its end than in its middle, and leaves nothing behind, however it ends.

The full form has 3,000 iterations, some minutes: `pytest -m full tests/experiments/test_soak.py`.
"""

import os
import signal
import sys
from pathlib import Path

import pytest
import soak

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not Path("/proc/self/statm").exists(), reason="memory and descriptors are read as Linux has them"
    ),
]
CODES = {"normal": 0, "failed": 1, "killed": -signal.SIGKILL}


@pytest.fixture(autouse=True)
def _paths_of_the_server(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))


def ended(folder, ends, iterations, every):
    """Trainings that run at the same time; each must end as it should."""
    processes = {end: soak.started(end, folder / end, iterations, every) for end in ends}
    for process in processes.values():
        process.join()
    found = {end: process.exitcode for end, process in processes.items()}
    assert found == {end: CODES.get(end, 0) for end in ends}


def test_descriptors_are_closed_and_nothing_temporary_is_left(tmp_path):
    ended(tmp_path, ["normal"], iterations=100, every=10)
    ended(tmp_path, ["failed", "killed", "leaking"], iterations=40, every=4)
    assert {end: soak.left_behind(tmp_path / end) for end in CODES} == dict.fromkeys(CODES, [])
    assert soak.more_descriptors(soak.samples(tmp_path / "normal")) == 0
    assert len(soak.samples(tmp_path / "killed")) < 8  # it was in the middle
    leaking = soak.samples(tmp_path / "leaking")  # the control: what stays is seen
    assert soak.more_descriptors(leaking) > 0
    assert soak.growth(leaking) > 0.02
    assert soak.left_behind(tmp_path / "leaking")


@pytest.mark.full
def test_memory_is_flat_over_three_thousand_iterations(tmp_path):
    ended(tmp_path, ["normal"], iterations=3000, every=50)
    ended(tmp_path, ["failed", "killed"], iterations=3000, every=50)
    found = soak.samples(tmp_path / "normal")
    memory, descriptors = soak.growth(found), soak.more_descriptors(found)
    print(f"{len(found)} evaluations: memory {100 * memory:+.2f} %, descriptors {descriptors:+d}")
    assert memory <= 0.02
    assert descriptors == 0
    assert {end: soak.left_behind(tmp_path / end) for end in CODES} == dict.fromkeys(CODES, [])
