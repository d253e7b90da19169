"""What the parts of a strategy declare and do: loss terms, target policies, classifier initialisations.

Each contract is a small abstract class: a part that lacks one of its methods cannot be made. Its class attributes have
defaults, so a part declares only what differs. A loss term of your own need not inherit from `Term`: `having` gives it
the same defaults. All other parts must inherit.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from satkit.models import IncrementalClassifier, SegmenterOutput
from satkit.scenario import Step
from satkit.utils.errors import UsageError, unknown


@dataclass(frozen=True)
class LossInputs:
    """Everything that a loss term may use.

    Attributes:
        step: Which classes are old and new.
        labels: What the annotator shows: uint8 (batch, height, width) with BACKGROUND and IGNORE.
        targets: What the loss sees after pseudo-labelling; the labels themselves where there is none.
        student: Output of the model being trained.
        teacher: Output of the frozen model of the step before; None at step 0.
    """

    step: Step
    labels: Tensor
    targets: Tensor
    student: SegmenterOutput
    teacher: SegmenterOutput | None = None


class Part(ABC):
    """A part of a strategy.

    Attributes:
        role: The field of `Strategy` that the part fills.
    """

    role: ClassVar[str]

    @property
    def name(self) -> str:
        """What the part is called in the log and in the name of a combined strategy."""
        return type(self).__name__


class Term(Part):
    """A loss term: a frozen dataclass whose fields are its settings, called with `LossInputs`.

    Attributes:
        name: Its name in the log; a strategy has one term of a name.
        needs_teacher: It reads the teacher's output, so it cannot be used in the base step.
        needs_attention: It reads the attention of student and teacher.
        classifies: It learns the targets; a strategy has at most one such term.
        reads_unknown: It accepts UNKNOWN in the targets.
        trains_backbone: It acts on the backbone only.
        needs_new_classes: It learns nothing in a step without new classes.
        needs_old_targets: It learns nothing from targets that show no old class.
    """

    role: ClassVar[str] = "terms"
    needs_teacher: ClassVar[bool] = False
    needs_attention: ClassVar[bool] = False
    classifies: ClassVar[bool] = False
    reads_unknown: ClassVar[bool] = False
    trains_backbone: ClassVar[bool] = False
    needs_new_classes: ClassVar[bool] = False
    needs_old_targets: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, inputs: LossInputs) -> Tensor:
        """A scalar, weight included."""

    def averaged_over(self, inputs: LossInputs) -> int | Tensor | None:
        """How many things of a batch the term is a mean over: images (an int), or pixels that count (a tensor).

        So the mean of a batch can be taken from parts of it, for a training by several processes. None, which is always
        right: the term needs the whole batch at once.
        """
        return None


def averaged_over(term, inputs: LossInputs) -> int | Tensor | None:
    """`Term.averaged_over`, also of a term that does not inherit from `Term`."""
    return term.averaged_over(inputs) if hasattr(term, "averaged_over") else None


def having(ability: str, terms: Iterable) -> list[str]:
    """Names of the terms that declare an ability, which is a class attribute of `Term`.

    A term that does not inherit from `Term` has the default of `Term` for what it does not declare.
    """
    default = getattr(Term, ability)
    return [term.name for term in terms if getattr(term, ability, default)]


class Targets(Part):
    """A policy that turns labels into targets; a frozen dataclass whose fields are its settings.

    Attributes:
        needs_teacher: It reads the teacher's output.
        in_base_step: It applies to the base step too, where there is no teacher.
        makes_unknown: It puts UNKNOWN into the targets.
    """

    role: ClassVar[str] = "targets"
    needs_teacher: ClassVar[bool] = False
    in_base_step: ClassVar[bool] = False
    makes_unknown: ClassVar[bool] = False

    def fit(
        self,
        seen: Callable[[], Iterable[tuple[Tensor, Tensor]]],
        step: Step,
        summed: Callable[[Tensor], Tensor] = lambda counts: counts,
    ) -> dict[str, Tensor]:
        """What has to be measured on the training images before a step; saved with the run.

        Args:
            seen: Makes an iterator over (labels, teacher logits) of the step's training images.
            step: The step that begins.
            summed: Counts of all images from those of `seen`, which may be a part of them in each of several processes.
        """
        return {}

    @abstractmethod
    def __call__(
        self,
        labels: Tensor,
        teacher: SegmenterOutput | None,
        step: Step,
        fitted: dict[str, Tensor],
        images: Tensor | None = None,
    ) -> Tensor:
        """Targets of the same shape and type as the labels; `images` are normalised (batch, 3, height, width)."""


class ClassifierInit(Part):
    """An initialisation of the classifier's new channels; it changes the classifier in place, after it has grown.

    Attributes:
        deep_heads: It can initialise a classifier with deep heads.
        reserves: The reserved channels that it needs, see `Head`.
    """

    role: ClassVar[str] = "classifier"
    deep_heads: ClassVar[bool] = True
    reserves: ClassVar[str] = "nothing"

    @abstractmethod
    def __call__(self, classifier: IncrementalClassifier) -> None:
        """Set the new channels, and what has to change with them in the old ones."""


def role_of(part) -> str:
    """The field of a strategy that a part belongs to; an object with a name that can be called is a loss term.

    Raises:
        UsageError: For what is not a part of a strategy.
    """
    if isinstance(part, Part):
        return part.role
    if callable(part) and hasattr(part, "name"):
        return Term.role
    raise UsageError(
        "Only a loss term, pseudo-labels, an exemplar memory, an importance, freezing or fusion can be added to a "
        f"strategy, got {part!r}."
    )


def positive(owner: object, name: str, value: float) -> None:
    """Raise unless a setting of a part is at least zero.

    Raises:
        UsageError: Naming the part, the setting and the value.
    """
    if not value >= 0:
        raise UsageError(f"{type(owner).__name__} needs {name} >= 0, got {value}.")


def one_of(kind: str, value: str, choices: Iterable[str]) -> None:
    """Raise unless a setting of a part is one of its choices.

    Args:
        kind: What the setting chooses, for the message.

    Raises:
        UsageError: With the choices.
    """
    if value not in choices:
        raise unknown(kind, value, choices)
