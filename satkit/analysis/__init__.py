"""Arrays for figures: attention, relations, images, probes."""

from satkit.analysis.attention import (
    Look,
    attention_drift,
    attention_of,
    head_drift,
    heads_of,
    labels_of_keys,
    labels_of_queries,
    look,
    query_at,
    relation_matrix,
    relations_of,
)
from satkit.analysis.feature_colours import feature_map, shared_colours, similarity
from satkit.analysis.images import (
    confusions_by_image,
    image_and_labels,
    informative_images,
    largest_class,
    middle_of,
    prediction,
    targets_of,
)

__all__ = [
    "Look",
    "attention_drift",
    "attention_of",
    "confusions_by_image",
    "feature_map",
    "head_drift",
    "heads_of",
    "image_and_labels",
    "labels_of_keys",
    "labels_of_queries",
    "largest_class",
    "look",
    "middle_of",
    "prediction",
    "query_at",
    "relation_matrix",
    "relations_of",
    "shared_colours",
    "similarity",
    "targets_of",
    "informative_images",
]
