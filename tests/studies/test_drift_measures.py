"""What is measured of two models: a model against itself has lost nothing, and a change shows where it was made."""

import numpy as np
import pytest
import torch
from samples import LABELS, step_images

from satkit.models import build_segmenter
from satkit.studies.drift_measures import measure

IMAGES = step_images(LABELS, LABELS.T, LABELS[::-1], LABELS[:, ::-1])


def segmenter(seed=0, **options):
    torch.manual_seed(seed)
    return build_segmenter("mit_quick", (6,), decoder_width=16, **options).eval()


def test_a_model_against_itself_has_not_drifted_and_knows_and_shows_what_it_did():
    found = measure(segmenter(), segmenter(), IMAGES, (1, 2, 4))
    for name in ("shown", "known", "cosine"):
        assert found[name] == found[f"{name}_before"]
        assert len(found[name]) == 3
    assert all(value == pytest.approx(1.0) for name, value in found.items() if name.startswith("cka_"))
    drift = np.array([values for name, values in found.items() if name.startswith("drift_")])
    assert drift.shape == (11, 3)  # heads of all stages, classes
    assert not np.nan_to_num(drift).any()


def test_before_and_after_are_told_apart():
    there = measure(segmenter(0), segmenter(1), IMAGES, (1, 2, 4))
    back = measure(segmenter(1), segmenter(0), IMAGES, (1, 2, 4))
    for name in ("shown", "known", "cosine"):
        assert there[name] == back[f"{name}_before"]
        assert there[f"{name}_before"] == back[name]
    assert there["cosine"] != there["cosine_before"]
    assert there["drift_s1h1"] == pytest.approx(back["drift_s1h1"], nan_ok=True)


def test_a_head_that_was_changed_shows_up_in_its_own_columns():
    changed = segmenter()
    with torch.no_grad():
        attention = changed.backbone.stages[2].blocks[-1].attn
        attention.q.bias[: attention.q.bias.shape[0] // 4] += 3.0
    found = measure(segmenter(), changed, IMAGES, (1, 2, 4))
    moved = {name for name, values in found.items() if name.startswith("drift_") and np.nansum(values) > 0}
    assert {name for name in moved if name < "drift_s4"} == {"drift_s3h1"}
    assert found["cka_stage2"] == pytest.approx(1.0)


def test_deep_heads_have_no_cosine_and_everything_else():
    model = segmenter(deep_heads=True)
    found = measure(model, model, IMAGES, (1, 2))
    assert np.isnan(found["cosine"]).all()
    assert np.isfinite(found["shown"]).all()
