"""A backbone is pretrained in a run that can be stopped, and its beginning can be compared with what was stored."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny_studies import same_outcome

from satkit.data import label_table
from satkit.experiments.presets import PRESETS
from satkit.experiments.pretraining import Repeated, command, compare, kit_folder, pretext_plan, pretrain, repeat
from satkit.experiments.run_folder import Run
from satkit.experiments.study_folder import silent
from satkit.training import Schedule
from satkit.utils.csv_files import read_csv, write_csv
from satkit.utils.errors import UsageError
from satkit.utils.files import read_json

ITERATIONS = 30
TINY_PRETEXT = replace(
    PRESETS["pretext"]["smoke"],
    name="tiny",
    base=Schedule(ITERATIONS, 2e-3, clip=1.0, batch_size=4),
    model={"decoder_width": 16},
    data={"size": 32, "train_images": 24, "test_images": 8},
    augment={"size": 32, "kind": "turned"},
)


@pytest.fixture(autouse=True)
def tiny_preset(monkeypatch):
    monkeypatch.setitem(PRESETS["pretext"], "tiny", TINY_PRETEXT)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a finished pretraining."""
    folder = tmp_path_factory.mktemp("pretrained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS["pretext"], "tiny", TINY_PRETEXT)
        pretrain(pretext_plan("mit_quick", "tiny"), folder, silent)
    return folder


def stop_after(number: int):
    """A report that stops a training like Ctrl-C."""

    def report(iteration) -> None:
        if iteration.number == number:
            raise KeyboardInterrupt

    return lambda total, label: report


def test_the_weights_are_the_backbone_s_in_half_precision(made):
    stored = load_file(made / "mit_quick.safetensors")
    trained = Run.open(made / "mit_quick-run").load_model(0).backbone.state_dict()
    assert stored.keys() == trained.keys()
    assert all(torch.equal(stored[name], value.half()) for name, value in trained.items())


def test_the_file_beside_the_weights_says_how_they_were_made(made):
    about, run = read_json(made / "mit_quick.json"), Run.open(made / "mit_quick-run")
    assert about["sha256"] == hashlib.sha256((made / "mit_quick.safetensors").read_bytes()).hexdigest()
    assert (about["backbone"], about["command"]) == (
        "mit_quick",
        "satkit pretrain --backbone mit_quick --preset tiny",
    )
    assert 0 <= about["mean_iou"] == run.result()["all"] <= 1
    assert about["config"]["seed"] == 0
    assert about["config"]["schedules"][0]["iterations"] == ITERATIONS
    assert about["config"]["data_fingerprint"] == run.config["data_fingerprint"]
    curve = read_csv(made / "mit_quick.csv", default=float)
    assert [row["iteration"] for row in curve] == list(range(1, ITERATIONS + 1))
    assert [row["loss"] for row in curve] == pytest.approx([row["total"] for row in run.history(0)], rel=1e-5)


def test_an_interrupted_training_goes_on_and_ends_with_the_same_weights(made, tmp_path):
    plan = pretext_plan("mit_quick", "tiny")
    with pytest.raises(KeyboardInterrupt):
        pretrain(plan, tmp_path, stop_after(7))
    assert not (tmp_path / "mit_quick.safetensors").exists()
    began = []
    path = pretrain(plan, tmp_path, lambda total, label: lambda iteration: began.append(iteration.number))
    assert began == list(range(8, ITERATIONS + 1))
    assert same_outcome(Run.open(tmp_path / "mit_quick-run"), Run.open(made / "mit_quick-run"))
    assert path.read_bytes() == (made / "mit_quick.safetensors").read_bytes()
    assert read_json(path.with_suffix(".json")) == read_json(made / "mit_quick.json")


def test_a_finished_training_is_only_written_again(made):
    files = [made / f"mit_quick{suffix}" for suffix in (".safetensors", ".json", ".csv")]
    before = [file.read_bytes() for file in files]
    pretrain(pretext_plan("mit_quick", "tiny"), made, stop_after(1))
    assert [file.read_bytes() for file in files] == before


def test_a_folder_with_another_training_of_the_backbone_is_refused(made, monkeypatch):
    monkeypatch.setitem(PRESETS["pretext"], "tiny", replace(TINY_PRETEXT, base=replace(TINY_PRETEXT.base, lr=0.1)))
    with pytest.raises(UsageError, match="holds a run of another configuration .schedules.0.lr: 0.002 there, 0.1 ask"):
        pretrain(pretext_plan("mit_quick", "tiny"), made, silent)


def stored_again(made, folder, change):
    """The stored files of a training with another curve."""
    curve = read_csv(made / "mit_quick.csv", {"iteration": int}, float)
    write_csv(folder / "mit_quick.csv", [{**row, "loss": change(row["loss"])} for row in curve])
    (folder / "mit_quick.json").write_text((made / "mit_quick.json").read_text(encoding="utf-8"), encoding="utf-8")
    return folder


def test_a_repeated_beginning_agrees_with_itself(made):
    asked = []

    def report(total, label):
        asked.append((total, label))
        return lambda iteration: asked.append(iteration.number)

    found = repeat(pretext_plan("mit_quick", "tiny"), made, report)
    assert asked == [(20, "mit_quick, the first 20 iterations"), *range(1, 21)]
    assert found.agrees
    assert found.iterations == (11, 20)
    assert found.loss == pytest.approx(found.stored, rel=1e-5)
    assert 0 < found.noise < found.loss


def test_a_repeated_beginning_does_not_agree_with_a_shifted_curve(made, tmp_path):
    found = repeat(pretext_plan("mit_quick", "tiny"), stored_again(made, tmp_path, lambda loss: 1.5 * loss), silent)
    assert not found.agrees
    assert found.stored == pytest.approx(1.5 * found.loss, rel=1e-4)


def test_a_tenth_of_a_long_training_is_repeated(made, tmp_path, monkeypatch):
    longer = replace(TINY_PRETEXT, base=replace(TINY_PRETEXT.base, iterations=250))
    monkeypatch.setitem(PRESETS["pretext"], "tiny", longer)
    plan = pretext_plan("mit_quick", "tiny")
    about = {"config": json.loads(json.dumps(plan.config))}
    (tmp_path / "mit_quick.json").write_text(json.dumps(about), encoding="utf-8")
    write_csv(tmp_path / "mit_quick.csv", [{"iteration": number, "loss": 1.0} for number in range(10, 251, 10)])
    assert repeat(plan, tmp_path, silent).iterations == (20, 20)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"base": replace(TINY_PRETEXT.base, lr=1e-3)}, "schedules differ"),
        ({"data": {**TINY_PRETEXT.data, "train_images": 23}}, "data_options, data_fingerprint differ"),
        ({"augment": {"size": 32}, "model": {"decoder_width": 8}}, "model, augment differ"),
    ],
)
def test_a_training_of_another_configuration_is_not_compared(made, monkeypatch, changed, said):
    monkeypatch.setitem(PRESETS["pretext"], "tiny", replace(TINY_PRETEXT, **changed))
    with pytest.raises(UsageError) as caught:
        repeat(pretext_plan("mit_quick", "tiny"), made, silent)
    assert str(caught.value) == (
        f"The weights of 'mit_quick' in {made} were made with another configuration ({said}). Make them anew: satkit "
        "pretrain --backbone mit_quick --preset tiny."
    )


