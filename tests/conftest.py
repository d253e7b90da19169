"""What every test shares: throwaway folders for cache and runs, and one thread, so that sums are added in one order."""

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _own_folders(tmp_path_factory):
    """Nothing that a test draws or trains lands in the user's cache or runs; kernels and subprocesses inherit it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SATKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("SATKIT_RUNS", str(tmp_path_factory.mktemp("runs")))
        yield


@pytest.fixture(scope="session")
def two_steps():
    """Fine-tuning with a base step and a later one: models that come with the kit."""
    from satkit.experiments.kit_models import SETTINGS, kit_model
    from satkit.experiments.plan import Plan

    return kit_model(Plan(SETTINGS, "fine-tuning"))
