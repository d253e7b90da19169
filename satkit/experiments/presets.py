"""Presets: how large, how long and how fast a training is, for each data set.

A preset holds everything that is not the method: size of the data, backbone, schedules, augmentation. `smoke` checks
that everything runs, `quick` shows the effect in minutes on two cores, `reference` is `quick` with shorter steps, for
the many runs of the reference study, `full` takes the larger model, `published` is
the set-up of the SATS paper and needs a GPU. On the small presets the threshold of the pseudo-labels is "none", chosen
by measurement (see assets/paper_vs_code.md): with the paper's median half of all background is ignored, and too few
pixels are left for the new classes to be learnt.
"""

from dataclasses import dataclass, field, replace

from satkit.strategies import EntropyPseudoLabels, Strategy
from satkit.training import Schedule
from satkit.utils.errors import UsageError, choose


@dataclass(frozen=True)
class Preset:
    """Everything about a training that is not the method.

    Attributes:
        name: The name it is chosen by.
        task: The task where none is asked for; "" for the first that divides the classes.
        backbone: The backbone where none is asked for.
        model: Further fields of `SegmenterSpec`.
        data: Options of the data set's `load`.
        base: Schedule of the base step.
        later: Schedule of every later step.
        augment: Crop size in pixels, range of scales, and kind: a name in `AUGMENTATIONS`.
        pseudo_threshold: Replaces the median as the threshold of a strategy's pseudo-labels; "" leaves it.
        epochs: Epochs of the base and of a later step; they replace the schedules' iterations where given.
        task_epochs: The same for single tasks, by their names.
        protocol: The conventions of the scores where none are asked for.
        domain_task: The task where none is asked for and places arrive instead of classes.
    """

    name: str
    task: str
    backbone: str
    base: Schedule
    later: Schedule
    model: dict = field(default_factory=dict)
    data: dict = field(default_factory=dict)
    augment: dict = field(default_factory=dict)
    pseudo_threshold: str = ""
    epochs: tuple[int, int] | None = None
    task_epochs: dict[str, tuple[int, int]] = field(default_factory=dict)
    protocol: str = ""
    domain_task: str = ""

    def schedule(self, step: int, batches_per_epoch: int, task: str = "") -> Schedule:
        """The schedule of a step of a task, given how many batches an epoch of its images has."""
        schedule = self.base if step == 0 else self.later
        epochs = self.task_epochs.get(task, self.epochs)
        if epochs:
            schedule = replace(schedule, iterations=epochs[min(step, 1)] * batches_per_epoch)
        return schedule

    def adapt(self, strategy: Strategy) -> Strategy:
        """The strategy with what this preset says about pseudo-labels in place of the median."""
        targets = strategy.targets
        if self.pseudo_threshold and isinstance(targets, EntropyPseudoLabels) and targets.threshold == "median":
            return replace(strategy, targets=replace(strategy.targets, threshold=self.pseudo_threshold))
        return strategy


_LATER = Schedule(300, 5e-4, classifier_lr_factor=10.0, clip=1.0)

_SCENES = Preset(
    "quick",
    task="15-5",
    backbone="mit_quick",
    base=Schedule(1200, 2e-3, clip=1.0),
    later=_LATER,
    model={"decoder_width": 64, "pretrained": True},
    data={"size": 64},
    augment={"size": 64},
    pseudo_threshold="none",
)

_PRETEXT = replace(
    _SCENES,
    task="offline",
    model={"decoder_width": 64},
    base=Schedule(20000, 2e-3, clip=1.0, batch_size=32),
    augment={"size": 64, "kind": "turned"},
)

_CAMVID = replace(
    _SCENES,
    task="6-5",
    base=Schedule(900, 2e-3, clip=1.0),
    later=replace(_LATER, iterations=300, lr=1e-3),
    data={},
    augment={"size": 96, "scale": (0.5, 1.0)},
)

_PUBLISHED = Preset(
    "published",
    task="15-5",
    backbone="mit_b2",
    base=Schedule(1, 0.01, "sgd", "poly", weight_decay=1e-4, batch_size=24),
    later=Schedule(1, 0.001, "sgd", "poly", weight_decay=1e-4, batch_size=24),
    model={"decoder_width": 256, "plain_decoder": True, "drop_path": 0.1, "pretrained": True},
    augment={"size": 512, "kind": "resized"},
    epochs=(30, 30),
    protocol="sats",
)

