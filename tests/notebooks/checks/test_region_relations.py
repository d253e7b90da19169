"""Checks of lesson 04 hold for the lesson's code, and say what is off in other code."""

from check_cells import holds


def test_the_lesson():
    holds(
        "04",
        {
            "with_loops": [
                ("sum(rows) / len(rows)", "sum(rows)", "not normalised: its sums over the axis key"),
                ("y[q] == c", "y[q] != c", "off"),
                ("A[h, q]", "A[h, q - 1]", "off"),
                ("", "r = r.transpose(0, 1)", "r has its axes in another order"),
            ],
            "by_einsum": [
                ("inside.sum(dim=1, keepdim=True)", "inside.sum()", "M is not normalised"),
                ("->chk", "->hck", "by_einsum has its axes in another order"),
                ("", "inside = inside.T", "inside has its axes in another order"),
                ("M, A)", "M, -A)", "by_einsum has the wrong sign"),
            ],
            "even_attention": [
                ("(y_key == each).mean()", "(y_key == each).sum()", "share is 64 times what it should be"),
                ("matrix / share", "matrix * share", "ratio has the right shape"),
                ("matrix / share", "share / matrix", "ratio has the right shape"),
            ],
        },
    )


def test_the_exercises():
    holds(
        "solutions/04",
        {
            "lost_and_held": [
                ("side, lost, held = 4,", "side, lost, held = 8,", "must have"),
                ("(truth == c).sum()", "(at_query == c).sum()", "off"),
                ("held if c in at_query else lost", "lost if c in at_query else held", "must have"),
            ],
        },
        instead={"min(200": "min(40"},
        most=40,
    )
