"""Strategies and the parts they are made of."""

from satkit.strategies.attention_transfer import AttentionTransfer, region_pool, resize_labels
from satkit.strategies.classification import CrossEntropy
from satkit.strategies.classifier_init import BackgroundInit
from satkit.strategies.distillation import UnbiasedDistillation
from satkit.strategies.pseudo_labels import EntropyPseudoLabels
from satkit.strategies.recipes import FINE_TUNING, JOINT, SATS, STRATEGIES, strategy
from satkit.strategies.strategy import DefaultInit, Labels, LossInputs, Strategy

__all__ = [
    "FINE_TUNING",
    "JOINT",
    "SATS",
    "STRATEGIES",
    "AttentionTransfer",
    "BackgroundInit",
    "CrossEntropy",
    "DefaultInit",
    "EntropyPseudoLabels",
    "Labels",
    "LossInputs",
    "Strategy",
    "UnbiasedDistillation",
    "region_pool",
    "resize_labels",
    "strategy",
]
