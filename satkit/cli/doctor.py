"""What is installed, what is missing and how to get it: `satkit doctor`.

Every check stands alone: one that fails, in whatever way, becomes a finding, and the others still run.
Nothing is installed or changed.
"""

import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from satkit.utils.assets import source_tree
from satkit.utils.errors import UsageError
from satkit.utils.tables import Column, Table

STATUSES = ("ok", "note", "problem")
MISSING = "not installed"
MATCHING_PAIR = (
    "Install torch and torchvision from the same index (both from PyPI, or both from PyTorch's CPU index), "
    "or both from conda-forge."
)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What was looked at.
        status: "ok"; "note", something to know that stops nothing; or "problem".
        detail: What was found.
        remedy: What to do about it, empty if nothing.
    """

    name: str
    status: str
    detail: str
    remedy: str = ""


def report() -> list[Finding]:
    """All findings, in the order in which they are worth reading."""
    findings = []
    for check in (
        check_packages,
        check_torch,
        check_kernel,
        check_torchvision,
        check_notebooks,
        check_trackers,
        check_cluster,
        check_folders,
        check_browser,
    ):
        try:
            findings += check()
        except Exception as error:  # whatever is wrong with an installation must not stop the report
            name = check.__name__.removeprefix("check_")
            remedy = "Install satkit again, in an environment of its own, and run satkit doctor once more."
            findings.append(Finding(name, "problem", f"{type(error).__name__}: {error}", remedy))
    return findings


def main() -> int:
    """Print the report as an aligned table; 1 if there is a problem, else 0."""
    findings = report()
    print(table(findings), flush=True)
    return int(any(finding.status == "problem" for finding in findings))


def table(findings: Iterable[Finding], width: int | None = None) -> str:
    """Findings as aligned text, each remedy below its finding, and a last line that sums up.

    Args:
        width: Characters of a line; None for those of the terminal.
    """
    findings, rows = list(findings), []
    for finding in findings:
        rows.append((finding.status, finding.name, finding.detail))
        rows += [("", "", f"-> {finding.remedy}")] if finding.remedy else []
    counts = {status: sum(finding.status == status for finding in findings) for status in STATUSES}
    summary = ", ".join(f"{count} {status}" for status, count in counts.items())
    return Table([Column(""), Column(""), Column("")], rows, summary).text(width)


def check_packages() -> list[Finding]:
    """Python, and every package that satkit declares, against the versions it asks for."""
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    python, requirements = declared()
    fits = platform.python_version() in SpecifierSet(python, prereleases=True)
    remedy = "" if fits else f"Make a new environment with Python {python}."
    detail = f"{platform.python_version()} (needs {python}), {sys.executable}"
    findings = [Finding("Python", "ok" if fits else "problem", detail, remedy)]
    for requirement in map(Requirement, requirements):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        plain = f"{requirement.name}{requirement.specifier}"
        install = f'python -m pip install "{plain}"'
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            findings.append(Finding(requirement.name, "problem", f"missing (needs {plain})", install))
            continue
        fits = requirement.specifier.contains(version, prereleases=True)
        detail = f"{version} (needs {requirement.specifier})"
        findings.append(Finding(requirement.name, "ok" if fits else "problem", detail, "" if fits else install))
    return findings


def declared() -> tuple[str, list[str]]:
    """The versions of Python and the packages that satkit asks for.

    A source tree is asked first, since what is installed beside it may be older.

    Raises:
        FileNotFoundError: If satkit is neither in a source tree nor installed.
    """
    root = source_tree()
    if root:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return project["requires-python"], project["dependencies"]
    try:
        metadata = importlib.metadata.metadata("satkit")
    except importlib.metadata.PackageNotFoundError:
        raise FileNotFoundError("satkit is not installed, and it runs from no source tree.") from None
    return metadata["Requires-Python"], metadata.get_all("Requires-Dist") or []


def check_torch() -> list[Finding]:
    """The build of torch and the device that trainings will use."""
    import torch

    cuda = torch.version.cuda
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        return [Finding("device", "ok", f"{', '.join(names)} (torch {torch.__version__}, CUDA {cuda})")]
    threads = torch.get_num_threads()
    build = f"built for CUDA {cuda}" if cuda else "built for CPU"
    detail = f"CPU, {threads} thread{'s' * (threads != 1)} (torch {torch.__version__}, {build})"
    if shutil.which("nvidia-smi"):
        remedy = "This machine seems to have an NVIDIA GPU. To use it, install a torch built for its driver."
        return [Finding("device", "note", detail, remedy)]
    return [Finding("device", "ok", detail)]


def check_kernel() -> list[Finding]:
    """How attention is pooled over regions on this device: by the triton kernel or by torch."""
    import torch

    from satkit.models.attention_pooling import has_triton

    if not torch.cuda.is_available():
        return [Finding("pooled attention", "ok", "by torch (the triton kernel is for CUDA devices)")]
    if has_triton():
        return [Finding("pooled attention", "ok", f"by the kernel, triton {_version('triton')}")]
    remedy = "The result is the same, but takes longer. For the kernel: python -m pip install triton"
    return [Finding("pooled attention", "note", "by torch, since triton is not installed", remedy)]


def check_torchvision() -> list[Finding]:
    """Whether torchvision's compiled operators load; satkit and timm work without them."""
    from satkit.utils import _torchvision

    _torchvision.ensure()
    state = _torchvision.state()
    version = _version("torchvision")
    if state == "healthy":
        return [Finding("torchvision", "ok", version)]
    if state == "mended":
        detail = f"{version}: its compiled operators do not fit this torch; satkit works without them"
        return [Finding("torchvision", "note", detail, MATCHING_PAIR)]
    return [Finding("torchvision", "problem", f"{version} ({state}), and timm needs it", MATCHING_PAIR)]


