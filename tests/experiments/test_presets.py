"""Every preset is complete: its schedules can be built, and whatever it names exists."""

import inspect
from dataclasses import fields

import pytest

from satkit.data.catalogue import DATA_SETS, DRAWN, ON_DISK
from satkit.data.datasets import ade20k, camvid, cityscapes, folder, pretext, scenes, voc
from satkit.data.transforms import AUGMENTATIONS
from satkit.evaluation.conventions import protocol
from satkit.experiments.presets import PRESETS, preset
from satkit.models.mit import SMALL
from satkit.models.pretrained import timm
from satkit.models.segmenter import SegmenterSpec
from satkit.scenario import task_sizes
from satkit.strategies import STRATEGIES, EntropyPseudoLabels
from satkit.training import Schedule
from satkit.utils.errors import UsageError

MODULES = {"scenes": scenes, "pretext": pretext, "voc": voc, "ade20k": ade20k, "cityscapes": cityscapes}
MODULES |= {"camvid": camvid, "folder": folder}
EVERY = [(data, name) for data in PRESETS for name in PRESETS[data]]

every_preset = pytest.mark.parametrize(("data", "name"), EVERY)


@every_preset
def test_a_preset_is_found_under_its_name(data, name):
    assert preset(data, name).name == name


@every_preset
def test_schedules_of_base_and_later_steps_can_be_built(data, name):
    for step in (0, 1, 2):
        schedule = preset(data, name).schedule(step, batches_per_epoch=7)
        assert isinstance(schedule, Schedule)
        assert schedule.iterations >= 1
        assert schedule.lr > 0


@every_preset
def test_the_backbone_is_known_and_the_model_settings_are_fields(data, name):
    chosen = preset(data, name)
    assert timm.is_model(chosen.backbone)
    assert set(chosen.model) <= {entry.name for entry in fields(SegmenterSpec)} - {"backbone", "counts"}


@every_preset
def test_the_task_divides_the_classes_and_has_a_later_step(data, name):
    if data == "folder":
        assert preset(data, name).task == "", "its classes are not known here"
        return
    num_classes = len(MODULES[data].CLASS_NAMES) - 1
    sizes = task_sizes(preset(data, name).task, num_classes)
    assert sum(sizes) == num_classes
    assert len(sizes) > 1 or data == "pretext", "only the pretext is learnt at once"


@every_preset
def test_the_data_set_takes_the_options(data, name):
    made = MODULES[data].load if data in DRAWN else MODULES[data].find
    assert set(preset(data, name).data) <= set(inspect.signature(made).parameters) - {"root"}


@every_preset
def test_the_protocol_is_known(data, name):
    protocol(preset(data, name).protocol)


def test_every_data_set_on_disk_has_the_four_presets():
    assert set(PRESETS) == set(DATA_SETS)
    for data in ON_DISK:
        assert [name for name in PRESETS[data] if name != "reference"] == ["smoke", "quick", "full", "published"]


def test_the_published_set_up_is_that_of_the_sats_scripts():
    voc15, ade = preset("voc", "published"), preset("ade20k", "published")
    assert (voc15.backbone, voc15.augment, voc15.protocol) == ("mit_b2", {"size": 512, "kind": "resized"}, "sats")
    assert (voc15.base.optimiser, voc15.base.schedule, voc15.base.batch_size) == ("sgd", "poly", 24)
    assert (voc15.base.lr, voc15.later.lr) == (0.01, 0.001)
    assert [voc15.schedule(step, 10, "15-1").iterations for step in (0, 1, 5)] == [300, 30, 30]
    assert [voc15.schedule(step, 10, "15-5").iterations for step in (0, 1)] == [300, 300]
    assert [ade.schedule(step, 10, "100-10").iterations for step in (0, 1)] == [600, 60]
    assert ade.adapt(STRATEGIES["sats"]) == STRATEGIES["sats"]


def test_cities_have_a_task_of_their_own():
    chosen = preset("cityscapes", "quick")
    assert sum(task_sizes(chosen.domain_task, len(cityscapes.CITIES))) == len(cityscapes.CITIES)


@every_preset
def test_the_augmentation_can_be_built(data, name):
    crop = dict(preset(data, name).augment)
    AUGMENTATIONS[crop.pop("kind", "simple")](**crop)


@pytest.mark.parametrize("data", PRESETS)
def test_smoke_is_the_shortest_and_full_the_longest(data):
    if data == "pretext":
        assert preset(data, "smoke").base.iterations < 100, "its quick and full train different backbones"
        return
    for step in (0, 1):
        iterations = [preset(data, name).schedule(step, 1).iterations for name in ("smoke", "quick", "full")]
        assert iterations == sorted(iterations)
        assert len(set(iterations)) == 3


def test_epochs_decide_the_iterations_where_they_are_given():
    published = preset("camvid", "published")
    assert published.epochs == (30, 30)
    assert published.schedule(0, batches_per_epoch=11).iterations == 330
    assert published.schedule(3, batches_per_epoch=2).iterations == 60
    assert published.schedule(0, 11).lr == published.base.lr
    assert published.schedule(3, 2).lr == published.later.lr


def test_the_threshold_of_a_preset_replaces_that_of_pseudo_labels_alone():
    quick, published = preset("scenes", "quick"), preset("camvid", "published")
    for strategy in STRATEGIES.values():
        adapted = quick.adapt(strategy)
        if isinstance(strategy.targets, EntropyPseudoLabels) and strategy.targets.threshold == "median":
            assert adapted.targets == EntropyPseudoLabels(strategy.targets.floor, quick.pseudo_threshold)
            assert (adapted.name, adapted.terms, adapted.classifier) == (
                *(strategy.name, strategy.terms),
                strategy.classifier,
            )
        else:
            assert adapted == strategy
        assert published.adapt(strategy) == strategy


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(UsageError, match="Unknown preset 'quik'. Did you mean 'quick'"):
        preset("scenes", "quik")
    with pytest.raises(UsageError, match="Unknown data set 'scene'. Did you mean 'scenes'"):
        preset("scene")


def test_presets_start_pretrained_where_there_are_weights_of_their_backbone():
    pretrained = {(data, name) for data, name in EVERY if preset(data, name).model.get("pretrained")}
    published = {(data, name) for data, name in EVERY if name == "published"}
    photographs = {(data, "full") for data in ("voc", "ade20k", "cityscapes", "folder")}
    small = {(data, name) for data, name in EVERY if preset(data, name).backbone in SMALL and data != "pretext"}
    assert pretrained == small | published | photographs


def test_the_pretext_is_learnt_at_the_size_and_by_the_backbone_of_the_scenes_that_it_is_for():
    for name in ("quick", "full"):
        scenes_preset, pretext_preset = preset("scenes", name), preset("pretext", name)
        assert pretext_preset.backbone == scenes_preset.backbone
        assert pretext_preset.augment["size"] == scenes_preset.augment["size"]
        assert pretext_preset.data["size"] == scenes_preset.data["size"]
