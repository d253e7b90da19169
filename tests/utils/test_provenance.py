import json
import os

import torch

import satkit
from satkit.utils.provenance import machine, versions_changed


def test_a_machine_is_plain_values_that_name_versions_threads_and_device():
    found = machine(torch.device("cpu"))
    assert json.loads(json.dumps(found)) == found
    assert (found["satkit"], found["torch"], found["device"]) == (satkit.__version__, torch.__version__, "CPU")
    assert (found["cores"], found["threads"]) == (os.cpu_count(), torch.get_num_threads())
    assert {"python", "timm", "numpy", "system"} <= set(found)


def test_the_number_of_threads_is_that_of_the_moment():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(before + 1)
        assert machine(torch.device("cpu"))["threads"] == before + 1
    finally:
        torch.set_num_threads(before)


def test_what_differs_between_two_machines_is_named():
    before = {"torch": "2.12", "threads": 4, "cores": 8, "device": "CPU"}
    assert versions_changed(before, before) == ""
    now = {**before, "torch": "2.13", "threads": 2, "cores": 2, "new": 1}
    assert versions_changed(before, now) == "torch 2.12 (now 2.13), threads 4 (now 2)"


def test_how_many_processes_train_together_is_recorded(monkeypatch):
    assert machine(torch.device("cpu"))["processes"] == 1
    monkeypatch.setattr("satkit.utils.provenance.processes", lambda: 3)
    assert machine(torch.device("cpu"))["processes"] == 3
