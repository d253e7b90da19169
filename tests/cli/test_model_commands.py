"""satkit pretrain, models and predict: what they write, what they say of it, and which exit code says how it went."""

from dataclasses import replace

import pytest
from command_line import one_sentence
from PIL import Image
from samples import picture

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


class TestExport:
    def test_says_what_was_written_and_what_to_do_with_it(self, satkit_says, tmp_path):
        code, out, error = satkit_says("models", "export", "sats", str(tmp_path / "mine"), "--license", "mit")
        assert (code, error) == (0, "")
        first, second = out.splitlines()
        assert first.startswith("Exported step 1 of SATS in ")
        assert first.endswith(f" to {tmp_path / 'mine'}: config.json, model.safetensors and README.md, the model card.")
        assert second == f"Use it: satkit predict {tmp_path / 'mine'} IMAGES --out MASKS"

    def test_says_that_no_licence_is_stated(self, satkit_says, tmp_path):
        code, out, _ = satkit_says("models", "export", "sats", str(tmp_path / "mine"), "--step", "0")
        assert code == 0
        assert "No licence is stated; name one with --license, or in README.md." in out
        assert out.startswith("Exported step 0 of SATS")

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["satz", "mine"], "There is no model 'satz'. Did you mean 'sats'?"),
            (["sats", "mine", "--step", "7"], "Step 7 of "),
            (["sats", "mine", "--step", "last"], "--step must be a whole number, got 'last'."),
            (["sats", "full"], "must be empty or new, and it holds something. Nothing was written."),
            (["full", "mine"], "holds neither a run nor an exported model"),
        ],
    )
    def test_refuses_in_one_sentence(self, satkit_says, tmp_path, monkeypatch, words, said):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "notes.txt").write_text("x")
        code, out, error = satkit_says("models", "export", *words)
        assert (code, out) == (2, "")
        assert said in one_sentence(error)
        assert not (tmp_path / "mine").exists()


class TestPredict:
    @pytest.fixture(autouse=True)
    def images(self, tmp_path, monkeypatch):
        """Two images in a folder, beside which commands run."""
        monkeypatch.chdir(tmp_path)
        (tmp_path / "in").mkdir()
        for number in range(2):
            Image.fromarray(picture(number, (64, 64))).save(tmp_path / "in" / f"{number}.png")

    def test_writes_masks_and_says_which_model_made_them(self, satkit_says, tmp_path):
        code, out, error = satkit_says("predict", "sats", "in", "--out", "masks")
        assert code == 0
        assert error.startswith("Model: step 1 of SATS in ")
        assert out.startswith(f"Wrote 2 masks with overlays to {tmp_path / 'masks'}.")
        assert (tmp_path / "masks" / "1.png").exists()
        assert (
            ", and kept 2 masks that it had made before." in satkit_says("predict", "sats", "in", "--out", "masks")[1]
        )

    def test_of_an_exported_model_are_the_same(self, satkit_says, tmp_path):
        satkit_says("models", "export", "sats", "given")
        for model, out in (("sats", "a"), ("given", "b")):
            assert satkit_says("predict", model, "in", "--out", out)[0] == 0
        assert (tmp_path / "a" / "0.png").read_bytes() == (tmp_path / "b" / "0.png").read_bytes()

    def test_ends_with_1_if_an_image_is_damaged_and_names_it(self, satkit_says, tmp_path):
        (tmp_path / "in" / "bad.png").write_bytes(b"nothing")
        code, out, error = satkit_says("predict", "sats", "in", "--out", "masks")
        assert code == 1
        assert out.startswith("Wrote 2 masks")
        assert "satkit: 1 problem, nothing was written for:" in error
        assert "in/bad.png: unreadable image (its content is not JPEG or PNG)" in error

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["sats", "nowhere", "--out", "masks"], "There is no file or folder 'nowhere'."),
            (["sats", "in", "--out", "in/0.png"], "but "),
            (["sats", "in", "--out", "in"], "is one of the images and would be replaced by a mask."),
            (["satz", "in", "--out", "masks"], "There is no model 'satz'. Did you mean 'sats'?"),
            (["sats", "in"], "the following arguments are required: --out."),
        ],
    )
    def test_refuses_in_one_sentence(self, satkit_says, tmp_path, words, said):
        code, out, error = satkit_says("predict", *words)
        assert (code, out) == (2, "")
        assert said in error.splitlines()[-1]
        assert error.count("satkit: ") == 1
        assert not (tmp_path / "masks").exists()
