"""The doctor finds what is missing, says how to get it, and survives whatever is broken."""

import importlib.metadata
import os
import subprocess
import sys
import types

import pytest
from places import ROOT

from satkit.cli import doctor
from satkit.cli.doctor import Finding


def statuses(findings: list[Finding]) -> dict[str, str]:
    return {finding.name: finding.status for finding in findings}


def only(name: str, findings: list[Finding]) -> Finding:
    (found,) = [finding for finding in findings if finding.name == name]
    return found


def fake_versions(monkeypatch, **versions):
    """Let packages seem to be installed in other versions; None for missing."""
    real = importlib.metadata.version

    def version(name):
        if name not in versions:
            return real(name)
        if versions[name] is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(doctor.importlib.metadata, "version", version)


def test_this_environment_has_no_problem_with_its_packages():
    findings = doctor.check_packages()
    assert set(statuses(findings).values()) == {"ok"}
    assert {"Python", "torch", "timm", "papermill", "numpy"} <= statuses(findings).keys()


def test_development_packages_are_not_asked_for(monkeypatch):
    needed = ["numpy>=1", 'pytest>=8; extra == "dev"']
    monkeypatch.setattr(doctor, "declared", lambda: (">=3.11", needed))
    assert set(statuses(doctor.check_packages())) == {"Python", "numpy"}


def test_missing_and_old_packages_are_problems_with_the_command_that_helps(monkeypatch):
    monkeypatch.setattr(doctor, "declared", lambda: (">=3.11", ["numpy>=1.26", "timm>=1.0.20", "torch>=2.10"]))
    fake_versions(monkeypatch, numpy=None, timm="1.0.19", torch="2.13.0+cpu")
    findings = doctor.check_packages()
    assert statuses(findings) == {"Python": "ok", "numpy": "problem", "timm": "problem", "torch": "ok"}
    assert only("numpy", findings).detail == "missing (needs numpy>=1.26)"
    assert only("timm", findings).detail == "1.0.19 (needs >=1.0.20)"
    assert only("timm", findings).remedy == 'python -m pip install "timm>=1.0.20"'


def test_old_python_is_a_problem(monkeypatch):
    monkeypatch.setattr(doctor, "declared", lambda: (">=99.1", []))
    (python,) = doctor.check_packages()
    assert python.status == "problem"
    assert "Python >=99.1" in python.remedy


def test_an_installed_wheel_is_asked_for_its_own_metadata(monkeypatch, tmp_path):
    metadata = importlib.metadata.metadata("timm")
    monkeypatch.setattr(doctor, "source_tree", lambda: None)
    monkeypatch.setattr(doctor.importlib.metadata, "metadata", lambda name: metadata)
    python, needed = doctor.declared()
    assert python == metadata["Requires-Python"]
    assert needed == metadata.get_all("Requires-Dist")


def test_a_copy_that_is_neither_installed_nor_a_source_tree_is_told_so(monkeypatch, tmp_path):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "source_tree", lambda: None)
    monkeypatch.setattr(doctor.importlib.metadata, "metadata", missing)
    with pytest.raises(FileNotFoundError, match="satkit is not installed, and it runs from no source tree"):
        doctor.declared()


