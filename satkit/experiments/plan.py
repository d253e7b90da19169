"""What will be learnt: settings and a strategy, turned into objects.

A `Plan` knows everything that is decided before anything is trained: data, scenario, strategy, schedules, conventions,
and the images of every step. An `Experiment` has a plan and carries it out.
"""

from dataclasses import asdict, replace
from functools import cached_property

import torch

from satkit.data import SegmentationData, label_table, load_data
from satkit.data.batches import BatchStream
from satkit.data.exemplars import Conditions, Exemplars, exemplars
from satkit.data.step_images import StepImages, held_out, test_images, training_images
from satkit.data.transforms import AUGMENTATIONS, CentreCrop
from satkit.evaluation.conventions import protocol
from satkit.experiments.given_base import check_base, given_base
from satkit.experiments.presets import Preset, preset
from satkit.experiments.settings import AUTOCASTS, FIELDS, PLACES, Settings
from satkit.experiments.shared_models import SharedModel
from satkit.models import BackboneError, Segmenter, build_segmenter
from satkit.models.attention_check import check_attention
from satkit.models.gradient_checkpointing import transformer_blocks
from satkit.models.pretrained import comes_with_kit, other_backbones, pretrained_weights
from satkit.scenario import DOMAIN_SETTINGS, SETTINGS, Scenario, Step, scenario, usual_tasks
from satkit.strategies import Strategy
from satkit.strategies.lookup import find_strategy
from satkit.strategies.recipes import BASE
from satkit.strategies.step_state import StepState
from satkit.strategies.validation import incompatible_with_domains, incompatible_with_new_labels
from satkit.utils.errors import UsageError, unknown
from satkit.utils.interrupts import interrupts_first
from satkit.utils.provenance import machine
from satkit.utils.seeding import best_device, derive, seed_everything


def data_options(settings: Settings) -> dict:
    """What the settings decide about a data set beside its folder.

    Raises:
        UsageError: For the habitat of a data set that has none.
    """
    if settings.data == "scenes":
        return {"habitat": settings.habitat}
    if settings.habitat != FIELDS["habitat"].default:
        raise UsageError(
            f"habitat is a setting of the scenes, got {settings.habitat:g} for {settings.data}. Leave it out."
        )
    return {}


