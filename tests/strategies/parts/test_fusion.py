"""Weight fusion: the average of student and teacher, weighted by the share of new classes."""

import copy
import math

import pytest
import torch
from torch.testing import assert_close

from satkit.models import build_segmenter
from satkit.scenario import scenario
from satkit.strategies import WeightFusion
from satkit.utils.errors import UsageError

STEP = scenario(["background", *"abcd"], "3-1").steps[1]


def pair():
    torch.manual_seed(0)
    teacher = build_segmenter("mit_quick", (4,), decoder_width=16).eval()
    student = copy.deepcopy(teacher)
    student.classifier.grow(1)
    with torch.no_grad():
        for value in student.state_dict().values():
            if value.is_floating_point():
                value.add_(torch.randn_like(value))
    return student, teacher


def test_the_student_s_share_is_the_root_of_the_share_of_new_classes():
    assert WeightFusion().alpha(STEP) == pytest.approx(math.sqrt(1 / 4))
    assert WeightFusion(0.3).alpha(STEP) == 0.3


def test_every_common_value_is_the_weighted_mean_and_new_channels_stay():
    student, teacher = pair()
    before, old = copy.deepcopy(student.state_dict()), teacher.state_dict()
    WeightFusion(0.3)(student, teacher, STEP)
    for name, value in student.state_dict().items():
        if name.startswith("classifier.steps.1."):
            assert torch.equal(value, before[name])
        elif value.is_floating_point():
            assert_close(value, 0.7 * old[name] + 0.3 * before[name])
    assert any("running_mean" in name for name in old)  # statistics are averaged too


@pytest.mark.parametrize(("share", "which"), [(0, 1), (1, 0)])
def test_a_share_of_one_is_the_student_and_of_zero_the_teacher(share, which):
    models = pair()
    wanted = copy.deepcopy(models[which].state_dict())
    WeightFusion(share)(*models, STEP)
    for name, value in models[0].state_dict().items():
        if name in wanted:
            assert_close(value, wanted[name])


def test_a_share_outside_its_range_is_refused():
    with pytest.raises(UsageError, match="a share between 0 and 1, or None for the formula, got 1.5"):
        WeightFusion(1.5)
