"""Backbone, attention taps, decoder and growing classifier, combined in one segmenter."""

from satkit.models.attention_taps import AttentionTap, BackboneError, tapped
from satkit.models.classifier import Head, IncrementalClassifier
from satkit.models.decoder import AllMLPDecoder
from satkit.models.segmenter import Segmenter, SegmenterOutput, build_segmenter

__all__ = [
    "AllMLPDecoder",
    "AttentionTap",
    "BackboneError",
    "Head",
    "IncrementalClassifier",
    "Segmenter",
    "SegmenterOutput",
    "build_segmenter",
    "tapped",
]
