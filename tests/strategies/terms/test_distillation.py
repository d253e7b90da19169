"""Distillation of class scores: LwF, MiB and sigmoids, against loops and released values."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from places import GOLDEN_FILE
from torch.testing import assert_close

from satkit.scenario import Step
from satkit.strategies import Distillation, LossInputs, SigmoidDistillation, UnbiasedDistillation
from satkit.strategies.terms.distillation import unbiased_distillation
from satkit.utils.errors import UsageError

GOLDEN = np.load(GOLDEN_FILE)
STEP = Step(1, old=(1, 2, 3), new=(4, 5), future=())


def outputs(student_logits, teacher_logits) -> LossInputs:
    student, teacher = SimpleNamespace(logits=student_logits), SimpleNamespace(logits=teacher_logits)
    return LossInputs(STEP, labels=None, targets=None, student=student, teacher=teacher)


def random_logits(channels: int, seed: int = 0, size=(3, 4)) -> torch.Tensor:
    return 2 * torch.randn(2, channels, *size, generator=torch.Generator().manual_seed(seed))


def test_golden_value_and_map():
    student, teacher = (torch.from_numpy(GOLDEN[f"logits_{who}"]) for who in ("student", "teacher"))
    expected = torch.from_numpy(GOLDEN["expected_mib_unkd_map"])
    found = unbiased_distillation(student, teacher)
    assert_close(found, expected.view_as(found), rtol=1e-5, atol=1e-6)
    value = UnbiasedDistillation(1)(outputs(student, teacher))
    assert float(value) == pytest.approx(float(GOLDEN["expected_mib_unkd"]), rel=1e-5)


def test_one_pixel_by_hand():
    # teacher: background 0.75, class 1 0.25; student: background 0.4, class 1 0.5, new class 2 0.1
    teacher = torch.tensor([0.75, 0.25]).log().view(1, 2, 1, 1)
    student = torch.tensor([0.4, 0.5, 0.1]).log().view(1, 3, 1, 1)
    expected = -(0.75 * np.log(0.4 + 0.1) + 0.25 * np.log(0.5)) / 2
    assert float(unbiased_distillation(student, teacher)) == pytest.approx(expected, rel=1e-6)


def test_without_new_channels_it_is_plain_distillation():
    student, teacher = random_logits(4, 0), random_logits(4, 1)
    plain = F.cross_entropy(student, teacher.softmax(1), reduction="none") / 4
    assert_close(unbiased_distillation(student, teacher), plain)


def test_how_background_is_divided_among_new_classes_does_not_matter():
    teacher, student = random_logits(4, 0), random_logits(6, 1)
    shuffled = student[:, [5, 1, 2, 3, 0, 4]]  # background and the two new classes change places
    assert_close(unbiased_distillation(student, teacher), unbiased_distillation(shuffled, teacher))
    swapped = student[:, [0, 2, 1, 3, 4, 5]]  # two old classes change places
    assert not torch.allclose(unbiased_distillation(student, teacher), unbiased_distillation(swapped, teacher))


def test_a_student_that_agrees_has_no_gradient():
    teacher = random_logits(4, 0)
    share = teacher[:, :1] - np.log(3)
    student = torch.cat([share, teacher[:, 1:], share, share], dim=1).requires_grad_()
    UnbiasedDistillation(20)(outputs(student, teacher)).backward()
    assert student.grad.abs().max() < 1e-6


def test_extreme_logits_stay_finite():
    student = (1e4 * random_logits(6, 0)).requires_grad_()
    value = UnbiasedDistillation(20)(outputs(student, 1e4 * random_logits(4, 1)))
    value.backward()
    assert value.isfinite()
    assert student.grad.isfinite().all()


def test_bfloat16_logits_are_computed_in_float32():
    student, teacher = random_logits(6, 0).bfloat16(), random_logits(4, 1).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = UnbiasedDistillation(1)(outputs(student, teacher))
    assert value.dtype == torch.float32
    assert_close(value, UnbiasedDistillation(1)(outputs(student.float(), teacher.float())), rtol=1e-6, atol=0)


def test_the_weight_multiplies_and_defaults_to_twenty():
    inputs = outputs(random_logits(6, 0), random_logits(4, 1))
    assert_close(UnbiasedDistillation()(inputs), 20 * UnbiasedDistillation(1)(inputs))


def test_a_negative_weight_is_refused():
    with pytest.raises(UsageError, match="UnbiasedDistillation needs weight >= 0, got -2"):
        UnbiasedDistillation(-2)


def test_golden_lwf():
    student, teacher = (torch.from_numpy(GOLDEN[f"logits_{who}"]) for who in ("student", "teacher"))
    value = Distillation(1)(outputs(student, teacher))
    assert float(value) == pytest.approx(float(GOLDEN["expected_lwf_kd"]), rel=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize("over_classes", ["mean", "sum"])
def test_distillation_equals_a_loop_over_pixels_and_old_classes(temperature, over_classes):
    student, teacher = random_logits(6, 0), random_logits(4, 1)
    per_pixel = []
    for image in range(2):
        for row in range(3):
            for column in range(4):
                p = (teacher[image, :, row, column].double() / temperature).softmax(0)
                q = (student[image, :4, row, column].double() / temperature).softmax(0)
                per_pixel.append(-sum(float(a) * float(b.log()) for a, b in zip(p, q)))
    expected = np.mean(per_pixel) / (4 if over_classes == "mean" else 1)
    value = Distillation(3, temperature, over_classes)(outputs(student, teacher))
    assert float(value) == pytest.approx(3 * expected, rel=1e-5)


def test_new_classes_have_no_part_in_distillation():
    student, teacher = random_logits(6, 0), random_logits(4, 1)
    changed = student.clone()
    changed[:, 4:] += 100
    for term in (Distillation(), SigmoidDistillation()):
        assert torch.equal(term(outputs(student, teacher)), term(outputs(changed, teacher)))


def test_without_new_channels_unbiased_and_plain_distillation_are_one_up_to_their_factor():
    case = outputs(random_logits(4, 0), random_logits(4, 1))
    for how in ("mean", "sum"):
        assert_close(Distillation(1, over_classes=how)(case), UnbiasedDistillation(1, how)(case))
    assert_close(UnbiasedDistillation(1, "sum")(case), 4 * UnbiasedDistillation(1)(case))


def test_sharpness_multiplies_the_teacher_s_logits():
    student, teacher = random_logits(6, 0), random_logits(4, 1)
    sharp = UnbiasedDistillation(1, sharpness=3)(outputs(student, teacher))
    assert_close(sharp, UnbiasedDistillation(1)(outputs(student, 3 * teacher)))


def test_sigmoid_distillation_equals_a_loop_over_pixels_and_old_classes():
    student, teacher = random_logits(6, 0), random_logits(4, 1)

    def slowly(channels):
        total = 0.0
        for place in np.ndindex(2, 3, 4):
            for channel in channels:
                p = 1 / (1 + np.exp(-float(teacher[place[0], channel, place[1], place[2]])))
                q = 1 / (1 + np.exp(-float(student[place[0], channel, place[1], place[2]])))
                total -= p * np.log(q) + (1 - p) * np.log(1 - q)
        return total / (2 * 3 * 4)

    assert float(SigmoidDistillation(1)(outputs(student, teacher))) == pytest.approx(slowly(range(4)), rel=1e-4)
    foreground = SigmoidDistillation(1, "foreground")(outputs(student, teacher))
    assert float(foreground) == pytest.approx(slowly(range(1, 4)), rel=1e-4)


@pytest.mark.parametrize("term", [Distillation(), UnbiasedDistillation(), SigmoidDistillation()])
def test_only_the_student_is_pulled_and_not_when_it_agrees(term):
    teacher = random_logits(4, 0).requires_grad_()  # so that a gradient could reach it
    student = teacher.detach().clone().requires_grad_()
    term(outputs(student, teacher)).backward()
    assert student.grad.abs().max() < 1e-4
    other = random_logits(4, 1).requires_grad_()
    term(outputs(other, teacher)).backward()
    assert other.grad.abs().max() > 1e-2
    assert teacher.grad is None


@pytest.mark.parametrize("term", [Distillation(1), SigmoidDistillation(1)])
def test_the_other_distillations_are_computed_in_float32_too(term):
    student, teacher = random_logits(6, 0).bfloat16(), random_logits(4, 1).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = term(outputs(student, teacher))
    assert value.dtype == torch.float32
    assert_close(value, term(outputs(student.float(), teacher.float())), rtol=1e-6, atol=0)


def test_the_weights_of_the_other_distillations_default_to_those_of_the_released_code():
    case = outputs(random_logits(6, 0), random_logits(4, 1))
    assert_close(Distillation()(case), 100 * Distillation(1)(case))
    assert_close(SigmoidDistillation()(case), 10 * SigmoidDistillation(1)(case))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Distillation(temperature=0), "temperature of the distillation must be above 0, got 0"),
        (lambda: Distillation(over_classes="total"), "Unknown reduction over classes 'total'"),
        (lambda: UnbiasedDistillation(over_classes="total"), "Unknown reduction over classes 'total'"),
        (lambda: UnbiasedDistillation(sharpness=-1), "needs sharpness >= 0, got -1"),
        (lambda: SigmoidDistillation(channels="old"), "Unknown selection of channels 'old'"),
        (lambda: SigmoidDistillation(-1), "SigmoidDistillation needs weight >= 0, got -1"),
        (lambda: Distillation(-1), "Distillation needs weight >= 0, got -1"),
    ],
)
def test_settings_that_mean_nothing_are_refused(make, message):
    with pytest.raises(UsageError, match=message):
        make()
