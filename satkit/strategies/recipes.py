"""Every method as a list of parts, and how parts are added by name.

Weights are those of the released code for VOC 2012, for steps of several classes. Where a method uses another weight
for a task, `name+part=number` sets it: "mib+distillation=100" is MiB as released for 15-1.
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

# Changes of important parameters are penalised ----------------------------------------------------------------------

# Elastic weight consolidation: Kirkpatrick et al., PNAS 2017.
EWC_ = Strategy("EWC", terms=LEARN, base_terms=LEARN, importance=EWC(100))

# Path integral, also called synaptic intelligence: Zenke et al., ICML 2017.
PI = Strategy("PI", terms=LEARN, base_terms=LEARN, importance=PathIntegral(100))

# Riemannian walk: Chaudhry et al., ECCV 2018.
RW = Strategy("RW", terms=LEARN, base_terms=LEARN, importance=RiemannianWalk(100))

# The teacher's output is distilled ----------------------------------------------------------------------------------

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

# The teacher's predictions are labels where the annotator shows background ------------------------------------------

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

# SATS with every difference of the released code from the paper that can be run.
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

# Most of the network is frozen ---------------------------------------------------------------------------------------

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

# Other methods --------------------------------------------------------------------------------------------------------

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

EARLY = (1, 2)  # the stages of a pyramid that see edges and textures more than classes

# What `name+part` and `name+part=number` add.
PARTS = {
    "attention": AttentionTransfer,
    "attention-image": partial(AttentionTransfer, pooling="image"),
    "attention-none": partial(AttentionTransfer, pooling="none"),
    "attention-regions": partial(AttentionTransfer, keys="regions"),
    "attention-background": partial(AttentionTransfer, background=True),
    "attention-old": partial(AttentionTransfer, over="old"),
    "attention-asymmetric": partial(AttentionTransfer, distance="asymmetric"),
    "attention-old-asymmetric": partial(AttentionTransfer, over="old", distance="asymmetric"),
    "attention-early": partial(AttentionTransfer, stages=EARLY),
    "attention-old-early": partial(AttentionTransfer, over="old", stages=EARLY),
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
    "backbone-lr": lambda factor=0.1: Freezing(backbone_lr=factor),
}


def combined(strategy: Strategy, parts: list[str]) -> Strategy:
    """A strategy with parts added by name, one after the other; see `with_part`."""
    for part in parts:
        strategy = with_part(strategy, part)
    return strategy


def with_part(strategy: Strategy, text: str) -> Strategy:
    """A strategy with one part added by name: "attention", "attention=100".

    The number is the weight of a term (for a memory, the number of images). If the strategy has that very term already,
    a number changes its weight only: "sats+attention=5". Any other part replaces the term of the same name with all its
    settings: in "sats+attention-old=5" the term is over old regions with weight 5, and in "sats+attention-old" it has
    the part's default weight.

    Raises:
        UsageError: For an unknown part, with the choices and the nearest match, or a number that does not fit.
    """
    word, equals, number = text.partition("=")
    make = choose("part of a strategy", word, PARTS)
    try:
        values = [float(number) if "." in number else int(number)] if equals else []
    except ValueError:
        raise UsageError(f"A part of a strategy takes a number after the equals sign, got {text!r}.") from None
    if word == "pseudo" and values:
        raise UsageError(f"The part 'pseudo' takes no number, got {text!r}.")
    part = make(*values)
    present = {term.name: term for term in strategy.terms}.get(part.name)
    if values and isinstance(make, type) and isinstance(present, make):
        part = replace(present, weight=values[0])
    elif isinstance(part, AttentionTransfer | RegionFeatureTransfer) and strategy.targets == Labels():
        part = replace(part, regions="teacher")  # without pseudo-labels the targets do not show the old classes
    return replace(strategy + part, name=f"{strategy.name} + {text.replace('=', ' ')}")


def base_of(strategy: Strategy) -> Strategy:
    """The strategy of the base step, with what has to be measured there already.

    A strategy with an importance measures it from the base step on. EWC, PI and RW with their default settings share a
    base step, in which all three are measured; other settings, the weight aside, need a base step of their own.
    """
    importance = strategy.importance
    if importance is None:
        return strategy.base()
    usual = importance in [replace(each, weight=importance.weight) for each in EveryImportance().measured]
    return replace(strategy.base(), importance=EveryImportance() if usual else replace(importance, weight=0.0))