def check_notebooks() -> list[Finding]:
    """Whether the lessons are there."""
    from satkit.notebooks import finding

    count = len(finding.list_notebooks())
    folder = finding.notebook_folder()
    if count == 0:
        return [Finding("notebooks", "problem", f"none in {folder}", "Install satkit again.")]
    return [Finding("notebooks", "ok", f"{count} in {folder}")]


def check_trackers() -> list[Finding]:
    """The trackers that are installed; all are optional."""
    from satkit.experiments.trackers.choice import TRACKERS

    found = {name: _version(name) for name in TRACKERS}
    there = [f"{name} {version}" for name, version in found.items() if version != MISSING]
    if there:
        return [Finding("trackers", "ok", f"{', '.join(there)} (satkit study --track NAME)")]
    remedy = f"Only for --track {', '.join(TRACKERS)}: python -m pip install {TRACKERS['tensorboard'].package}"
    return [Finding("trackers", "ok", "none installed", remedy)]


def check_cluster() -> list[Finding]:
    """Dask, which sweeps on a cluster need."""
    version = _version("distributed")
    if version != MISSING:
        return [Finding("cluster", "ok", f"dask.distributed {version} (satkit sweep --scheduler ADDRESS)")]
    remedy = 'Only for satkit sweep --scheduler ADDRESS: python -m pip install "dask[distributed]"'
    return [Finding("cluster", "ok", "dask.distributed is not installed", remedy)]


def check_folders() -> list[Finding]:
    """Whether runs and cached data can be written."""
    from satkit.data.reading.store import cache_folder
    from satkit.experiments.run_places import runs_root

    return [
        _place("runs folder", runs_root, "SATKIT_RUNS"),
        _place("cache folder", cache_folder, "SATKIT_CACHE"),
    ]


def _place(name: str, find: Callable[[], Path], variable: str) -> Finding:
    try:
        folder = find()
    except UsageError as error:
        return Finding(name, "problem", str(error))
    return writable(name, folder, f"Set {variable} to a folder that can be written.")


def writable(name: str, folder: Path, remedy: str) -> Finding:
    """Whether a folder, or the nearest one above it that exists, can be written; nothing is left in it."""
    try:
        existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        return Finding(name, "problem", f"{folder} cannot be written ({error})", remedy)
    free = shutil.disk_usage(existing).free / 1e9
    return Finding(name, "ok", f"{folder}, {free:.0f} GB free")


def check_browser() -> list[Finding]:
    """Chromium, which only the tests of the widgets need."""
    named = os.environ.get("SATKIT_CHROMIUM")
    browser = shutil.which(named) if named else shutil.which("chromium") or shutil.which("chromium-browser")
    if browser:
        return [Finding("Chromium", "ok", f"{browser} (only for the tests of the widgets)")]
    detail = f"SATKIT_CHROMIUM names {named}, which cannot be run" if named else "not found"
    remedy = "Only the tests of the widgets need it. Install Chromium, or set SATKIT_CHROMIUM to its path."
    return [Finding("Chromium", "note", detail, remedy)]


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return MISSING
