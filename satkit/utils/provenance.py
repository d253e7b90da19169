"""Where a result was made: a number is read with the versions, the threads and the device that it comes from."""

import os
import platform
from importlib.metadata import version

import numpy as np
import torch

import satkit


def machine(device: torch.device) -> dict:
    """Where a result was made: versions, threads and device."""
    return {
        "satkit": satkit.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "timm": version("timm"),  # not imported: that takes seconds, and a torchvision that fits
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU",
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }
