"""Checks of lesson 03 hold for the lesson's code, and say what is off in other code."""

from check_cells import holds


def test_the_lesson():
    holds(
        "03",
        {
            "attention_matrix": [
                ("d**0.5", "d", "values are off"),
                ("dim=-1", "dim=1", "not normalised: its sums over the axis key"),
                ("", "A = A.transpose(1, 2)", r"axes in another order than wanted \(head, query, key\)"),
                ("view.taps[0]", "view.taps[1]", "tap must be the tap of stage 1"),
                ("", "A = A.numpy()", "must be a tensor, it is a NumPy array"),
            ],
            "sums": [
                ("A[0].sum(dim=1), A[0].sum(dim=0)", "A[0].sum(dim=0), A[0].sum(dim=1)", "rows has the shape"),
                ("A[0].sum(dim=0)", "A[0].mean(dim=0)", r"columns is 0.0\d+ times what it should be"),
                ("A[0].sum(dim=0)", "-A[0].sum(dim=0)", "columns has the wrong sign"),
            ],
            "effective_keys": [
                ("(-(A", "((A", "effective_keys of stage 1 is 0.0006"),
                (".mean(dim=-1)", ".sum(dim=-1)", "times what it should be"),
                (".tolist()", ".tolist", "must be|has the shape|stops"),
                ("    return (", "    A = (", "is None; a function needs a return"),
            ],
            "preference": [
                ("at_query[on_object][:, None] == at_key", "at_query[on_object][:, None] != at_key", "off"),
                ("mean(dim=0)", "sum(dim=0)", "off"),
                ("/ len(at_key)", "", "off"),
            ],
        },
    )


def test_the_exercises():
    holds(
        "solutions/03",
        {
            "without_divisor": [
                ("* scale", "", "with the factor 0.[0-9]+ has the right shape"),
                ("dim=-1)\n    return (-(A", "dim=1)\n    return (-(A", "off"),
                ("return (-(A", "return ((A", "with the factor 1 "),
            ],
            "favourite": [
                ("dim=0", "dim=1", "columns has the shape"),
                ("columns.argmax()", "columns.argmin()", "favourite is off in entry"),
                ("view.taps[0]", "view.taps[1]", "tap must be the tap of stage 1"),
            ],
        },
    )
