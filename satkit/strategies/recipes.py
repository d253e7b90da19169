"""Every method, declared side by side."""

from satkit.choices import choose
from satkit.strategies.attention_transfer import AttentionTransfer
from satkit.strategies.classification import CrossEntropy
from satkit.strategies.classifier_init import BackgroundInit
from satkit.strategies.distillation import UnbiasedDistillation
from satkit.strategies.pseudo_labels import EntropyPseudoLabels
from satkit.strategies.strategy import Strategy

LEARN = (CrossEntropy(),)

BASE = Strategy("base", terms=LEARN, base_terms=LEARN)

FINE_TUNING = Strategy("fine-tuning", terms=LEARN, base_terms=LEARN)

JOINT = Strategy("joint", terms=LEARN, base_terms=LEARN, joint=True)

PSEUDO_LABELS = Strategy(
    "pseudo-labels",
    targets=EntropyPseudoLabels(0.001),
    terms=(CrossEntropy(),),
    base_terms=LEARN,
    classifier=BackgroundInit(),
)

PSEUDO_DISTILLATION = Strategy(
    "pseudo-labels + distillation",
    targets=EntropyPseudoLabels(0.001),
    terms=(CrossEntropy(), UnbiasedDistillation(20)),
    base_terms=LEARN,
    classifier=BackgroundInit(),
)

PSEUDO_ATTENTION = Strategy(
    "pseudo-labels + attention",
    targets=EntropyPseudoLabels(0.001),
    terms=(CrossEntropy(), AttentionTransfer(20)),
    base_terms=LEARN,
    classifier=BackgroundInit(),
)

SATS = Strategy(
    "SATS",
    targets=EntropyPseudoLabels(0.001),
    terms=(CrossEntropy(), UnbiasedDistillation(20), AttentionTransfer(20)),
    base_terms=LEARN,
    classifier=BackgroundInit(),
)

STRATEGIES = {
    "fine-tuning": FINE_TUNING,
    "joint": JOINT,
    "pseudo": PSEUDO_LABELS,
    "pseudo+distillation": PSEUDO_DISTILLATION,
    "pseudo+attention": PSEUDO_ATTENTION,
    "sats": SATS,
}


def strategy(name: str) -> Strategy:
    """A strategy by its short name.

    Raises:
        UsageError: With the choices and the nearest match.
    """
    return choose("strategy", name, {**STRATEGIES, **{s.name: s for s in STRATEGIES.values() if s.name == name}})
