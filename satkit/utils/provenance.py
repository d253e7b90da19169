"""Where a result was computed: versions, threads and device, which are recorded with every run."""

import os
import platform
from importlib.metadata import version

import numpy as np
import torch

import satkit
from satkit.utils.launched import processes


def machine(device: torch.device) -> dict:
    """Versions, threads and device of this process, and how many train together."""
    return {
        "satkit": satkit.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "timm": version("timm"),  # not imported: that takes seconds and needs a matching torchvision
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU",
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "processes": processes(),
    }


def versions_changed(before: dict, now: dict) -> str:
    """What differs between two machines, as "torch 2.12.0 (now 2.13.0), threads 4 (now 2)"; "" if nothing does."""
    names = [name for name in now if name in before and before[name] != now[name] and name != "cores"]
    return ", ".join(f"{name} {before[name]} (now {now[name]})" for name in names)
