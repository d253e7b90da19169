"""What every test shares: throwaway folders for cache and runs, and one thread, so that sums are added in one order."""

import os
import shutil
import signal
import sys

import pytest
import torch

torch.set_num_threads(1)
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # triton reads it when it is imported

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in a background job of a shell script
    signal.signal(signal.SIGINT, signal.default_int_handler)

CHROMIUM = os.environ.get("SATKIT_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def pytest_collection_modifyitems(items):
    """The longest files first; the short ones fill, at the end, the time in which a process has no work."""
    longest, slow = ({item.path for item in items if item.get_closest_marker(name)} for name in ("notebooks", "slow"))
    items.sort(key=lambda item: (item.path not in longest, item.path not in slow))


@pytest.fixture(scope="session", autouse=True)
def _own_folders(tmp_path_factory):
    """Nothing that a test draws or trains lands in the user's cache or runs; kernels and subprocesses inherit it.

    The cache is the same for all processes of pytest: scenes are drawn once, and its files appear whole or not at all.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SATKIT_CACHE", str(shared / "cache"))
        patch.setenv("SATKIT_RUNS", str(tmp_path_factory.mktemp("runs")))
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(autouse=True)
def _no_open_figures():
    """A figure that a test leaves open is closed after it, so that others may count the open ones."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="session")
def two_steps():
    """Fine-tuning with a base step and a later one: models that come with the kit."""
    from satkit.experiments.kit_models import SETTINGS, kit_model
    from satkit.experiments.plan import Plan

    return kit_model(Plan(SETTINGS, "fine-tuning"))


@pytest.fixture(scope="module")
def chromium():
    """A browser without a window; while it is open, an event loop runs, so it is not kept for other files."""
    if not CHROMIUM:
        reason = "there is no Chromium; install it (Debian: apt-get install chromium) or name it in SATKIT_CHROMIUM"
        (pytest.fail if os.environ.get("SATKIT_BROWSER") == "required" else pytest.skip)(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, headless=True, args=list(ARGUMENTS))
        yield browser
        browser.close()
