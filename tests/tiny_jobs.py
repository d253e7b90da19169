"""Jobs of a study of a few iterations, and the result of one."""

from satkit.evaluation.conventions import protocol
from satkit.experiments.presets import Preset
from satkit.experiments.settings import Settings
from satkit.studies.study import plan, prepare
from satkit.training import Schedule

TINY = Preset(
    "tiny",
    task="15-5",
    backbone="mit_quick",
    base=Schedule(4, 1e-3, batch_size=4),
    later=Schedule(3, 1e-3, classifier_lr_factor=10.0, batch_size=4),
    model={"decoder_width": 16},
    data={"size": 32, "train_images": 60, "test_images": 16},
    augment={"size": 32},
)
SETTINGS = Settings(preset="tiny")


def jobs_of(folder, *strategies, settings=SETTINGS):
    folder, made = prepare(settings, strategies, str(folder))
    return plan(folder, settings, made, strategies)


RESULT = {
    "settings": {"data": "scenes", "task": "15-5", "setting": "overlapped", "preset": "quick", "seed": 7},
    "base_classes": list(range(1, 16)),
    "added_classes": list(range(16, 21)),
    "strategies": {
        "fine-tuning": {"old": 0.0512, "new": 0.4444, "all": 0.1234, "forgetting": 0.6, "kept": 0.01, "average": 0.35},
        "joint": {"old": 1.0, "new": 0.5, "all": 0.75, "forgetting": None, "kept": 1.0, "average": 0.75},
    },
}
for _scores in RESULT["strategies"].values():
    _scores |= {"machine": {"threads": 2, "device": "CPU"}, "conventions": protocol().describe(64)}
