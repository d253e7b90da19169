"""Every method, declared side by side; and how methods are combined by name.

Weights are those of the released code for VOC 2012, steps of several classes (see "Numbers" in the README); where a
method needs another one for a task, `name+part=number` sets it: "mib+distillation=100" is what MiB takes for 15-1.
"""

from dataclasses import replace
from functools import partial

from satkit.models import Head
from satkit.strategies.parts.classifier_init import AuxiliaryInit, BackgroundInit, ReservedInit, UnknownInit
from satkit.strategies.parts.freezing import Freezing
from satkit.strategies.parts.fusion import WeightFusion
from satkit.strategies.parts.importance import EWC, EveryImportance, PathIntegral, RiemannianWalk
from satkit.strategies.parts.memory import ExemplarMemory
from satkit.strategies.strategy import Labels, Strategy
from satkit.strategies.targets.pseudo_labels import EntropyPseudoLabels
from satkit.strategies.targets.unknown_class import UnknownAndPseudoLabels
from satkit.strategies.terms.attention_transfer import AttentionTransfer
from satkit.strategies.terms.classification import BinaryCrossEntropy, CrossEntropy, UnbiasedCrossEntropy
from satkit.strategies.terms.decoupled import AuxiliaryBackground, DecoupledDistillation
from satkit.strategies.terms.distillation import Distillation, SigmoidDistillation, UnbiasedDistillation
from satkit.strategies.terms.feature_distillation import (
    FeatureDistillation,
    LocalPOD,
    PooledCube,
    RegionFeatureTransfer,
)
from satkit.strategies.terms.prototypes import Attraction, PrototypeMatching, Repulsion, Sparsity
from satkit.utils.errors import UsageError, choose

LEARN = (CrossEntropy(),)

BASE = Strategy("base", terms=LEARN, base_terms=LEARN)

FINE_TUNING = Strategy("fine-tuning", terms=LEARN, base_terms=LEARN)

JOINT = Strategy("joint", terms=LEARN, base_terms=LEARN, joint=True)

# Every parameter is held by its importance -------------------------------------------------------------------------

# Elastic weight consolidation: Kirkpatrick et al., PNAS 2017.
EWC_ = Strategy("EWC", terms=LEARN, base_terms=LEARN, importance=EWC(100))

# Path integral, also called synaptic intelligence: Zenke et al., ICML 2017.
PI = Strategy("PI", terms=LEARN, base_terms=LEARN, importance=PathIntegral(100))

# Riemannian walk: Chaudhry et al., ECCV 2018.
RW = Strategy("RW", terms=LEARN, base_terms=LEARN, importance=RiemannianWalk(100))

# The teacher's output is held ---------------------------------------------------------------------------------------

# Learning without forgetting: Li and Hoiem, ECCV 2016; as MiB's authors run it for segmentation.
LWF = Strategy("LwF", terms=(CrossEntropy(), Distillation(100)), base_terms=LEARN)

# The loss of iCaRL without its exemplars: Rebuffi et al., CVPR 2017; as MiB's authors run it.
LWF_MC = Strategy(
    "LwF-MC",
    terms=(BinaryCrossEntropy(), SigmoidDistillation(10)),
    base_terms=(BinaryCrossEntropy(),),
)

# Incremental learning techniques: Michieli and Zanuttigh, ICCV workshops 2019; as MiB's authors run it.
ILT = Strategy("ILT", terms=(CrossEntropy(), Distillation(100), FeatureDistillation(100)), base_terms=LEARN)

# Modelling the background: Cermelli et al., CVPR 2020.
MIB = Strategy(
    "MiB",
    terms=(UnbiasedCrossEntropy(), UnbiasedDistillation(10)),
    base_terms=LEARN,
    classifier=BackgroundInit(),
)

# Sparse and disentangled representations: Michieli and Zanuttigh, CVPR 2021; prototypes of the batch.
SDR = Strategy(
    "SDR",
    terms=(
        UnbiasedCrossEntropy(),
        UnbiasedDistillation(100),
        PrototypeMatching(0.01),
        Attraction(1e-3),
        Repulsion(1e-3),
        Sparsity(1e-3),
    ),
    base_terms=LEARN,
    classifier=BackgroundInit(),
)

