"""A JupyterLab server for the tests of a file, and notebooks that are opened in it."""

import json
import os
import socket
import subprocess
import sys

import pytest
from in_lab import Lab, await_server, notebook
from places import ROOT


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab server of its own: its address, and the folder it serves."""
    home = tmp_path_factory.mktemp("lab")
    for name in ("notebooks", "settings", "user", "workspaces"):
        (home / name).mkdir()
    settings = {
        "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none", "autoStartDefaultKernel": True},
        "@jupyterlab/apputils-extension:notification": {
            "checkForUpdates": False,
            "fetchNews": "false",
            "doNotDisturbMode": True,
        },
    }
    (home / "settings" / "overrides.json").write_text(json.dumps(settings))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "IdentityProvider.token": "",
        "ServerApp.disable_check_xsrf": True,
        "ServerApp.root_dir": home / "notebooks",
        "LabApp.expose_app_in_browser": True,
        "LabApp.app_settings_dir": home / "settings",
        "LabApp.user_settings_dir": home / "user",
        "LabApp.workspaces_dir": home / "workspaces",
    }
    env = os.environ | {
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "SATKIT_RUNS": str(home / "runs"),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--{name}={value}" for name, value in options.items()]
    with (home / "log.txt").open("wb") as log:
        server = subprocess.Popen(command, cwd=home, env=env, stdout=log, stderr=log)
        address = f"http://127.0.0.1:{port}"
        try:
            await_server(server, address, home / "log.txt")
            yield address, home / "notebooks"
        finally:
            server.terminate()
            server.wait(30)


@pytest.fixture
def page(lab, chromium):
    """A function that opens a notebook of some cells in JupyterLab."""
    address, folder = lab
    opened = []

    def open_notebook(name, *cells, blocked=()):
        notebook(folder / name, *cells)
        opened.append(Lab(chromium, address, blocked))
        return opened[-1].open(name)

    yield open_notebook
    for each in opened:
        each.close()
