"""What a strategy is: a list of parts.

    SATS = Strategy(
        "SATS",
        targets=EntropyPseudoLabels(0.001),
        terms=(CrossEntropy(), UnbiasedDistillation(20), AttentionTransfer(20)),
        classifier=BackgroundInit(),
    )

A part is a frozen dataclass that holds its settings only. What a part measures or keeps from one step to the next
(exemplar memory, parameter importances) is saved with the run. A strategy knows no data set, optimiser or file.

Strategies are combined by adding parts: `MIB + AttentionTransfer(20, regions="teacher") + ExemplarMemory(100)`.
"""

import hashlib
import json
import unicodedata
from dataclasses import dataclass, field, fields, replace

from torch import Tensor

from satkit.models import Head, IncrementalClassifier
from satkit.strategies.contracts import ClassifierInit, LossInputs, Targets, Term, having, role_of
from satkit.strategies.description import called, plain, short
from satkit.strategies.parts.freezing import Freezing
from satkit.strategies.parts.fusion import WeightFusion
from satkit.strategies.parts.importance import Importance
from satkit.strategies.parts.memory import ExemplarMemory
from satkit.strategies.validation import incompatible_parts
from satkit.strategies.whole_batch import own_share
from satkit.utils.errors import UsageError, shown


@dataclass(frozen=True)
class Labels(Targets):
    """Targets are the labels as they are: old classes are background."""

    def __call__(self, labels, teacher, step, fitted, images=None) -> Tensor:
        return labels


@dataclass(frozen=True)
class DefaultInit(ClassifierInit):
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
        head: How the classifier is built and its scores are read, from the base step on.
        freezing: Parts of the network that are not trained after the base step.
        importance: Penalises changes of important parameters (EWC, PI, RW), beside the terms.
        memory: Keeps images of earlier steps to train on.
        fusion: Averages student and teacher at the end of every step.
        joint: Learn every class at once instead of step by step: the upper bound.

    Raises:
        UsageError: For parts that are missing, double or incompatible, or a name that is no line of text.
    """

    name: str
    terms: tuple[Term, ...]
    base_terms: tuple[Term, ...] = ()
    targets: Targets = field(default_factory=Labels)
    classifier: ClassifierInit = field(default_factory=DefaultInit)
    head: Head = field(default_factory=Head)
    freezing: Freezing | None = None
    importance: Importance | None = None
    memory: ExemplarMemory | None = None
    fusion: WeightFusion | None = None
    joint: bool = False

    def __post_init__(self):
        if any(unicodedata.category(character) == "Cc" for character in self.name):
            raise UsageError(f"A strategy's name must be text in one line, got {shown(self.name)}. Rename it.")
        self._check_terms(self.terms, "after the base step")
        self._check_terms(self.base_terms, "in the base step")
        early = having("needs_teacher", self.base_terms)
        if early:
            raise UsageError(
                f"Strategy {self.name!r} asks for {early[0]!r} in the base step, where there is no teacher yet. "
                "Move it from base_terms to terms."
            )
        for part, contract in ((self.targets, Targets), (self.classifier, ClassifierInit)):
            if not isinstance(part, contract):
                raise UsageError(
                    f"The {contract.role} of strategy {self.name!r} must inherit from {contract.__name__} of "
                    f"satkit.strategies, got {part!r}."
                )
        problem = incompatible_parts(self)
        if problem:
            raise UsageError(f"Strategy {self.name!r} has incompatible parts: {problem}")

    def _check_terms(self, terms: tuple[Term, ...], when: str) -> None:
        if not terms:
            raise UsageError(f"Strategy {self.name!r} needs at least one loss term in `terms` and in `base_terms`.")
        names = [term.name for term in terms]
        double = sorted({name for name in names if names.count(name) > 1})
        if double:
            raise UsageError(f"Strategy {self.name!r} has two terms named {double[0]!r} {when}; keep one.")
        classifying = having("classifies", terms)
        if len(classifying) > 1:
            raise UsageError(
                f"Strategy {self.name!r} learns the same targets twice {when}, by {classifying[0]!r} and by "
                f"{classifying[1]!r}; keep one."
            )

    def __add__(self, part) -> "Strategy":
        """The strategy with one more part; a term replaces the one of the same name.

        Args:
            part: A loss term, or a part that the strategy does not have yet: pseudo-labels, a memory, fusion, ...

        Raises:
            UsageError: For a second part of the same role, or for what is not a part.
        """
        role = role_of(part)
        name = f"{self.name} + {called(part)}"
        if role == Term.role:
            kept = [term for term in self.terms if term.name != part.name]
            return replace(self, name=name, terms=(*kept, part))
        present = getattr(self, role)
        if present not in (None, Labels(), DefaultInit()):
            raise UsageError(
                f"Strategy {self.name!r} already has {type(present).__name__}, and {type(part).__name__} would be a "
                f"second policy for the same thing. Replace it instead: replace(strategy, {role}=...)."
            )
        return replace(self, **{"name": name, role: part})

    def __str__(self) -> str:
        """The name and every part that is not the default; terms are joined by plus signs."""
        parts = [" + ".join(map(short, self.terms)), *map(short, self.others())]
        return f"{self.name} = " + "; ".join([*parts, *(["all classes at once"] if self.joint else [])])

    def others(self) -> list:
        """Every part beside the loss terms that is not the default."""
        parts = (self.targets, self.classifier, self.head, self.freezing, self.importance, self.memory, self.fusion)
        return [part for part in parts if part not in (None, Labels(), DefaultInit(), Head())]

    @property
    def needs_teacher(self) -> bool:
        """Whether steps after the base step run the frozen model of the step before."""
        return self.targets.needs_teacher or bool(having("needs_teacher", self.terms))

    @property
    def needs_attention(self) -> bool:
        """Whether steps after the base step tap the attention."""
        return bool(having("needs_attention", self.terms))

    def losses(self, inputs: LossInputs) -> dict[str, Tensor]:
        """Each term's value by its name; the loop sums them and logs them.

        Where several processes train together: what this one adds to it, see `satkit.strategies.whole_batch`.
        """
        terms = self.terms if inputs.step.index > 0 else self.base_terms
        needing = having("needs_teacher", terms) if inputs.teacher is None else []
        if needing:
            raise RuntimeError(f"The term {needing[0]!r} needs a teacher's output, but there is no teacher.")
        compute = own_share(inputs)
        return {term.name: compute(term) for term in terms}

    def base(self) -> "Strategy":
        """The strategy of the base step; strategies with the same one can share a base model."""
        targets = self.targets if self.targets.in_base_step else Labels()
        return Strategy("base", self.base_terms, self.base_terms, targets=targets, head=self.head)

    def describe(self) -> dict:
        """The whole strategy as plain values, for config.json."""
        return {each.name: plain(getattr(self, each.name)) for each in fields(self)}


def digest(strategy: Strategy) -> str:
    """A short hash of everything in a strategy but its name."""
    described = {**strategy.describe(), "name": ""}
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:8]
