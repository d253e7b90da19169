"""DKD: reasons for and against a class, and the auxiliary classifier."""

import math

import pytest
import torch
from torch.testing import assert_close

from satkit.models import SegmenterOutput
from satkit.scenario import scenario
from satkit.strategies import AuxiliaryBackground, DecoupledDistillation, LossInputs
from satkit.strategies.terms.decoupled import decomposed
from satkit.utils.errors import UsageError

STEP = scenario(["background", *"abc"], "2-1").steps[1]


def output(classes: int, seed: int, size=(3, 4), scale=1) -> SegmenterOutput:
    generator = torch.Generator().manual_seed(seed)
    embedding = torch.randn(2, 5, *size, generator=generator).relu().requires_grad_()
    weight = torch.randn(classes, 5, generator=generator).requires_grad_()
    bias = torch.randn(classes, generator=generator).requires_grad_()
    logits = torch.einsum("kc,bchw->bkhw", weight, embedding) + bias[:, None, None]
    logits = torch.nn.functional.interpolate(logits, scale_factor=scale, mode="bilinear", align_corners=False)
    return SegmenterOutput(logits, embedding, (), logits.shape[-2:], weight=weight, bias=bias)


def case(student, teacher=None) -> LossInputs:
    return LossInputs(STEP, None, None, student, teacher)


def test_reasons_for_and_against_add_up_to_the_logits_without_biases():
    whole = output(4, 0, scale=2)
    for_, against = decomposed(whole)
    assert_close(for_ + against + whole.bias[:, None, None], whole.logits)
    assert float(for_.detach().min()) >= 0  # the embedding is never negative
    assert float(against.detach().max()) <= 0
    assert for_.shape == whole.logits.shape


def test_decoupled_distillation_equals_a_loop_over_pixels_and_old_classes():
    student, teacher = output(4, 0), output(3, 1)
    total = 0.0
    for part in (lambda w: max(w, 0.0), lambda w: min(w, 0.0)):
        for image in range(2):
            for row in range(3):
                for column in range(4):
                    for index in STEP.old:
                        scores = [
                            sum(
                                part(float(w.detach())) * float(e.detach())
                                for w, e in zip(each.weight[index], each.embedding[image, :, row, column])
                            )
                            for each in (student, teacher)
                        ]
                        q, p = (1 / (1 + math.exp(-score)) for score in scores)
                        total -= p * math.log(q) + (1 - p) * math.log(1 - q)
    value = DecoupledDistillation(1)(case(student, teacher))
    assert float(value.detach()) == pytest.approx(total / (2 * 3 * 4), rel=1e-4)


def test_reasons_are_upsampled_as_the_logits_are():
    whole = output(4, 0, scale=2)
    for part, clamped in zip(decomposed(whole), (whole.weight.clamp(min=0), whole.weight.clamp(max=0))):
        coarse = torch.einsum("kc,bchw->bkhw", clamped, whole.embedding)
        wanted = torch.nn.functional.interpolate(coarse, (6, 8), mode="bilinear", align_corners=False)
        assert_close(part, wanted)


def halved(whole: SegmenterOutput) -> SegmenterOutput:
    parts = (whole.logits, whole.embedding, whole.weight, whole.bias)
    logits, embedding, weight, bias = (part.detach().bfloat16() for part in parts)
    return SegmenterOutput(logits, embedding, (), logits.shape[-2:], weight=weight, bias=bias)


@pytest.mark.parametrize("term", [DecoupledDistillation(1), AuxiliaryBackground(1)])
def test_bfloat16_is_computed_in_float32_also_under_autocast(term):
    student, teacher = halved(output(4, 0, scale=2)), halved(output(3, 1, scale=2))

    def exact(low):
        values = (low.logits.float(), low.embedding.float(), low.weight.float(), low.bias.float())
        return SegmenterOutput(values[0], values[1], (), values[0].shape[-2:], weight=values[2], bias=values[3])

    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = term(case(student, teacher))
        assert all(part.dtype == torch.float32 for part in decomposed(student))
    assert value.dtype == torch.float32
    assert_close(value, term(case(exact(student), exact(teacher))), rtol=1e-6, atol=0)


def test_the_weights_multiply_and_have_the_defaults_of_the_released_code():
    pair = case(output(4, 0), output(3, 1))
    assert_close(DecoupledDistillation()(pair), 5 * DecoupledDistillation(1)(pair))
    assert_close(AuxiliaryBackground(3)(pair), 3 * AuxiliaryBackground()(pair))


def test_decoupled_distillation_pulls_the_student_only():
    student, teacher = output(4, 0), output(3, 1)
    DecoupledDistillation()(case(student, teacher)).backward()
    assert student.embedding.grad.abs().max() > 0
    assert teacher.embedding.grad is None
    assert teacher.weight.grad is None


def test_the_auxiliary_channel_learns_no_without_moving_the_features():
    student = output(4, 0)
    value = AuxiliaryBackground(2)(case(student))
    by_hand = -(1 - student.logits[:, 0].sigmoid()).log().mean()
    assert_close(value, 2 * by_hand)
    value.backward()
    assert student.embedding.grad is None
    assert student.weight.grad[0].abs().max() > 0
    assert student.weight.grad[1:].abs().max() == 0


def test_deep_heads_are_refused():
    deep = SegmenterOutput(torch.zeros(1, 4, 2, 2), torch.zeros(1, 5, 2, 2), (), (2, 2))
    with pytest.raises(UsageError, match="DKD decomposes the logits of 1x1 classifiers"):
        DecoupledDistillation()(case(deep, deep))
    with pytest.raises(UsageError, match="auxiliary classifier is a 1x1 classifier"):
        AuxiliaryBackground()(case(deep))


@pytest.mark.parametrize("term", [DecoupledDistillation, AuxiliaryBackground])
def test_a_negative_weight_is_refused(term):
    with pytest.raises(UsageError, match="needs weight >= 0, got -1"):
        term(-1)
