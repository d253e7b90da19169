"""Plot functions: they take arrays and return Axes, or the Figure for several panels."""

from satkit.plots.attention import (
    attention_stages,
    draw_attention,
    draw_difference,
    draw_image,
    patch_centre,
    teacher_and_student,
)
from satkit.plots.attention_heads import attention_heads
from satkit.plots.class_flow import class_flow
from satkit.plots.comparison import effects, score_dots
from satkit.plots.contact_sheet import contact_sheet
from satkit.plots.feature_maps import feature_maps
from satkit.plots.forgetting import (
    compare_strategies,
    confusion_blocks,
    forgetting_per_class,
    iou_heatmap,
    iou_over_steps,
    old_class_flow,
)
from satkit.plots.fronts import fronts
from satkit.plots.head_drift import head_drift
from satkit.plots.iou_multiples import iou_multiples
from satkit.plots.labelled_points import labelled_points
from satkit.plots.loss_regions import loss_regions
from satkit.plots.measured_ratios import measured_ratios
from satkit.plots.number_table import number_table
from satkit.plots.old_class_shares import old_class_shares
from satkit.plots.predictions import film_strip, overlay
from satkit.plots.relation_drift import relation_drift
from satkit.plots.relations import draw_region, relation_maps, relation_matrices, relation_matrix
from satkit.plots.style import strategy_style, use_style
from satkit.plots.training_curves import loss_terms, stability_gap
from satkit.plots.weight_effect import weight_effect

__all__ = [
    "attention_heads",
    "attention_stages",
    "class_flow",
    "compare_strategies",
    "confusion_blocks",
    "contact_sheet",
    "draw_attention",
    "draw_difference",
    "draw_image",
    "draw_region",
    "effects",
    "feature_maps",
    "film_strip",
    "forgetting_per_class",
    "fronts",
    "head_drift",
    "iou_heatmap",
    "iou_multiples",
    "iou_over_steps",
    "labelled_points",
    "loss_regions",
    "loss_terms",
    "measured_ratios",
    "number_table",
    "old_class_flow",
    "old_class_shares",
    "overlay",
    "patch_centre",
    "relation_drift",
    "relation_maps",
    "relation_matrices",
    "relation_matrix",
    "score_dots",
    "stability_gap",
    "strategy_style",
    "teacher_and_student",
    "use_style",
    "weight_effect",
]
