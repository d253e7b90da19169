"""The smallest preset that still has every part: a few iterations of a few images."""

from satkit.experiments.presets import Preset
from satkit.experiments.settings import Settings
from satkit.training import Schedule

TINY = Preset(
    "tiny",
    task="15-5",
    backbone="mit_quick",
    base=Schedule(4, 1e-3, batch_size=4),
    later=Schedule(4, 1e-3, classifier_lr_factor=10.0, batch_size=4),
    model={"decoder_width": 16, "dropout": 0.1, "drop_path": 0.1},
    data={"size": 32, "train_images": 40, "test_images": 12},
    augment={"size": 32, "scale": (0.8, 1.2)},
)
SETTINGS = Settings(preset="tiny")

# The same without dropout, for studies of many runs.
TINY_STUDY = Preset(
    "tiny",
    task="15-5",
    backbone="mit_quick",
    base=Schedule(2, 1e-3, batch_size=4),
    later=Schedule(2, 1e-3, batch_size=4),
    model={"decoder_width": 16},
    data={"size": 32, "train_images": 40, "test_images": 12},
    augment={"size": 32},
)

# The same with fewer iterations after the base step, for the jobs of a study.
TINY_NOTEBOOKS = Preset(
    "tiny",
    task="15-5",
    backbone="mit_quick",
    base=Schedule(4, 1e-3, batch_size=4),
    later=Schedule(3, 1e-3, classifier_lr_factor=10.0, batch_size=4),
    model={"decoder_width": 16},
    data={"size": 32, "train_images": 60, "test_images": 16},
    augment={"size": 32},
)
