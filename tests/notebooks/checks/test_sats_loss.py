"""Checks of lesson 05 hold for the lesson's code, and say what is off in other code."""

from check_cells import holds


def test_the_lesson():
    holds(
        "05",
        {
            "attention": [
                ("d**0.5", "d", "has the right shape, but .* off"),
                ("softmax(dim=-1)", "softmax(dim=0)", "not normalised: its sums over the axis key"),
                ("Q @ K.T / d**0.5).softmax(dim=-1)", "Q @ K.T / d**0.5).softmax(dim=-1).T", "axes in another order"),
                ("tap.keys[b, h]", "tap.keys[0, h]", "off"),
                ("return ", "found = ", "is None; a function needs a return"),
            ],
            "relation": [
                (".mean(dim=0)", ".sum(dim=0)", "times what it should be|not normalised"),
                ("flatten() == c", "flatten() != c", "relation of .* off"),
                ("[R].mean(dim=0)", "[R]", "relation of .* has the shape"),
                ("[b : b + 1]", "", "stops with IndexError"),
            ],
            "distances": [
                (".norm()", ".square().sum()", "distances of .* has the right shape"),
                ("relation(new, b, h, c) - relation(old, b, h, c)", "relation(new, b, h, c)", "off"),
                ("torch.stack(", "sum(", "must be a tensor|has the shape|must be"),
                (
                    "(relation(new, b, h, c) - relation(old, b, h, c)).norm()",
                    "-(relation(new, b, h, c) - relation(old, b, h, c)).norm()",
                    "wrong sign",
                ),
            ],
            "loss_of_stage": [
                ("/ max(1, len(C))", "", "loss_of_stage of stage 1 is .*"),
                ("return loss / B", "return loss", "is 1[0-9]* times what it should be|is [0-9]+ times"),
                ("return loss / B", "return 20 * loss / B", "is 20 times what it should be"),
            ],
        },
    )


def test_the_exercises():
    holds(
        "solutions/05",
        {
            "without_loops": [
                ("new.weights() - old.weights()", "new.weights()", "loss_of_stage of stage 1 is"),
                ("present.sum(dim=1).clamp(min=1)", "len(now.seen)", "loss_of_stage of stage 1 is"),
                ("/ members.sum(dim=-1, keepdim=True).clamp(min=1)", "* 1.0", "loss_of_stage of stage 1 is"),
                (".mean(dim=-1)  # (b", ".sum(dim=-1)  # (b", "loss_of_stage of stage 2 is 2 times"),
            ],
        },
    )
