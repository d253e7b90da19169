"""A kernel has a private place for its sockets, and one that does not start is named as such."""

import sys
import tempfile
from pathlib import Path

import pytest
from notebook_files import write

from satkit.notebooks import kernel
from satkit.notebooks.runner import NotebookFailed, run_notebook


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no socket files")
def test_sockets_move_to_tmp_where_the_usual_folder_has_too_long_a_path(tmp_path, monkeypatch):
    long = tmp_path / ("long" * 30)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with kernel.Kernel() as started:
        assert started.folder.parent == Path("/tmp")
        assert len(started.address) < 100
    assert not started.folder.exists()


@pytest.mark.slow
def test_kernel_that_does_not_start_is_named_as_such(tmp_path, monkeypatch):
    path = write(tmp_path / "a.ipynb", "print('before')")
    monkeypatch.setattr(kernel, "COMMAND", ("-c", "raise SystemExit('no room here')"))
    with pytest.raises(NotebookFailed, match="a failed: KernelNotStarted: the kernel did not start: no room here"):
        run_notebook(path, tmp_path / "b.ipynb", {})