class Plan:
    """One strategy on one scenario, as it is to be learnt.

    Args:
        settings: What the user chose.
        strategy: A strategy, or the name of one.
        data: The data set of these settings, where it is loaded already.

    Raises:
        UsageError: For an unknown data set, preset, setting, protocol or strategy, with the nearest match.
    """

    def __init__(
        self, settings: Settings, strategy: str | Strategy = "fine-tuning", data: SegmentationData | None = None
    ):
        self.settings = settings
        self.preset: Preset = preset(settings.data, settings.preset)
        self.strategy = self.preset.adapt(find_strategy(strategy))
        self.protocol = protocol(settings.protocol or self.preset.protocol)
        self.backbone = settings.backbone or self.preset.backbone
        self.device = best_device()
        self._data, self._data_options = data, {**self.preset.data, **data_options(settings)}
        if settings.setting not in SETTINGS:
            raise unknown("setting", settings.setting, SETTINGS)
        if settings.autocast and settings.autocast not in AUTOCASTS:
            raise unknown("autocast", settings.autocast, AUTOCASTS)
        if settings.from_scratch and not self._preset_pretrains:
            raise UsageError(
                f"The preset {settings.preset!r} of {settings.data} starts {self.backbone!r} from random weights "
                "anyway. Leave from_scratch out."
            )
        if settings.from_scratch and settings.base_model:
            raise UsageError(
                "A study that is given its base step trains none, so it starts nothing from random weights. Leave "
                "from_scratch out, or --base."
            )

    @property
    def data(self) -> SegmentationData:
        """The data set; loaded when it is first asked for, unless it was given."""
        if self._data is None:
            self._data = load_data(self.settings.data, self.settings.root, **self._data_options)
        return self._data

    @cached_property
    def given_base(self) -> SharedModel | None:
        """The base step that the strategy starts from in place of one that is trained; joint training has none."""
        asked = self.settings.base_model and not self.strategy.joint
        return given_base(self.settings.base_model) if asked else None

    @property
    def pretrained(self) -> bool:
        """Whether the backbone starts from pretrained weights, see `pretrained_weights`."""
        return self._preset_pretrains and not self.settings.from_scratch and not self.given_base

    @property
    def _preset_pretrains(self) -> bool:
        """As the preset says; but where it means weights of the kit, a backbone that has none there starts without."""
        wanted = self.preset.model.get("pretrained", False)
        return wanted and (comes_with_kit(self.backbone) or not comes_with_kit(self.preset.backbone))

    @property
    def model(self) -> dict:
        """Fields of `SegmenterSpec` beside backbone and head."""
        return {**self.preset.model, "pretrained": self.pretrained}

    @cached_property
    def task(self) -> str:
        """The task that was asked for, the preset's, or the first that divides the classes."""
        by_domain = self.settings.setting in DOMAIN_SETTINGS
        chosen = self.settings.task or (self.preset.domain_task if by_domain else self.preset.task)
        return chosen or usual_tasks(len(self.data.class_names) - 1)[0]

    @cached_property
    def scenario(self) -> Scenario:
        """Which classes are old and new, also where they are learnt jointly."""
        chosen = self.settings
        return scenario(self.data.class_names, self.task, chosen.setting, chosen.order, self.data.domains)

    @property
    def learnt(self) -> Scenario:
        """The scenario as it is learnt: all at once for joint training."""
        return self.scenario.joint() if self.strategy.joint else self.scenario

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps to learn."""
        return self.learnt.steps

    @cached_property
    def config(self) -> dict:
        """Everything that decides the result, and the machine it is made on."""
        settings = {**asdict(self.settings), "task": self.task, "backbone": self.backbone}
        settings["order"] = list(self.scenario.order)
        for left_out in (*PLACES, "protocol"):  # another place is the same; conventions are listed one by one
            settings.pop(left_out)
        if self.settings.data != "scenes":
            settings.pop("habitat")
        for younger in ("autocast", "gradient_checkpointing"):  # earlier configurations do not have them
            if not settings[younger]:
                settings.pop(younger)
        schedules = [asdict(self.schedule(step)) for step in self.steps]
        if self.given_base:
            settings["base_model"] = f"sha256 {self.given_base.about['weights']}"
            schedules[0] = {"iterations": 0}
        augment = {k: list(v) if isinstance(v, tuple) else v for k, v in self.preset.augment.items()}
        return {
            **settings,
            "data_fingerprint": self.data.fingerprint,
            "strategy": self.strategy.describe(),
            "model": self.model,
            "pretrained_weights": pretrained_weights(self.backbone) if self.pretrained else "",
            "data_options": self.preset.data,
            "augment": augment,
            "schedules": schedules,
            "conventions": self.conventions,
            "machine": machine(self.device),
        }

    @property
    def conventions(self) -> dict[str, str | bool]:
        """The conventions of the protocol, in words."""
        return self.protocol.describe(self.preset.augment["size"])

    def schedule(self, step: Step):
        """The schedule of a step."""
        first = self.preset.base if step.index == 0 else self.preset.later
        images = len(self.images(step))
        return self.preset.schedule(step.index, max(1, images // first.batch_size), self.task)

    def check(self) -> None:
        """Find out before training what would fail: names, data, images of every step, attention of the backbone."""
        _ = self.config
        self.try_backbone(attention=self.strategy.needs_attention)
        if self.scenario.by_domain and (reason := incompatible_with_domains(self.strategy)):
            raise UsageError(f"{self.strategy.name} cannot learn domain by domain: {reason}")
        if not self.scenario.annotates_old and (reason := incompatible_with_new_labels(self.strategy)):
            raise UsageError(f"{self.strategy.name} cannot learn in the setting {self.scenario.setting!r}: {reason}")
        if self.strategy.fusion and self.protocol.checkpoint == "best":
            raise UsageError(
                f"{self.strategy.name} fuses teacher and student at the end of a step, so it has no best weights to "
                "choose from. Take checkpoint=last."
            )
        if self.given_base and self.strategy != BASE:  # whose kind of base step need not be that of the strategies
            check_base(self, self.given_base)
        memory, first = self.strategy.memory, len(self.images(self.steps[0]))
        if memory and memory.size > first:
            raise UsageError(
                f"A memory must fit into the data: {memory.size} images are asked for, but the base step has {first}. "
                "Choose a smaller memory."
            )

    @torch.no_grad()
    def try_backbone(self, attention: bool) -> None:
        """Run the untrained network once, at the size of a training crop.

        Raises:
            BackboneError: If the backbone cannot take images of this size, or has no attention to tap.
        """
        segmenter = self.blank().eval()
        segmenter.classifier.grow(1)
        size = self.preset.augment["size"]
        images = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0)).to(self.device)
        try:
            with interrupts_first():
                segmenter(images)
                if attention:
                    check_attention(segmenter.backbone, images)
                if self.settings.gradient_checkpointing:
                    transformer_blocks(segmenter.backbone)
        except BackboneError:
            raise
        except Exception as error:  # networks of timm say in many ways that they do not fit
            raise BackboneError(
                f"Backbone {self.backbone!r} cannot take images of {size} x {size} pixels ({str(error).rstrip('.')}). "
                f"{other_backbones(self.backbone)}"
            ) from error

    @property
    def computing(self) -> dict:
        """How training computes, see `StepSetup`."""
        return {name: getattr(self.settings, name) for name in ("autocast", "gradient_checkpointing")}

    def blank(self) -> Segmenter:
        """A segmenter without classes, initialised from the seed."""
        seed_everything(derive(self.settings.seed, "network"))
        head = self.strategy.head
        spec = {**self.model, "deep_heads": head.deep, "readout": head.readout}
        return build_segmenter(self.backbone, **spec).to(self.device)

    def images(self, step: Step) -> StepImages:
        """The training images of a step, as its annotator labelled them, without those that are held out."""
        images, seed = self.annotated(step), self.settings.seed
        return held_out(images, seed, step.index)[0] if self.protocol.validates else images

    def annotated(self, step: Step) -> StepImages:
        """All images that belong to a step, as its annotator labelled them."""
        chosen = self.settings
        return training_images(self.data, self.learnt, step, chosen.shift, chosen.seed, self.protocol.void)

    def exemplars(self, step: Step, state: StepState) -> Exemplars | None:
        """The exemplars that a step trains on beside its own images; None without a memory."""
        if state.memory is None:
            return None
        memory, chosen = self.strategy.memory, self.settings
        entries = state.memory.numpy()
        conditions = Conditions(chosen.shift, chosen.seed, self.protocol.void)
        return exemplars(self.data, self.learnt, entries, step, memory, conditions)

    def batches(self, step: Step, state: StepState | None = None, part: slice = slice(None)) -> BatchStream:
        """The training batches of a step, by number; with the exemplars of its state, if there are any.

        Args:
            part: Which images of a batch are made, see `BatchStream`.
        """
        images = self.images(step)
        crop = dict(self.preset.augment)
        augment = AUGMENTATIONS[crop.pop("kind", "simple")](**crop)
        kept = self.exemplars(step, state or StepState())
        size, seed = self.schedule(step).batch_size, self.settings.seed
        return BatchStream(images, size, augment, seed, step.index, kept, part)

    def complete(self, images: StepImages) -> StepImages:
        """The same images with their whole annotation, as class indices; never used for training."""
        return replace(images, table=label_table(self.scenario.test_table(self.scenario.steps[-1])))

    @property
    def crop(self) -> CentreCrop | None:
        """What is taken of each test image; None for all of it."""
        return CentreCrop(self.preset.augment["size"]) if self.protocol.evaluation == "centre" else None

    @property
    def window(self) -> int | None:
        """Side in pixels of the windows that test images are predicted in; None for one forward pass of each."""
        return self.preset.augment["size"] if self.protocol.evaluation == "windows" else None

    def test_pictures(self, step: Step) -> StepImages:
        """The test images of the last step, labelled as in this one: so an image has the same number in every step."""
        return replace(self.tests(self.steps[-1]), table=self.tests(step).table)

    def tests(self, step: Step) -> StepImages:
        """The test images of a step, labelled with every class seen so far."""
        return test_images(self.data, self.learnt, step, self.protocol.future, self.protocol.test_images)
