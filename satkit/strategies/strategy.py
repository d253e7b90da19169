"""What a strategy is: a sentence made of targets, loss terms and an initialisation.

    SATS = Strategy(
        "SATS",
        targets=EntropyPseudoLabels(0.001),
        terms=(CrossEntropy(), UnbiasedDistillation(20), AttentionTransfer(20)),
        classifier=BackgroundInit(),
    )

A term is a frozen, callable dataclass, `LossInputs -> scalar`; it holds nothing but its settings. It says through three
class attributes what it goes by (`name`) and what it needs (`needs_teacher`, `needs_attention`). What has a life across
steps (exemplar memory, parameter importances) is a part of its own, and its state is saved with the run. A strategy
knows no data set, optimiser or file.

Strategies are combined by adding parts: `MIB + AttentionTransfer(20, regions="teacher") + ExemplarMemory(100)`.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar, Protocol

from torch import Tensor

from satkit.models import Head, IncrementalClassifier, SegmenterOutput
from satkit.scenario import Step
from satkit.strategies.description import called, plain, short
from satkit.strategies.validation import contradicts
from satkit.utils.errors import UsageError


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
    """The contract of a loss term.

    Further class attributes, each False where a term does not have it: `classifies` (it learns the targets; a strategy
    has one such term), `reads_unknown` (it accepts UNKNOWN in the targets), `trains_backbone` (it acts on nothing but
    the backbone).
    """

    name: ClassVar[str]
    needs_teacher: ClassVar[bool]
    needs_attention: ClassVar[bool]

    def __call__(self, inputs: LossInputs) -> Tensor:
        """A scalar, weight included."""


class Targets(Protocol):
    """The contract of a policy that turns labels into targets.

    `in_base_step`, False where a policy does not have it, says whether it applies to step 0 too, without a teacher;
    `makes_unknown`, whether it puts UNKNOWN into the targets.
    """

    needs_teacher: ClassVar[bool]

    def fit(self, seen: Callable[[], Iterable[tuple[Tensor, Tensor]]], step: Step) -> dict[str, Tensor]:
        """What has to be measured on the data at the boundary of a step; saved with the run.

        Args:
            seen: Makes an iterator over (labels, teacher logits) of the step's training images.
            step: The step that begins.
        """

    def __call__(
        self, labels: Tensor, teacher: SegmenterOutput | None, step: Step, fitted: dict[str, Tensor], images: Tensor
    ) -> Tensor:
        """Targets of the same shape and type as the labels; `images` are normalised (batch, 3, height, width)."""


class ClassifierInit(Protocol):
    """The contract of an initialisation: changes the classifier in place, after it has grown.

    `deep_heads = False` refuses a classifier with deep heads; `reserves` names the reserve it needs, see `Head`.
    """

    def __call__(self, classifier: IncrementalClassifier) -> None: ...


class Memory(Protocol):
    """The contract of an exemplar memory, see `ExemplarMemory`."""

    size: int


@dataclass(frozen=True)
class Labels:
    """Targets are the labels as they are: what was learnt before is background."""

    needs_teacher: ClassVar[bool] = False

    def fit(self, seen, step) -> dict[str, Tensor]:
        return {}

    def __call__(self, labels, teacher, step, fitted, images=None) -> Tensor:
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
        head: How the classifier is built and read, from the base step on.
        freezing: Parts of the network that do not learn after the base step.
        importance: Holds every parameter by its importance (EWC, PI, RW); a penalty of its own beside the terms.
        memory: Keeps images of earlier steps to train on.
        fusion: Averages student and teacher at the end of every step.
        joint: Learn every class at once instead of step by step: the upper bound.
    """

    name: str
    terms: tuple[Term, ...]
    base_terms: tuple[Term, ...] = ()
    targets: Targets = field(default_factory=Labels)
    classifier: ClassifierInit = field(default_factory=DefaultInit)
    head: Head = field(default_factory=Head)
    freezing: Callable | None = None
    importance: object | None = None
    memory: Memory | None = None
    fusion: Callable | None = None
    joint: bool = False

    def __post_init__(self):
        for when, terms in (("after the base step", self.terms), ("in the base step", self.base_terms)):
            names = [term.name for term in terms]
            double = sorted({name for name in names if names.count(name) > 1})
            if double:
                raise UsageError(f"Strategy {self.name!r} has two terms named {double[0]!r} {when}; keep one.")
            learning = [term.name for term in terms if getattr(term, "classifies", False)]
            if len(learning) > 1:
                raise UsageError(
                    f"Strategy {self.name!r} learns the same targets twice {when}, by {learning[0]!r} and by "
                    f"{learning[1]!r}; keep one."
                )
        early = [term.name for term in self.base_terms if term.needs_teacher]
        if early:
            raise UsageError(
                f"Strategy {self.name!r} asks for {early[0]!r} in the base step, where there is no teacher yet. "
                "Move it from base_terms to terms."
            )
        if not self.terms or not self.base_terms:
            raise UsageError(f"Strategy {self.name!r} needs at least one loss term in `terms` and in `base_terms`.")
        contradiction = contradicts(self)
        if contradiction:
            raise UsageError(f"Strategy {self.name!r} contradicts itself: {contradiction}")

    def __add__(self, part) -> "Strategy":
        """The strategy with one more part; a term replaces the one of the same name.

        Args:
            part: A loss term, pseudo-labels, an exemplar memory, an importance, freezing or fusion.

        Raises:
            UsageError: For a second pseudo-label policy, memory, importance, freezing or fusion, or anything else.
        """
        place = _place(part)
        name = f"{self.name} + {called(part)}"
        if place == "terms":
            kept = [term for term in self.terms if term.name != part.name]
            return replace(self, name=name, terms=(*kept, part))
        taken = getattr(self, place)
        if taken is not None and taken != Labels():
            raise UsageError(
                f"Strategy {self.name!r} already has {type(taken).__name__}, and {type(part).__name__} would be a "
                f"second policy for the same thing. Replace it instead: replace(strategy, {place}=...)."
            )
        return replace(self, **{"name": name, place: part})

    def __str__(self) -> str:
        """The sentence: the name, and every part that is not the default, terms by plus signs."""
        parts = [" + ".join(map(short, self.terms)), *map(short, self.others())]
        return f"{self.name} = " + "; ".join([*parts, *(["all classes at once"] if self.joint else [])])

    def others(self) -> list:
        """Every part beside the loss terms that is not the default."""
        parts = (self.targets, self.classifier, self.head, self.freezing, self.importance, self.memory, self.fusion)
        return [part for part in parts if part not in (None, Labels(), DefaultInit(), Head())]

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

    def base(self) -> "Strategy":
        """What the base step is learnt with; strategies that agree in it can share one base model."""
        targets = self.targets if getattr(self.targets, "in_base_step", False) else Labels()
        return Strategy("base", self.base_terms, self.base_terms, targets=targets, head=self.head)

    def describe(self) -> dict:
        """The whole strategy as plain values, for config.json."""
        return {each.name: plain(getattr(self, each.name)) for each in fields(self)}


def positive(owner: object, name: str, value: float) -> None:
    """Raise unless a setting of a term is at least zero.

    Raises:
        UsageError: Naming the term, the setting and the value.
    """
    if not value >= 0:
        raise UsageError(f"{type(owner).__name__} needs {name} >= 0, got {value}.")


def digest(strategy: Strategy) -> str:
    """A short hash of everything in a strategy but its name."""
    described = {**strategy.describe(), "name": ""}
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:8]


def _place(part) -> str:
    """The field of a strategy that a part belongs to; parts that are neither term nor targets say so themselves."""
    if hasattr(part, "place"):
        return part.place
    if hasattr(part, "needs_attention"):
        return "terms"
    if hasattr(part, "fit"):
        return "targets"
    raise UsageError(
        "Only a loss term, pseudo-labels, an exemplar memory, an importance, freezing or fusion can be added to a "
        f"strategy, got {part!r}."
    )
