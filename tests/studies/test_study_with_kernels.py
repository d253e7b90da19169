"""A study with real kernels ends in a table and a report, and in the same numbers when it was killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from tiny_jobs import jobs_of

import satkit
from satkit.experiments.settings import Settings
from satkit.studies import study as studies
from satkit.studies.study import study, table
from satkit.utils.files import read_json

SMOKE = Settings(preset="smoke")
SCORES = ("old", "new", "all", "forgetting", "kept", "average")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A study of the smoke preset with real kernels, and what it printed."""
    folder = tmp_path_factory.mktemp("studies") / "undisturbed"
    said = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(studies, "show", said.append)
        assert study(SMOKE, ("fine-tuning", "sats"), str(folder)) == folder
    return folder, "\n".join(said)


@pytest.mark.slow
class TestFromEndToEnd:
    def test_a_study_ends_in_a_table_a_report_and_its_notebooks(self, undisturbed):
        folder, said = undisturbed
        result = read_json(folder / "result.json")
        assert set(result["strategies"]) == {"fine-tuning", "SATS"}
        assert all(0 <= scores["all"] <= 1 for scores in result["strategies"].values())
        assert table(result) in said
        assert str(folder / "report.html") in said
        names = sorted(path.name for path in (folder / "notebooks").iterdir())
        jobs = jobs_of(folder, "fine-tuning", "sats", settings=SMOKE)
        assert names == sorted(f"{each.output}.ipynb" for each in jobs)
        assert not list(folder.glob(".progress*"))
        page = (folder / "report.html").read_text(encoding="utf-8")
        pictures = list((folder / "figures").glob("*.png"))
        assert len(pictures) >= 10
        assert page.count("data:image/png;base64,") == len(pictures)

    def test_the_executed_notebooks_have_no_error_and_no_warning(self, undisturbed):
        for path in (undisturbed[0] / "notebooks").iterdir():
            outputs = [item for cell in nbformat.read(str(path), 4).cells for item in cell.get("outputs", [])]
            assert not [item for item in outputs if item.output_type == "error" or item.get("name") == "stderr"], path

    def test_run_again_it_starts_no_kernel_and_says_the_same(self, undisturbed, monkeypatch):
        folder, _ = undisturbed
        before = read_json(folder / "result.json")
        monkeypatch.setattr(studies, "run_notebook", lambda *_, **__: pytest.fail("everything is finished"))
        study(SMOKE, ("fine-tuning", "sats"), str(folder))
        assert read_json(folder / "result.json") == before

    @pytest.mark.skipif(os.name == "nt", reason="a process group is killed as POSIX does")
    def test_a_killed_study_is_finished_to_the_same_numbers(self, undisturbed, tmp_path):
        folder = tmp_path / "killed"
        words = ["study", "--preset", "smoke", "--out", str(folder)]
        path = os.pathsep.join([str(Path(satkit.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": path}
        process = subprocess.Popen(
            [sys.executable, "-m", "satkit", *words],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            wait_for_training(folder, process)
        finally:
            for group in {process.pid, *kernels_below(process.pid)}:
                kill_group(group)
            process.wait(timeout=60)
        assert not (folder / "base" / "steps" / "0" / "metrics.json").exists()
        assert not (folder / "notebooks" / "06_base.ipynb").exists()
        command = [sys.executable, "-m", "satkit", *words]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        one, other = (read_json(each / "result.json")["strategies"] for each in (undisturbed[0], folder))
        for name in ("fine-tuning", "SATS"):
            assert {key: one[name][key] for key in SCORES} == {key: other[name][key] for key in SCORES}
        assert "SATS" in ended.stdout
        assert not list(folder.rglob("*.tmp-*"))


def wait_for_training(folder: Path, process: subprocess.Popen, seconds: float = 240.0) -> None:
    """Return once the base step is being trained: its first progress is on disk."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"The study has ended by itself with {process.returncode}.")
        if (folder / ".progress.json").exists() or (folder / "base" / "history.csv").exists():
            return
        time.sleep(0.05)
    raise TimeoutError(f"no training after {seconds} s")


def kernels_below(parent: int) -> set[int]:
    """Process groups of the children of a process: a kernel leads a group of its own."""
    groups = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            groups.add(int(fields[2]))
    return groups


def kill_group(group: int) -> None:
    """Kill a process group that a test has started."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return
