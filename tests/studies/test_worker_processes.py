"""Processes that work on a study: one that fails is not passed over, and none starts where nothing is left."""

import os
import shutil
import sys

import pytest

from satkit.studies import worker_processes
from satkit.studies.attention_study import ReferenceFailed, ReferenceStudy
from satkit.studies.worker_processes import work_in_processes


def test_a_process_that_fails_is_not_passed_over(few_runs, monkeypatch):
    monkeypatch.setattr(worker_processes.sys, "executable", shutil.which("false"))
    with pytest.raises(ReferenceFailed, match="ended with the exit codes .1, 1., the reason stands above"):
        work_in_processes(few_runs, jobs=2, seconds=0.05)


def test_a_finished_study_starts_no_process(few_runs, monkeypatch):
    monkeypatch.setattr(ReferenceStudy, "missing", lambda self: [])
    monkeypatch.setattr(worker_processes.subprocess, "Popen", lambda *_, **__: pytest.fail("nothing is left to do"))
    work_in_processes(few_runs)


@pytest.mark.skipif(os.name != "posix", reason="sessions are those of POSIX")
def test_what_a_terminal_sends_does_not_reach_the_processes_directly(few_runs, monkeypatch, tmp_path):
    script, seen = tmp_path / "worker", tmp_path / "seen"
    script.write_text(f"#!{sys.executable}\nimport os\nopen({str(seen)!r}, 'w').write(str(os.getsid(0)))\n")
    script.chmod(0o755)
    monkeypatch.setattr(worker_processes.sys, "executable", str(script))
    work_in_processes(few_runs, jobs=1, seconds=0.05)
    assert int(seen.read_text()) != os.getsid(0)
