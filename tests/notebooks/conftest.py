"""Temporary files of notebooks, kept in a folder of their own."""

import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def temporary(monkeypatch):
    """An empty folder for temporary files whose path is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="t-") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)
