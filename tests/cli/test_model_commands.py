"""satkit pretrain: it writes weights and says where, and its check says by its exit code what it found."""

from dataclasses import replace

import pytest
from command_line import one_sentence

from satkit.experiments.presets import PRESETS
from satkit.training import Schedule

pytestmark = pytest.mark.usefixtures("runs", "tiny_preset")


@pytest.fixture
def tiny_preset(monkeypatch):
    """Thirty iterations of a few small images, under the name smoke."""
    tiny = replace(
        PRESETS["pretext"]["smoke"],
        base=Schedule(30, 2e-3, batch_size=4),
        model={"decoder_width": 16},
        data={"size": 32, "train_images": 24, "test_images": 8},
        augment={"size": 32, "kind": "turned"},
    )
    monkeypatch.setitem(PRESETS["pretext"], "smoke", tiny)


def test_weights_are_made_and_checked_in_a_folder(satkit_says, tmp_path):
    words = ("pretrain", "--preset", "smoke", "--out", str(tmp_path / "here"))
    code, out, error = satkit_says(*words)
    assert (code, out) == (0, f"{tmp_path / 'here' / 'mit_quick.safetensors'}\n")
    assert "mit_quick on the pretext: 30 of 30" in error
    names = {path.name for path in (tmp_path / "here").iterdir()}
    assert names == {"mit_quick.safetensors", "mit_quick.json", "mit_quick.csv", "mit_quick-run"}
    code, out, _ = satkit_says(*words, "--check")
    assert code == 0
    assert out.startswith("Iterations 11 to 20: loss ")
    assert out.endswith(": as stored.\n")
    curve = tmp_path / "here" / "mit_quick.csv"
    curve.write_text("iteration,loss\n" + "".join(f"{number},99\n" for number in range(1, 31)), encoding="utf-8")
    code, out, _ = satkit_says(*words, "--check")
    assert code == 1
    assert out.endswith(": not as stored.\n")


def test_the_default_folder_lies_among_the_runs(satkit_says, runs):
    assert satkit_says("pretrain", "--preset", "smoke")[:2] == (0, f"{runs / 'pretrained' / 'mit_quick.safetensors'}\n")


def test_the_kit_s_weights_are_not_compared_with_a_training_of_another_preset(satkit_says):
    code, out, error = satkit_says("pretrain", "--preset", "smoke", "--check")
    assert (code, out) == (2, "")
    said = one_sentence(error)
    assert "were made with another configuration (" in said or "mit_quick.csv is missing" in said
    assert said.endswith(": satkit pretrain --backbone mit_quick --preset smoke.\n")
