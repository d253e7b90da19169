"""Strategies and the parts they are made of."""

from satkit.models import Head
from satkit.strategies.contracts import ClassifierInit, LossInputs, Targets, Term
from satkit.strategies.lookup import find_strategy
from satkit.strategies.parts.classifier_init import AuxiliaryInit, BackgroundInit, ReservedInit, UnknownInit
from satkit.strategies.parts.freezing import Freezing
from satkit.strategies.parts.fusion import WeightFusion
from satkit.strategies.parts.importance import EWC, PathIntegral, RiemannianWalk
from satkit.strategies.parts.memory import ExemplarMemory
from satkit.strategies.recipes import DFT, DKD, FINE_TUNING, JOINT, MIB, PARTS, PLOP, SATS, SSUL, STRATEGIES
from satkit.strategies.strategy import DefaultInit, Labels, Strategy
from satkit.strategies.targets.pseudo_labels import EntropyPseudoLabels
from satkit.strategies.targets.saliency import ContrastSaliency, EverythingSalient
from satkit.strategies.targets.unknown_class import UnknownAndPseudoLabels
from satkit.strategies.terms.attention_transfer import AttentionTransfer, region_pool, relation_distance, resize_labels
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

__all__ = [
    "DFT",
    "DKD",
    "EWC",
    "FINE_TUNING",
    "JOINT",
    "MIB",
    "PARTS",
    "PLOP",
    "SATS",
    "SSUL",
    "STRATEGIES",
    "AttentionTransfer",
    "Attraction",
    "AuxiliaryBackground",
    "AuxiliaryInit",
    "BackgroundInit",
    "BinaryCrossEntropy",
    "ClassifierInit",
    "ContrastSaliency",
    "CrossEntropy",
    "DecoupledDistillation",
    "DefaultInit",
    "Distillation",
    "EntropyPseudoLabels",
    "EverythingSalient",
    "ExemplarMemory",
    "FeatureDistillation",
    "Freezing",
    "Head",
    "Labels",
    "LocalPOD",
    "LossInputs",
    "PathIntegral",
    "PooledCube",
    "PrototypeMatching",
    "RegionFeatureTransfer",
    "Repulsion",
    "ReservedInit",
    "RiemannianWalk",
    "SigmoidDistillation",
    "Sparsity",
    "Strategy",
    "Targets",
    "Term",
    "UnbiasedCrossEntropy",
    "UnbiasedDistillation",
    "UnknownAndPseudoLabels",
    "UnknownInit",
    "WeightFusion",
    "find_strategy",
    "region_pool",
    "relation_distance",
    "resize_labels",
]