# The distillation of RCIL: Zhang et al., CVPR 2022; without its second branch of convolutions.
RCIL = Strategy(
    "RCIL (distillation)",
    terms=(UnbiasedCrossEntropy(), UnbiasedDistillation(100), PooledCube(0.01, 0.0005)),
    base_terms=LEARN,
    classifier=BackgroundInit(),
)

# The teacher's word stands where the annotator shows background --------------------------------------------------

PSEUDO_LABELS = Strategy(
    "pseudo-labels",
    targets=EntropyPseudoLabels(0.001),
    terms=(CrossEntropy(),),
    base_terms=LEARN,
    classifier=BackgroundInit(),
)

# Pooled outputs distillation: Douillard et al., CVPR 2021.
PLOP = Strategy(
    "PLOP",
    targets=EntropyPseudoLabels(0.001),
    terms=(CrossEntropy(adaptive=True), LocalPOD(0.01, 0.0005)),
    base_terms=LEARN,
    classifier=BackgroundInit(),
)

# Self-attention transfer: Qiu et al., Pattern Recognition 138, 2023.
SATS = Strategy(
    "SATS",
    targets=EntropyPseudoLabels(0.001),
    terms=(CrossEntropy(), UnbiasedDistillation(20), AttentionTransfer(20)),
    base_terms=LEARN,
    classifier=BackgroundInit(),
)

# Everything of the released SATS code that differs from the paper, as far as it can be run.
SATS_AS_RELEASED = replace(
    SATS,
    name="SATS as released",
    targets=EntropyPseudoLabels(0.001, "as_released", entropy="mean", exemplars="as_released"),
    terms=(CrossEntropy(), UnbiasedDistillation(20), AttentionTransfer(20, layout="as_released")),
)

# Class pooling on feature maps, for a backbone without attention: the paper's variant for convolutional networks.
SATS_FEATURES = replace(
    SATS,
    name="SATS on features",
    terms=(CrossEntropy(), UnbiasedDistillation(20), RegionFeatureTransfer(1)),
)

# Old knowledge is frozen ---------------------------------------------------------------------------------------------

# Semantic segmentation with unknown label: Cha et al., NeurIPS 2021.
SSUL = Strategy(
    "SSUL",
    targets=UnknownAndPseudoLabels(threshold=0.7),
    terms=(BinaryCrossEntropy(over="valid"),),
    base_terms=(BinaryCrossEntropy(over="valid"),),
    classifier=UnknownInit(),
    head=Head("unknown", readout="unknown", deep=True, background_apart=True),
    freezing=Freezing(backbone=True, decoder=True, old_classifiers=True, background_lr=1e-4),
)

# The strong minimal baseline of "Revisiting continual semantic segmentation" (arXiv 2508.04267).
DFT = Strategy(
    "DFT*",
    terms=LEARN,
    base_terms=LEARN,
    classifier=ReservedInit(),
    head=Head("future"),
    freezing=Freezing(backbone=True, decoder=True, old_classifiers=True),
)

# Others -----------------------------------------------------------------------------------------------------------

# Decomposed knowledge distillation: Baek et al., NeurIPS 2022; channel 0 is its auxiliary classifier.
DKD = Strategy(
    "DKD",
    terms=(
        BinaryCrossEntropy(only="new", void="negative"),
        SigmoidDistillation(5, channels="foreground"),
        DecoupledDistillation(5),
        AuxiliaryBackground(1),
    ),
    base_terms=(BinaryCrossEntropy(only="new", void="negative", positive_weight=2.0), AuxiliaryBackground(1)),
    classifier=AuxiliaryInit(),
    head=Head(readout="foreground"),
)

# Endpoints weight fusion: Xiao et al., CVPR 2023; here on MiB.
EWF = replace(MIB + WeightFusion(), name="EWF")

