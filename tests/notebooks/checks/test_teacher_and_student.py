"""Checks of lesson 08 hold for the lesson's code, and say what is off in other code."""

from check_cells import holds


def test_the_lesson():
    holds(
        "08",
        {
            "own_class": [
                ("== labels[pixel]", "!= labels[pixel]", "own is off in entry 0"),
                ("[own[s]].sum()", "[own[s]].mean()", "on_own is 0.125 times"),
                (
                    "for view in views.values()]\n    for s, query in enumerate(queries)",
                    "for s, query in enumerate(queries)]\n    for view in views.values()",
                    "on_own is in|axes in another order|off",
                ),
            ],
            "moved": [
                ("0.5 *", "1.0 *", "is 2 times what it should be"),
                ("abs(heads_of(tap, query) - before)", "(heads_of(tap, query) - before)", "off"),
                ("axis=(1, 2)", "axis=0", "moved is off for"),
            ],
            "shares_prevented": [
                ("1 - without / free", "without / free", "prevented has the right shape"),
                ("without - with_it", "with_it - without", "beyond has the wrong sign"),
                ("(without - with_it) / free", "(without - with_it) / without", "beyond has the right shape"),
                ("1 - without / free", "100 * (1 - without / free)", "prevented is 100 times"),
            ],
        },
        values={"images": 2},
    )


def test_the_exercises():
    holds(
        "solutions/08",
        {
            "moved_queries": [
                ("0.5 * abs", "abs", "is 2 times what it should be"),
                ("sum(axis=1)", "sum(axis=0)", "moved has"),
                (".reshape(taps[0].query_grid)", "", "moved has the shape"),
            ],
        },
        values={"images": 2},
    )
