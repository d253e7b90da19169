"""Checks of lesson 07 hold for the lesson's code, and say what is off in other code."""

from check_cells import holds


def test_the_lesson():
    holds(
        "07",
        {
            "probabilities": [
                ("p = learnt.logits.softmax(dim=1)", "p = learnt.logits.softmax(dim=0)", "p is not normalised"),
                ("p[:, list(now.new)].sum(dim=1)", "p[:, list(now.new)].mean(dim=1)", "entry 1: it is 0.2 times"),
                ("taught.logits.softmax(dim=1)", "p", "p_old has the shape"),
                ("p[:, 0], p[:, list(now.new)].sum(dim=1)", "p[:, list(now.new)].sum(dim=1), p[:, 0]", "shares|off"),
            ],
            "right_targets": [
                ("== really)[old]", "== really)", "right is"),
                ("now.old)", "now.new)", "total is"),
                ("targets_of(started, started.images, index)", "started.images.labels(index)", "right is"),
            ],
            "distillation": [
                ("p[:, :1] + p[:, K:].sum(dim=1, keepdim=True)", "p[:, :1]", "distillation is"),
                ("return -(", "return (", "distillation has the wrong sign"),
                (".mean()", ".sum()", "times what it should be"),
                ("p_old * p_hat.log()", "p_hat * p_old.log()", "distillation is"),
            ],
        },
        instead={"min(100": "min(6", "range(min(6, len(started.images)))": "range(6)"},
        most=6,
    )