STRATEGIES = {
    "fine-tuning": FINE_TUNING,
    "joint": JOINT,
    "ewc": EWC_,
    "pi": PI,
    "rw": RW,
    "lwf": LWF,
    "lwf-mc": LWF_MC,
    "ilt": ILT,
    "mib": MIB,
    "sdr": SDR,
    "rcil": RCIL,
    "pseudo": PSEUDO_LABELS,
    "plop": PLOP,
    "sats": SATS,
    "sats-as-released": SATS_AS_RELEASED,
    "sats-features": SATS_FEATURES,
    "ssul": SSUL,
    "dft": DFT,
    "dkd": DKD,
    "ewf": EWF,
}

# What `name+part` and `name+part=number` add; of a part that the strategy has, the number replaces the weight.
PARTS = {
    "attention": AttentionTransfer,
    "attention-image": lambda *weight: AttentionTransfer(*weight, pooling="image"),
    "attention-none": lambda *weight: AttentionTransfer(*weight, pooling="none"),
    "attention-regions": lambda *weight: AttentionTransfer(*weight, keys="regions"),
    "attention-background": lambda *weight: AttentionTransfer(*weight, background=True),
    **{f"attention-stage{number}": partial(AttentionTransfer, stages=(number,)) for number in (1, 2, 3, 4)},
    "distillation": UnbiasedDistillation,
    "features": FeatureDistillation,
    "region-features": RegionFeatureTransfer,
    "pod": LocalPOD,
    "pooled-cube": PooledCube,
    "pseudo": lambda: EntropyPseudoLabels(0.001),
    "ewc": EWC,
    "pi": PathIntegral,
    "rw": RiemannianWalk,
    "fusion": WeightFusion,
    "memory": ExemplarMemory,
}


def strategy(name: str) -> Strategy:
    """A strategy by its short name, alone or with parts added: "sats", "mib+attention", "plop+memory=300".

    Args:
        name: A key of `STRATEGIES`; then, each after a plus sign, keys of `PARTS`, with a number after an equals sign
            for the weight (for a memory, the number of images).

    Raises:
        UsageError: With the choices and the nearest match.
    """
    first, *parts = name.split("+")
    named = {each.name: each for each in STRATEGIES.values() if each.name == first}
    return combined(choose("strategy", first, {**STRATEGIES, **named}), parts)


def combined(learning: Strategy, parts: list[str]) -> Strategy:
    """A strategy with parts added by name, one after the other."""
    for part in parts:
        learning = with_part(learning, part)
    return learning


def with_part(learning: Strategy, text: str) -> Strategy:
    """A strategy with a part added by name: "attention", "attention=100"."""
    word, equals, number = text.partition("=")
    make = choose("part of a strategy", word, PARTS)
    try:
        values = [float(number) if "." in number else int(number)] if equals else []
    except ValueError:
        raise UsageError(f"A part of a strategy takes a number after the equals sign, got {text!r}.") from None
    if word == "pseudo" and values:
        raise UsageError(f"The part 'pseudo' takes no number, got {text!r}.")
    present = {getattr(term, "name", ""): term for term in learning.terms}
    part = make(*values)
    name = getattr(part, "name", "")
    if values and isinstance(make, type) and isinstance(present.get(name), make):
        part = replace(present[name], weight=values[0])  # the same term, weighted otherwise
    elif isinstance(part, AttentionTransfer | RegionFeatureTransfer) and learning.targets == Labels():
        part = replace(part, regions="teacher")  # no pseudo-labels say where the old classes are
    return replace(learning + part, name=f"{learning.name} + {text.replace('=', ' ')}")


def base_of(learning: Strategy) -> Strategy:
    """What a strategy's base step is learnt with.

    A strategy that holds parameters by their importance measures it there already. All three importances are measured
    side by side, so that EWC, PI and RW share a base step; one with settings of its own, its weight aside, does not.
    """
    own = learning.importance
    if own is None:
        return learning.base()
    usual = own in [replace(each, weight=own.weight) for each in EveryImportance().each]
    return replace(learning.base(), importance=EveryImportance() if usual else replace(own, weight=0.0))