def test_cpu_is_named_with_its_threads(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    (device,) = doctor.check_torch()
    assert device.status == "ok"
    assert device.detail.startswith("CPU, 3 threads")
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/usr/bin/{name}")
    (device,) = doctor.check_torch()
    assert device.status == "note"
    assert "NVIDIA" in device.remedy


def test_every_gpu_is_named(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: f"GPU {number}")
    (device,) = doctor.check_torch()
    assert (device.status, device.detail.split(" (")[0]) == ("ok", "GPU 0, GPU 1")


@pytest.mark.parametrize(
    ("cuda", "triton", "status"), [(False, False, "ok"), (True, True, "ok"), (True, False, "note")]
)
def test_how_attention_is_pooled_is_said_and_what_would_be_faster(monkeypatch, cuda, triton, status):
    import torch

    from satkit.models import attention_pooling

    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(attention_pooling, "has_triton", lambda: triton)
    (finding,) = doctor.check_kernel()
    assert finding.status == status
    assert finding.detail.startswith("by the kernel") == (cuda and triton)
    assert ("pip install triton" in finding.remedy) == (status == "note")


@pytest.mark.parametrize(
    ("state", "status"), [("healthy", "ok"), ("mended", "note"), ("absent", "problem"), ("not imported yet", "problem")]
)
def test_state_of_torchvision_decides_and_the_remedy_names_a_matching_pair(monkeypatch, state, status):
    asked = []
    fake = types.SimpleNamespace(ensure=lambda: asked.append(1), state=lambda: state)
    from satkit import utils

    monkeypatch.setitem(sys.modules, "satkit.utils._torchvision", fake)
    monkeypatch.setattr(utils, "_torchvision", fake, raising=False)
    (finding,) = doctor.check_torchvision()
    assert finding.status == status
    assert asked == [1]
    assert bool(finding.remedy) == (status != "ok")
    if finding.remedy:
        assert "same index" in finding.remedy
        assert "conda-forge" in finding.remedy


def test_lessons_are_counted(monkeypatch, tmp_path):
    from satkit.notebooks import finding

    monkeypatch.setattr(finding, "notebook_folder", lambda: tmp_path)
    (finding,) = doctor.check_notebooks()
    assert (finding.status, finding.remedy) == ("problem", "Install satkit again.")
    (tmp_path / "00_start_here.ipynb").touch()
    (finding,) = doctor.check_notebooks()
    assert (finding.status, finding.detail) == ("ok", f"1 in {tmp_path}")


def run_without(packages, *words):
    """A command line in a process of its own in which some packages cannot be imported; what has ended."""
    blocked = f"import sys; sys.modules.update(dict.fromkeys({packages!r}))"
    source = f"{blocked}; from satkit.cli.parser import main; sys.exit(main({list(words)!r}))"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-c", source], env=env, capture_output=True, text=True)


def test_without_torch_the_doctor_still_reports_everything_else():
    done = run_without(["torch"], "doctor")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "problem  torch " in done.stdout
    assert "ok       notebooks " in done.stdout


@pytest.mark.parametrize("words", [("run", "--list"), ("run", "--help", "06"), ("export", "copies")])
def test_commands_that_compute_nothing_load_no_torch(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run_without(["torch", "timm", "matplotlib", "papermill"], *words)
    assert done.returncode == 0, done.stderr


def test_trackers_are_optional_and_those_that_are_installed_are_named(monkeypatch):
    fake_versions(monkeypatch, tensorboard="2.21.0", wandb=None, trackio="0.43.0")
    found = only("trackers", doctor.check_trackers())
    assert (found.status, found.detail) == ("ok", "tensorboard 2.21.0, trackio 0.43.0 (satkit study --track NAME)")
    fake_versions(monkeypatch, tensorboard=None, wandb=None, trackio=None)
    found = only("trackers", doctor.check_trackers())
    assert (found.status, found.detail) == ("ok", "none installed")
    assert found.remedy.endswith('python -m pip install "tensorboard>=2.16"')


def test_folders_come_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("SATKIT_RUNS", str(tmp_path / "my runs"))
    monkeypatch.setenv("SATKIT_CACHE", str(tmp_path / "my cache"))
    findings = doctor.check_folders()
    assert statuses(findings) == {"runs folder": "ok", "cache folder": "ok"}
    assert [finding.detail.split(",")[0] for finding in findings] == [
        str(tmp_path / "my runs"),
        str(tmp_path / "my cache"),
    ]


def test_a_file_in_place_of_the_runs_is_a_problem_that_names_the_variable(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SATKIT_RUNS", str(tmp_path / "file"))
    runs, cache = doctor.check_folders()
    assert (runs.status, cache.status) == ("problem", "ok")
    assert runs.detail.endswith("Set SATKIT_RUNS to a folder.")


@pytest.mark.skipif(os.name == "nt", reason="links need no rights on POSIX only")
def test_a_cache_that_is_a_link_to_itself_is_a_problem(monkeypatch, tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    monkeypatch.setenv("SATKIT_CACHE", str(tmp_path / "loop"))
    _, cache = doctor.check_folders()
    assert (cache.status, "leads back to itself" in cache.detail) == ("problem", True)


def test_so_is_one_whose_name_is_too_long_with_the_variable_to_set(monkeypatch, tmp_path):
    monkeypatch.setenv("SATKIT_CACHE", str(tmp_path / ("y" * 300)))
    _, cache = doctor.check_folders()
    assert (cache.status, cache.remedy) == ("problem", "Set SATKIT_CACHE to a folder that can be written.")


def test_a_folder_that_can_be_made_is_writable_and_nothing_is_left(tmp_path):
    assert doctor.writable("runs", tmp_path / "a" / "b", "remedy").status == "ok"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_problem_with_its_remedy(tmp_path):
    file = tmp_path / "file"
    file.touch()
    finding = doctor.writable("runs", file / "below", "Set SATKIT_RUNS.")
    assert (finding.status, finding.remedy) == ("problem", "Set SATKIT_RUNS.")
    assert "cannot be written" in finding.detail


def test_missing_browser_is_only_a_note(monkeypatch, tmp_path):
    monkeypatch.delenv("SATKIT_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    (finding,) = doctor.check_browser()
    assert (finding.status, finding.detail) == ("note", "not found")
    monkeypatch.setenv("SATKIT_CHROMIUM", "nowhere")
    (finding,) = doctor.check_browser()
    assert finding.status == "note"
    assert "names nowhere" in finding.detail


def test_named_browser_is_found(monkeypatch):
    monkeypatch.setenv("SATKIT_CHROMIUM", sys.executable)
    (finding,) = doctor.check_browser()
    assert finding.status == "ok"
    assert sys.executable in finding.detail


def test_a_check_that_breaks_is_a_problem_and_the_others_still_run(monkeypatch):
    def check_torch():
        raise OSError("libcudart is missing")

    monkeypatch.setattr(doctor, "check_torch", check_torch)
    findings = doctor.report()
    assert only("torch", [finding for finding in findings if finding.status == "problem"]).detail == (
        "OSError: libcudart is missing"
    )
    assert "Chromium" in statuses(findings)


def test_table_is_aligned_and_sums_up():
    findings = [
        Finding("numpy", "ok", "2.0"),
        Finding("torchvision", "note", "odd", "Do this."),
        Finding("timm", "problem", "missing", "Install it."),
    ]
    assert doctor.table(findings).split("\n") == [
        "ok       numpy        2.0",
        "note     torchvision  odd",
        "                      -> Do this.",
        "problem  timm         missing",
        "                      -> Install it.",
        "",
        "1 ok, 1 note, 1 problem",
    ]


@pytest.mark.parametrize("width", [50, 80, 200])
def test_table_fits_the_terminal(width):
    findings = [
        Finding("torchvision", "note", "0.28.0: its operators do not fit this torch", "Install both anew. " * 9)
    ]
    lines = doctor.table(findings, width).splitlines()
    assert max(map(len, lines)) <= width
    assert " ".join(" ".join(lines).split()).count("Install both anew.") == 9


@pytest.mark.parametrize(("status", "code"), [("ok", 0), ("note", 0), ("problem", 1)])
def test_exit_code_is_1_only_for_a_problem(monkeypatch, capsys, status, code):
    monkeypatch.setattr(doctor, "report", lambda: [Finding("timm", "ok", "1.0"), Finding("numpy", status, "2.0")])
    assert doctor.main() == code
    assert status in capsys.readouterr().out


def test_commands_of_remedies_survive_wrapping():
    long = 'python -m pip install "a-package-with-a-long-name>=1.0.20,!=1.0.21,!=1.0.22,!=1.0.23,<2" --upgrade'
    text = doctor.table([Finding("package", "problem", "old", long)])
    assert long.split('"')[1] in text


def test_a_cluster_is_optional(monkeypatch):
    fake_versions(monkeypatch, distributed="2026.8.0")
    assert only("cluster", doctor.check_cluster()).detail.startswith("dask.distributed 2026.8.0")
    fake_versions(monkeypatch, distributed=None)
    found = only("cluster", doctor.check_cluster())
    assert (found.status, found.detail) == ("ok", "dask.distributed is not installed")
    assert found.remedy.endswith('python -m pip install "dask[distributed]"')
