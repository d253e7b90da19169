"""Every file of a run is checked: no mutation that changes a value stays unnoticed, whoever reads it.

Mutations: cut, one bit, 64 zeros, empty, noise, the same file of another step, the same file of another run.
"""

import json
import shutil

import numpy as np
import pytest
from tiny_studies import opened

from satkit.experiments.manifest import Manifest
from satkit.experiments.run_folder import Run
from satkit.experiments.verification import Findings, verify_run
from satkit.utils import sealed_json
from satkit.utils.errors import UsageError
from satkit.utils.files import DamagedFile

pytestmark = pytest.mark.usefixtures("tiny_preset")
KINDS = ("cut", "bit", "zeros", "empty", "noise", "another step", "another run")
OF_A_STEP = ("model.safetensors", "confusion.npy", "metrics.json", "history.csv", "manifest.json")
FILES = [
    "config.json",
    "history.csv",
    "result.json",
    *(f"steps/{step}/{name}" for step in (0, 1) for name in OF_A_STEP),
]


@pytest.fixture
def runs(undisturbed, other_seed):
    """Folder of a finished study, and of one with another seed."""
    return undisturbed[0].folder.parent, other_seed[0].folder.parent


def mutated(runs, name, kind, random):
    """The bytes of a file after a mutation; None where there is none of this kind."""
    data = bytearray((runs[0] / "sats" / name).read_bytes())
    place = int(random.integers(len(data)))
    if kind == "bit":
        data[place] ^= 1 << int(random.integers(8))
    if kind == "zeros":
        data[place : place + 64] = bytes(min(64, len(data) - place))
    if kind == "another step":
        steps = {"steps/0": "steps/1", "steps/1": "steps/0"}
        other = steps.get(name[:7])
        return (runs[0] / "sats" / (other + name[7:])).read_bytes() if other else None
    if kind == "another run":
        return (runs[1] / "sats" / name).read_bytes()
    return {"cut": bytes(data[:place]), "empty": b"", "noise": random.bytes(len(data))}.get(kind, bytes(data))


def values(run):
    """Everything that a run says, comparable."""
    steps = range(run.steps_done())
    weights = [{name: each.numpy().tobytes() for name, each in run.load_model(t).state_dict().items()} for t in steps]
    scores = [run.file(step, "metrics.json").read_bytes() for step in steps]
    return run.config, weights, [each.tolist() for each in run.confusions()], scores, run.history(), run.result()


def outcome(folder, truth):
    """What reading a run gives: "noticed"; "same"; "silent" where it says something else without a word; or less."""
    findings, read = Findings(), None
    try:
        verify_run(folder, findings)
        read = values(Run.open(folder))
    except (DamagedFile, UsageError):
        pass
    except (ValueError, LookupError, TypeError, RuntimeError, OSError, EOFError):
        return "a raw error"
    if read is None or findings.problems:
        return "noticed" if findings.problems else "only the reader noticed"
    return "same" if read == truth else "silent"


def outcomes(runs, tmp_path, rounds, seed=0):
    """How many mutations ended how, over every file and kind."""
    random, truth, counts = np.random.default_rng(seed), values(Run.open(runs[0] / "sats")), {}
    shutil.copytree(runs[0] / "sats", tmp_path / "sats")
    for name in FILES * rounds:
        for kind in KINDS:
            path, data = tmp_path / "sats" / name, mutated(runs, name, kind, random)
            sound = path.read_bytes()
            if data is None or data == sound:
                continue
            path.write_bytes(data)
            found = outcome(tmp_path / "sats", truth)
            counts[found] = counts.get(found, 0) + 1
            path.write_bytes(sound)
    assert values(Run.open(tmp_path / "sats")) == truth
    return counts


def test_no_mutation_is_silent(runs, tmp_path):
    counts = outcomes(runs, tmp_path, rounds=1)
    assert set(counts) <= {"noticed", "same"}
    assert counts["noticed"] >= 75


@pytest.mark.full
def test_no_mutation_of_1200_is_silent(runs, tmp_path):
    counts = outcomes(runs, tmp_path, rounds=15, seed=1)
    print(counts)
    assert set(counts) <= {"noticed", "same"}
    assert sum(counts.values()) >= 1200


def test_without_the_hashes_many_are(runs, tmp_path, monkeypatch):
    """The control: the harness finds silent mutations where nothing is compared."""
    monkeypatch.setattr(Manifest, "check", lambda self, folder, name: folder / name)
    monkeypatch.setattr(sealed_json, "_digest", lambda values: "always")
    shutil.copytree(runs[0], tmp_path / "open")
    for path in (tmp_path / "open" / "sats").rglob("*.json"):
        if path.name != "metrics.json":
            path.write_text(json.dumps({**json.loads(path.read_text()), "sha256": "always"}))
    counts = outcomes((tmp_path / "open", runs[1]), tmp_path, rounds=1)
    assert counts["silent"] >= 5


@pytest.mark.parametrize("kind", ["bit", "empty", "another step", "another run"])
@pytest.mark.parametrize("name", ["confusion.npy", "metrics.json", "history.csv", "manifest.json", "model.safetensors"])
def test_going_on_with_a_damaged_run_gives_the_same_result_or_a_sentence(runs, tmp_path, name, kind):
    random, truth = np.random.default_rng(3), values(Run.open(runs[0] / "sats"))
    shutil.copytree(runs[0], tmp_path / "study")
    path = tmp_path / "study" / "sats" / "steps" / "1" / name
    path.write_bytes(mutated(runs, f"steps/1/{name}", kind, random))
    if name in ("manifest.json", "model.safetensors"):
        with pytest.raises(DamagedFile, match=name.replace(".", r"\.")):
            values(opened(tmp_path / "study", "sats").run)
        return
    with pytest.warns(UserWarning, match=name.replace(".", r"\.")):
        run = opened(tmp_path / "study", "sats").run
    assert values(run) == truth


def test_a_sound_run_has_no_problems_and_every_file_is_counted(runs):
    findings = Findings()
    verify_run(runs[0] / "sats", findings)
    assert findings.problems == []
    assert findings.sound == len(FILES)