@pytest.mark.parametrize("suffix", [".json", ".csv"])
def test_where_nothing_is_stored_the_command_that_makes_it_is_named(made, tmp_path, suffix):
    stored_again(made, tmp_path, lambda loss: loss)
    (tmp_path / f"mit_quick{suffix}").unlink()
    with pytest.raises(UsageError, match=f"mit_quick{suffix} is missing, .+ Make it: satkit pretrain --backbone mit_"):
        repeat(pretext_plan("mit_quick", "tiny"), tmp_path, silent)


def test_stored_means_are_compared_at_the_stored_iterations_of_the_later_half():
    losses = {number: 10.0 - number + (-1) ** number for number in range(1, 9)}
    found = compare({2: 50.0, 6: 5.5, 8: 3.5, 10: 0.0}, losses)
    assert (found.iterations, found.loss, found.stored) == ((6, 8), 4.0, 4.5)
    here = np.array([losses[number] for number in (5, 6, 7, 8)])
    slope = np.polyfit([5, 6, 7, 8], here, 1)
    assert found.noise == pytest.approx(3 * np.std(here - np.polyval(slope, [5, 6, 7, 8])) / np.sqrt(2))


def test_what_was_found_is_one_sentence():
    assert str(Repeated((11, 20), 1.0, 1.05, 0.1)) == (
        "Iterations 11 to 20: loss 1.000 here, 1.050 stored, noise 0.100: as stored."
    )
    assert str(Repeated((11, 20), 1.0, 1.2, 0.1)).endswith("noise 0.100: not as stored.")


def test_only_backbones_of_the_kit_are_pretrained_each_with_its_own_preset():
    assert [pretext_plan(name).preset.name for name in ("mit_quick", "mit_scenes")] == ["quick", "full"]
    assert command(pretext_plan("mit_scenes")) == "satkit pretrain --backbone mit_scenes"
    with pytest.raises(UsageError, match="Unknown backbone to pretrain 'mit_b0'. .+ Choose one of: mit_quick, mit_s"):
        pretext_plan("mit_b0")


def test_the_pretext_is_learnt_at_once_from_random_weights_with_its_whole_annotation():
    plan = pretext_plan("mit_quick", "tiny")
    assert not plan.pretrained
    assert [len(step.new) for step in plan.steps] == [len(plan.data.class_names) - 1]
    assert (plan.images(plan.steps[0]).table == label_table({n: n for n in range(1, len(plan.data.class_names))})).all()


def test_the_weights_of_the_kit_are_in_its_assets():
    assert (kit_folder().parent.name, kit_folder().name) in (("assets", "backbones"), ("_assets", "backbones"))
