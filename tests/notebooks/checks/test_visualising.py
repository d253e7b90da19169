"""Checks of lesson 09 hold for the lesson's code, and say what is off in other code."""

from check_cells import holds


def test_the_lesson():
    holds(
        "09",
        {
            "iou_by_hand": [
                ("M.sum(axis=1), M.sum(axis=0)", "M.sum(axis=0), M.sum(axis=1)", "are has the right shape"),
                ("are + called - hits", "are + called", "by_hand has the right shape"),
                (
                    "hits / np.maximum(1, are + called - hits)",
                    "hits / np.maximum(1, are)",
                    "by_hand has the right shape",
                ),
            ],
            "forgetting": [
                ("max(table[:-1, best]) - table[-1, best]", "table[-1, best] - max(table[:-1, best])", "wrong sign"),
                ("best = max(", "best = min(", "best is"),
                ("max(table[:-1, best]) -", "100 * max(table[:-1, best]) - 100 *", "is 100 times what it should be"),
            ],
            "to_background": [
                ("of[:, 0]", "of[0]", "is off for"),
                ("rows = [M[list(old)] for", "rows = [M for", "is off for"),
                ("of[:, 0].sum() / of.sum()", "of[:, 0].sum()", "is off for"),
            ],
        },
    )


def test_the_exercises():
    holds(
        "solutions/09",
        {
            "recall_and_precision": [
                (
                    "(are, called)",
                    "(called, are)",
                    "after step 0 has the right values, in another order",
                ),
                ("return both[:, old]", "return both", "has the shape"),
                ("return both[:, old]", "return both[:, old].T", "axes in another order"),
            ],
        },
        instead={'"fine-tuning", "pseudo", ': '"fine-tuning", '},
    )
