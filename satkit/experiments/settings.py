"""What a user chooses: the settings of a study."""

from dataclasses import dataclass

from satkit.utils.errors import UsageError


@dataclass(frozen=True)
class Settings:
    """What a user chooses; empty texts take the preset's choice.

    Attributes:
        data: Name of the data set.
        root: Its folder, where it is on disk.
        task: E.g. "15-5".
        setting: One of `satkit.scenario.SETTINGS`, e.g. "overlapped".
        order: Data set labels in the order of learning; empty for the data set's own.
        protocol: The conventions of the scores, see `satkit.evaluation.conventions`; empty for the preset's.
        backbone: A timm name.
        preset: "smoke", "quick", "full" or "published".
        seed: Of everything random.
        shift: How much the training images of every later step differ from those of the base step and from the test
            images, 0 (not at all) to 1: another illumination in every step.
    """

    data: str = "scenes"
    root: str = ""
    task: str = ""
    setting: str = "overlapped"
    order: tuple[int, ...] = ()
    backbone: str = ""
    preset: str = "quick"
    seed: int = 0
    shift: float = 0.0
    protocol: str = ""

    def __post_init__(self):
        object.__setattr__(self, "order", tuple(self.order))
        if not 0 <= self.shift <= 1:
            raise UsageError(f"The shift must be between 0 (none) and 1, got {self.shift}.")
