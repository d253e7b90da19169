"""Strategies and the parts they are made of."""

from satkit.models import Head
from satkit.strategies.attention_transfer import AttentionTransfer, region_pool, resize_labels
from satkit.strategies.classification import BinaryCrossEntropy, CrossEntropy, UnbiasedCrossEntropy
from satkit.strategies.classifier_init import AuxiliaryInit, BackgroundInit, ReservedInit, UnknownInit
from satkit.strategies.decoupled import AuxiliaryBackground, DecoupledDistillation
from satkit.strategies.distillation import Distillation, SigmoidDistillation, UnbiasedDistillation
from satkit.strategies.feature_distillation import FeatureDistillation, LocalPOD, PooledCube, RegionFeatureTransfer
from satkit.strategies.freezing import Freezing
from satkit.strategies.fusion import WeightFusion
from satkit.strategies.importance import EWC, PathIntegral, RiemannianWalk
from satkit.strategies.memory import ExemplarMemory
from satkit.strategies.prototypes import Attraction, PrototypeMatching, Repulsion, Sparsity
from satkit.strategies.pseudo_labels import EntropyPseudoLabels
from satkit.strategies.recipes import DFT, DKD, FINE_TUNING, JOINT, MIB, PARTS, PLOP, SATS, SSUL, STRATEGIES, strategy
from satkit.strategies.saliency import ContrastSaliency, EverythingSalient
from satkit.strategies.strategy import DefaultInit, Labels, LossInputs, Strategy
from satkit.strategies.unknown_class import UnknownAndPseudoLabels

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
    "UnbiasedCrossEntropy",
    "UnbiasedDistillation",
    "UnknownAndPseudoLabels",
    "UnknownInit",
    "WeightFusion",
    "region_pool",
    "resize_labels",
    "strategy",
]
