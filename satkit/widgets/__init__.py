"""Interactive figures: ipywidgets and canvases over the figures of `plots`."""

from satkit.widgets.attention import explore_attention
from satkit.widgets.features import explore_features
from satkit.widgets.forgetting import explore_forgetting
from satkit.widgets.playground import playground
from satkit.widgets.relations import explore_relations
from satkit.widgets.training import watch_training
from satkit.widgets.weight import explore_weight

__all__ = [
    "explore_attention",
    "explore_features",
    "explore_forgetting",
    "explore_relations",
    "explore_weight",
    "playground",
    "watch_training",
]
