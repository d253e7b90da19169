"""`satkit.utils._torchvision` repairs exactly one failure and changes nothing else.

Each case runs in a process of its own with a stub in place of torchvision.
"""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import torch

import satkit
from satkit.utils import _torchvision

ROOT = Path(satkit.__file__).resolve().parents[1]

NEEDS_OPERATORS = """
import torch
from torchvision import partner

@torch.library.register_fake("torchvision::nms")
def nms(dets, scores, iou_threshold):
    return dets

@torch.library.register_fake("torchvision::qnms")
def qnms(dets, scores, iou_threshold):
    return dets

complete = True
"""
HEALTHY = "complete = True"
OTHER_FAILURE = "raise RuntimeError('the disk is full')"
ABSENT = "raise ModuleNotFoundError('No module named torchvision', name='torchvision')"
PART_MISSING = "import a_module_that_is_not_there"

REPORT = """
import sys
import torch
from satkit.utils import _torchvision
try:
    print(_torchvision.ensure(), _torchvision.state(), _torchvision.ensure())
except (RuntimeError, ModuleNotFoundError) as error:
    print("refused:", error)
print("declared" if hasattr(torch.ops.torchvision, "qnms") else "nothing declared")
print(_torchvision.state())
print("complete" if getattr(sys.modules.get("torchvision"), "complete", False) else "incomplete")
"""


def run_with_stub(folder: Path, source: str) -> subprocess.CompletedProcess:
    package = folder / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text(source)
    (package / "partner.py").write_text("")
    path = os.pathsep.join([str(folder), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-c", REPORT], env=environment, cwd=folder, capture_output=True, text=True)


def test_missing_operators_are_declared_and_the_import_succeeds(tmp_path):
    done = run_with_stub(tmp_path, NEEDS_OPERATORS)
    assert done.stdout.split("\n")[:4] == ["mended mended mended", "declared", "mended", "complete"], done.stderr


def test_a_healthy_torchvision_is_left_alone(tmp_path):
    done = run_with_stub(tmp_path, HEALTHY)
    said = ["healthy healthy healthy", "nothing declared", "healthy", "complete"]
    assert done.stdout.split("\n")[:4] == said, done.stderr


def test_another_runtime_error_is_not_swallowed(tmp_path):
    done = run_with_stub(tmp_path, OTHER_FAILURE)
    assert done.stdout.split("\n")[:2] == ["refused: the disk is full", "nothing declared"], done.stderr


def test_without_torchvision_the_state_is_absent(tmp_path):
    done = run_with_stub(tmp_path, ABSENT)
    assert done.stdout.split("\n")[:2] == ["absent absent absent", "nothing declared"], done.stderr


def test_a_part_missing_inside_torchvision_is_not_called_absent(tmp_path):
    done = run_with_stub(tmp_path, PART_MISSING)
    said = ["refused: No module named 'a_module_that_is_not_there'", "nothing declared", "not imported yet"]
    assert done.stdout.split("\n")[:3] == said, done.stderr


def test_satkit_s_models_import_and_timm_builds_one_here():
    importlib.import_module("satkit.models")
    import timm

    assert _torchvision.state() in ("healthy", "mended")
    model = timm.create_model("resnet18", num_classes=3, device="meta")
    assert model(torch.empty(2, 3, 32, 32, device="meta")).shape == (2, 3)
