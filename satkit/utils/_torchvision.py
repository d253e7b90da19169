"""Lets timm be imported although torchvision's compiled operators cannot be loaded.

timm imports torchvision. The torchvision of PyPI for Linux is built against CUDA; beside a CPU-only torch its compiled
library does not load, and torchvision then fails at import because it registers shape functions for two operators,
`nms` and `qnms`, that do not exist. satkit needs neither. `ensure` imports torchvision and, only after this
failure, declares the two operators and imports it again. Calling the operators still raises torchvision's own error; a
torchvision that works is not changed.

The proper fix is a matching pair of torch and torchvision; `satkit doctor` says how to get it.
"""

import importlib
import logging
import sys

import torch

_OPERATORS = ("nms", "qnms")
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"

_state = "not imported yet"
_library = None  # the declarations live as long as this reference


def state() -> str:
    """What `ensure` found: "healthy", "mended", "absent" or "not imported yet"."""
    return _state


def ensure() -> str:
    """Import torchvision, mended if need be, before anything imports timm. Returns the new `state`."""
    global _state
    if _state in ("healthy", "mended"):
        return _state
    try:
        importlib.import_module("torchvision")
        _state = "healthy"
    except ModuleNotFoundError as error:
        if error.name != "torchvision":
            raise
        _state = "absent"
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        _declare_operators()
        importlib.import_module("torchvision")
        _state = "mended"
        logging.getLogger(__name__).debug("torchvision's compiled operators cannot load: %s", error)
    return _state


def _declare_operators() -> None:
    global _library
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    _library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in _OPERATORS:
        _library.define(operator + _SCHEMA)
