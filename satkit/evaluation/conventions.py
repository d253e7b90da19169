"""The conventions that scores follow: labels in training and test, averages, and the choice of weights.

Published tables of the same benchmark differ in all of them. A protocol is chosen by the name of the method whose code
uses it, and single conventions can be changed: `protocol("plop")`, `protocol("mib,evaluation=full,checkpoint=best")`.
"""

from dataclasses import asdict, dataclass, fields, replace

from satkit.utils.errors import UsageError, choose, unknown
from satkit.utils.tables import Column, Table

DEFAULT = "satkit"
YES_NO = {"yes": True, "no": False}


@dataclass(frozen=True)
class Protocol:
    """Conventions of training labels, test labels, scores and choice of weights.

    Attributes:
        background_in_old: "yes" if background counts as a class of the base step in "old"; in "all" it always counts.
        void: Unlabelled pixels in training are "ignored", or count as "background".
        future: Pixels of classes not yet learnt, at test time: "background" or "ignored". With "background", predicting
            background for them is correct, which raises the scores of all steps but the last.
        test_images: Scores are computed on the test images with a class "seen" so far, or on "all" of them.
        evaluation: On "full" images, each in one forward pass; on the same images predicted in "windows" of the size of
            the crop of training, for large images; or on a "centre" crop after the shorter side is resized to the crop
            of training.
        checkpoint: The evaluated weights: those of the "last" iteration of a step, or the "best" of those tried during
        it. selection: What "best" is measured on: the "test" images, as in published code (scores are then too high),
        or
            images held out for "validation": a fifth of the step's training images, which are not trained on.
    """

    background_in_old: str = "yes"
    void: str = "ignored"
    future: str = "background"
    test_images: str = "seen"
    evaluation: str = "full"
    checkpoint: str = "last"
    selection: str = "test"

    def __post_init__(self):
        for name, value in asdict(self).items():
            if value not in CHOICES[name]:
                raise unknown(f"choice of {name}", value, CHOICES[name])

    @property
    def counts_background(self) -> bool:
        """Whether background counts in "old"."""
        return YES_NO[self.background_in_old]

    @property
    def validates(self) -> bool:
        """Whether a part of the training images is held out to choose the weights by."""
        return self.checkpoint == "best" and self.selection == "validation"

    def describe(self, crop: int) -> dict[str, str | bool]:
        """The conventions in words, for config.json and under a table.

        Args:
            crop: Side of a training crop in pixels.
        """
        evaluation = {
            "full": "whole images at full size",
            "windows": f"whole images at full size in windows of {crop} pixels that overlap by a third",
            "centre": f"centre crops of {crop} pixels, the shorter side resized to them",
        }
        best = {"test": "best on the test images", "validation": "best on held-out training images"}
        return {
            "background_in_old": self.counts_background,
            "void_in_training": self.void,
            "future_classes_at_test": self.future,
            "evaluation": evaluation[self.evaluation],
            "evaluated_checkpoint": "last" if self.checkpoint == "last" else best[self.selection],
            "test_images": {"seen": "those with a class seen so far", "all": "all of them"}[self.test_images],
        }


CHOICES = {
    "background_in_old": tuple(YES_NO),
    "void": ("ignored", "background"),
    "future": ("background", "ignored"),
    "test_images": ("seen", "all"),
    "evaluation": ("full", "windows", "centre"),
    "checkpoint": ("last", "best"),
    "selection": ("test", "validation"),
}

# The conventions of released code; RCIL and REMINDER follow PLOP.
PROTOCOLS = {
    DEFAULT: Protocol(),
    "plop": Protocol(evaluation="centre"),
    "sats": Protocol(evaluation="centre", checkpoint="best", selection="test"),
    "ssul": Protocol(evaluation="centre", checkpoint="best", selection="test", test_images="all", future="ignored"),
    "mib": Protocol(evaluation="centre", background_in_old="no", void="background", future="ignored"),
}


def protocol(text: str = "") -> Protocol:
    """A protocol by name, with single conventions changed after it; empty for the default.

    Args:
        text: "NAME", "NAME,CONVENTION=CHOICE,...", or only CONVENTION=CHOICE, which changes the default.

    Raises:
        UsageError: For an unknown name, convention or choice, with the nearest match.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    named = parts.pop(0) if parts and "=" not in parts[0] else DEFAULT
    start = choose("protocol", named, PROTOCOLS)
    known = [field.name for field in fields(Protocol)]
    changes = {}
    for part in parts:
        name, sign, value = (word.strip() for word in part.partition("="))
        if not sign:
            raise UsageError(
                f"A protocol is a name with conventions behind it, as in mib,future=ignored; got {text!r}."
            )
        if name not in known:
            raise unknown("convention", name, known)
        changes[name] = value
    return replace(start, **changes)


def evaluation_of(conventions: dict, crop: int) -> str:
    """The choice of `evaluation` that conventions in words were made from.

    Args:
        conventions: As config.json has them.
        crop: Side of a training crop in pixels.

    Raises:
        UsageError: If they were made from none.
    """
    words = {Protocol(evaluation=kind).describe(crop)["evaluation"]: kind for kind in CHOICES["evaluation"]}
    return choose("evaluation", conventions.get("evaluation"), words)


def sentence(conventions: dict) -> str:
    """Conventions as config.json has them, as a sentence."""
    counted = "as an old class" if conventions["background_in_old"] else "only in all"
    future = "count as background" if conventions["future_classes_at_test"] == "background" else "are ignored"
    return (
        f"Background counts {counted}; void pixels are {conventions['void_in_training']} in training; classes not yet "
        f"learnt {future} at test time; evaluated are "
        f"{conventions['evaluation']}, {conventions['test_images']}, with the {conventions['evaluated_checkpoint']} "
        "weights of each step."
    )


def markdown() -> str:
    """The named protocols as a table; every row a convention."""
    columns = [Column("convention", markup=True), *(Column(f"`{name}`", markup=True) for name in PROTOCOLS)]
    rows = [
        [f"`{name}`: {' or '.join(choices)}", *(getattr(each, name) for each in PROTOCOLS.values())]
        for name, choices in CHOICES.items()
    ]
    return Table(columns, rows).markdown()
