"""Parts that do not go together are refused in one sentence."""

from dataclasses import replace

import pytest

from satkit.strategies import (
    DFT,
    EWC,
    FINE_TUNING,
    JOINT,
    MIB,
    SATS,
    SSUL,
    AttentionTransfer,
    BackgroundInit,
    BinaryCrossEntropy,
    CrossEntropy,
    EntropyPseudoLabels,
    ExemplarMemory,
    FeatureDistillation,
    Head,
    PathIntegral,
    UnbiasedDistillation,
)
from satkit.strategies.validation import incompatible_with_new_labels
from satkit.utils.errors import UsageError


@pytest.mark.parametrize(
    ("combine", "message"),
    [
        (
            lambda: SATS + EntropyPseudoLabels(),
            "'SATS' already has EntropyPseudoLabels, and EntropyPseudoLabels would be",
        ),
        (lambda: SATS + ExemplarMemory() + ExemplarMemory(5), "already has ExemplarMemory"),
        (lambda: SSUL + EntropyPseudoLabels(), "'SSUL' already has UnknownAndPseudoLabels"),
        (lambda: FINE_TUNING + EWC() + PathIntegral(), "already has EWC, and PathIntegral would be a second policy"),
        (lambda: SATS + "attention", "Only a loss term, pseudo-labels, an exemplar memory"),
        (lambda: SSUL + AttentionTransfer(), "'attention' acts on the backbone, which is frozen"),
        (lambda: DFT + FeatureDistillation(), "'features' acts on the backbone, which is frozen"),
        (lambda: JOINT + ExemplarMemory(), "joint training has one step only, so there is nothing for memory to do"),
        (lambda: JOINT + UnbiasedDistillation(), "nothing for a teacher to do"),
        (
            lambda: SATS + BinaryCrossEntropy(),
            "learns the same targets twice after the base step, by 'cross-entropy' and",
        ),
        (lambda: replace(SSUL, classifier=BackgroundInit()), "copies rows of background, which deep heads do not have"),
        (
            lambda: replace(SSUL, head=Head()),
            "UnknownInit needs a head that reserves 'unknown', this one reserves 'nothing'",
        ),
        (lambda: replace(FINE_TUNING, head=Head(readout="unknown")), "needs a head that reserves 'unknown'"),
        (
            lambda: replace(SSUL, terms=(CrossEntropy(),)),
            "marks unknown objects, but 'cross-entropy' cannot learn it. Use BinaryCrossEntropy.$",
        ),
        (
            lambda: replace(SSUL, head=Head(), classifier=FINE_TUNING.classifier),
            "marks unknown objects, but its head reserves 'nothing'. Use Head.'unknown'..$",
        ),
    ],
)
def test_incompatible_parts_are_refused_in_one_sentence(combine, message):
    with pytest.raises(UsageError, match=message):
        combine()


def test_attention_over_old_regions_needs_targets_that_show_them_unless_the_annotator_does():
    nothing_to_do = MIB + AttentionTransfer(over="old")
    assert incompatible_with_new_labels(nothing_to_do) == (
        "'attention', as it is set here, reads old classes from the targets, and annotators show new ones only. "
        "Take regions='teacher', or add pseudo-labels."
    )
    for usable in (
        MIB + AttentionTransfer(),
        MIB + AttentionTransfer(over="old", regions="teacher"),
        MIB + AttentionTransfer(over="old", background=True),
        nothing_to_do + ExemplarMemory(),
        SATS + AttentionTransfer(over="old"),
    ):
        assert incompatible_with_new_labels(usable) == ""
