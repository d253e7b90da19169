"""Notebooks that tests write, and what an executed one has printed."""

import time
from pathlib import Path

import nbformat

PYTHON3 = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
# A parameters cell with every type that there is.
PARAMETERS = """
# What a run needs.
seed: int = 0  # decides every random number
rate: float = 1e-3  # learning rate
name: str = "sats"  # the strategy
resume: bool = True  # go on where it stopped
steps: list = [1, 2]  # which steps

more: dict = {"a": 1}  # anything else
"""


def write(path: Path, *sources: str, parameters: str | None = None, metadata: dict | None = None) -> Path:
    """A notebook with these code cells."""
    notebook = nbformat.v4.new_notebook(metadata=metadata or {})
    if parameters is not None:
        notebook.cells.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    notebook.cells += [nbformat.v4.new_code_cell(source) for source in sources]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, str(path))
    return path


def printed(path: Path) -> str:
    """Everything that an executed notebook has printed."""
    cells = nbformat.read(str(path), as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return "".join(output.text for output in outputs if output.output_type == "stream")


def wait_for(found, seconds: float = 60.0):
    """The first true value of `found()`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = found()
        if value:
            return value
        time.sleep(0.1)
    raise TimeoutError(f"nothing after {seconds} s")