# Photographs of any size, for two cores: their shorter side, or most of it, squeezed into small squares. The backbone
# is that of the scenes, pretrained on drawings: for photographs too a better start than random weights.
_PHOTOGRAPHS = replace(
    _SCENES,
    base=Schedule(2000, 2e-3, clip=1.0),
    later=replace(_LATER, lr=1e-3),
    data={},
    augment={"size": 96, "kind": "resized"},
    protocol="plop",
)


def _photographs(task: str, epochs: tuple[int, int], task_epochs=None, domain_task: str = "") -> dict[str, Preset]:
    """The presets of a benchmark of photographs; epochs are those of the published set-up."""
    quick = replace(_PHOTOGRAPHS, task=task, domain_task=domain_task)
    return {
        "smoke": replace(
            quick,
            name="smoke",
            base=Schedule(30, 2e-3, clip=1.0),
            later=replace(_LATER, iterations=15),
            augment={"size": 64, "kind": "resized"},
        ),
        "quick": quick,
        "full": replace(
            quick,
            name="full",
            backbone="mit_b0",
            base=Schedule(10000, 2e-4, clip=1.0, classifier_lr_factor=10.0),
            later=replace(_LATER, iterations=2000, lr=1e-4),
            model={"decoder_width": 256, "pretrained": True},
            augment={"size": 256, "kind": "resized"},
        ),
        "published": replace(
            _PUBLISHED, task=task, epochs=epochs, task_epochs=task_epochs or {}, domain_task=domain_task
        ),
    }


PRESETS = {
    "scenes": {
        "smoke": replace(
            _SCENES,
            name="smoke",
            base=Schedule(60, 2e-3, clip=1.0),
            later=replace(_LATER, iterations=20),
            data={"size": 64, "train_images": 240, "test_images": 60},
        ),
        "quick": _SCENES,
        "reference": replace(_SCENES, name="reference", task="10-1", later=replace(_LATER, iterations=100, lr=1e-3)),
        "full": replace(
            _SCENES,
            name="full",
            backbone="mit_scenes",
            base=Schedule(6000, 2e-3, clip=1.0),
            later=replace(_LATER, iterations=600),
            model={"decoder_width": 96, "pretrained": True},
            data={"size": 96},
            augment={"size": 96},
        ),
    },
    # The pretext, on which the backbones of the scenes are pretrained: quick for mit_quick, full for mit_scenes.
    "pretext": {
        "smoke": replace(
            _PRETEXT, name="smoke", base=Schedule(40, 2e-3, clip=1.0), data={"size": 64, "train_images": 400}
        ),
        "quick": _PRETEXT,
        "full": replace(
            _PRETEXT,
            name="full",
            backbone="mit_scenes",
            base=replace(_PRETEXT.base, iterations=10000),
            model={"decoder_width": 96},
            data={"size": 96},
            augment={"size": 96, "kind": "turned"},
        ),
    },
    # Epochs of the scripts released with SATS; those of Cityscapes are PLOP's for its cities.
    "voc": _photographs("15-5", (30, 30), {"15-1": (30, 3)}),
    "ade20k": _photographs("100-50", (60, 6)),
    "cityscapes": _photographs("10-9", (50, 50), domain_task="11-5"),
    "camvid": {
        "smoke": replace(
            _CAMVID,
            name="smoke",
            base=Schedule(30, 2e-3, clip=1.0),
            later=replace(_LATER, iterations=15),
        ),
        "quick": _CAMVID,
        "reference": replace(_CAMVID, name="reference", task="6-1", later=replace(_CAMVID.later, iterations=100)),
        "full": replace(
            _CAMVID,
            name="full",
            backbone="mit_scenes",
            base=Schedule(6000, 2e-3, clip=1.0),
            later=replace(_LATER, iterations=1000),
            model={"decoder_width": 96, "pretrained": True},
            augment={"size": 144, "scale": (0.5, 1.25)},
        ),
        "published": replace(_PUBLISHED, task="6-5"),
    },
    "folder": _photographs("", (30, 30)),
}


def preset(data: str, name: str = "quick") -> Preset:
    """The preset of a data set.

    Raises:
        UsageError: For an unknown data set or preset, with the choices and the nearest match.
    """
    own = choose("data set", data, PRESETS)
    others = [other for other, presets in PRESETS.items() if name in presets]
    if name not in own and others:
        raise UsageError(
            f"The preset {name!r} belongs to {', '.join(others)}, not to {data}. Choose one of: {', '.join(own)}."
        )
    return choose("preset", name, own)
