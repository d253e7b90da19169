"""What a strategy is: a sentence made of targets, loss terms and an initialisation.

    SATS = Strategy(
        "SATS",
        targets=EntropyPseudoLabels(0.001),
        terms=(CrossEntropy(), UnbiasedDistillation(20), AttentionTransfer(20)),
        classifier=BackgroundInit(),
    )

A term is a frozen, callable dataclass, `LossInputs -> scalar`; it holds nothing but its settings. It says through three
class attributes what it goes by (`name`) and what it needs (`needs_teacher`, `needs_attention`). A strategy knows no
data set, optimiser or file.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import ClassVar, Protocol

from torch import Tensor

from satkit.choices import UsageError
from satkit.models import IncrementalClassifier, SegmenterOutput
from satkit.scenario import Step


@dataclass(frozen=True)
class LossInputs:
    """Everything a loss term may look at.

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


class Term(Protocol):
    """The contract of a loss term."""

    name: ClassVar[str]
    needs_teacher: ClassVar[bool]
    needs_attention: ClassVar[bool]

    def __call__(self, inputs: LossInputs) -> Tensor:
        """A scalar, weight included."""


class Targets(Protocol):
    """The contract of a policy that turns labels into targets."""

    needs_teacher: ClassVar[bool]

    def fit(self, seen: Callable[[], Iterable[tuple[Tensor, Tensor]]], step: Step) -> dict[str, Tensor]:
        """What has to be measured on the data at the boundary of a step; saved with the run.

        Args:
            seen: Makes an iterator over (labels, teacher logits) of the step's training images.
            step: The step that begins.
        """

    def __call__(self, labels: Tensor, teacher: SegmenterOutput, step: Step, fitted: dict[str, Tensor]) -> Tensor:
        """Targets of the same shape and type as the labels."""


class ClassifierInit(Protocol):
    """The contract of an initialisation: changes the classifier in place, after it has grown."""

    def __call__(self, classifier: IncrementalClassifier) -> None: ...


@dataclass(frozen=True)
class Labels:
    """Targets are the labels as they are: what was learnt before is background."""

    needs_teacher: ClassVar[bool] = False

    def fit(self, seen, step) -> dict[str, Tensor]:
        return {}

    def __call__(self, labels, teacher, step, fitted) -> Tensor:
        return labels


@dataclass(frozen=True)
class DefaultInit:
    """New classifier channels keep PyTorch's default initialisation."""

    def __call__(self, classifier: IncrementalClassifier) -> None:
        return None


@dataclass(frozen=True)
class Strategy:
    """How a step is learnt.

    Attributes:
        name: Shown in tables and figures.
        terms: Loss terms of every step after the base step; their sum is minimised.
        base_terms: Loss terms of the base step, where there is no teacher.
        targets: Turns labels into targets, after the base step.
        classifier: Initialises the new channels of the classifier, after the base step.
        joint: Learn every class at once instead of step by step: the upper bound.
    """

    name: str
    terms: tuple[Term, ...]
    base_terms: tuple[Term, ...] = ()
    targets: Targets = field(default_factory=Labels)
    classifier: ClassifierInit = field(default_factory=DefaultInit)
    joint: bool = False

    def __post_init__(self):
        for when, terms in (("after the base step", self.terms), ("in the base step", self.base_terms)):
            names = [term.name for term in terms]
            double = sorted({name for name in names if names.count(name) > 1})
            if double:
                raise UsageError(f"Strategy {self.name!r} has two terms named {double[0]!r} {when}; keep one.")
        early = [term.name for term in self.base_terms if term.needs_teacher]
        if early:
            raise UsageError(
                f"Strategy {self.name!r} asks for {early[0]!r} in the base step, where there is no teacher yet. "
                "Move it from base_terms to terms."
            )
        if not self.terms or not self.base_terms:
            raise UsageError(f"Strategy {self.name!r} needs at least one loss term in `terms` and in `base_terms`.")

    @property
    def needs_teacher(self) -> bool:
        """Whether steps after the base step run the frozen model of the step before."""
        return self.targets.needs_teacher or any(term.needs_teacher for term in self.terms)

    @property
    def needs_attention(self) -> bool:
        """Whether steps after the base step tap the attention."""
        return any(term.needs_attention for term in self.terms)

    def losses(self, inputs: LossInputs) -> dict[str, Tensor]:
        """Each term's value by its name; the loop sums them and logs them."""
        terms = self.terms if inputs.step.index > 0 else self.base_terms
        for term in terms:
            if term.needs_teacher and inputs.teacher is None:
                raise RuntimeError(f"The term {term.name!r} needs a teacher's output, but step 0 has no teacher.")
        return {term.name: term(inputs) for term in terms}

    def describe(self) -> dict:
        """The whole strategy as plain values, for config.json."""
        return {
            "name": self.name,
            "terms": [_plain(term) for term in self.terms],
            "base_terms": [_plain(term) for term in self.base_terms],
            "targets": _plain(self.targets),
            "classifier": _plain(self.classifier),
            "joint": self.joint,
        }


def _plain(part) -> dict:
    settings = asdict(part) if is_dataclass(part) else {}
    return {"kind": type(part).__name__, **settings}


def positive(owner: object, name: str, value: float) -> None:
    """Raise unless a setting of a term is at least zero.

    Raises:
        UsageError: Naming the term, the setting and the value.
    """
    if not value >= 0:
        raise UsageError(f"{type(owner).__name__} needs {name} >= 0, got {value}.")
