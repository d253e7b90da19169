"""Checks of lesson 13 hold for the lesson's code, and say what is off in other code."""

from check_cells import holds


def test_the_lesson():
    holds(
        "13",
        {
            "keep_the_lead": [
                ("[:, 1:]", "[:, :-1]", "KeepTheLead is"),
                ("self.margin - (", "self.margin + (", "KeepTheLead is"),
                ("return self.weight * ", "return ", "is 0.5 times what it should be"),
                (".clamp(min=0)", "", "KeepTheLead is"),
                ("p > 0.5", "p > 0.9", "KeepTheLead is too small|times"),
            ],
            "strategy": [
                ("FINE_TUNING + KeepTheLead(weight)", "FINE_TUNING", "must have one term more"),
                ("KeepTheLead(weight)", "KeepTheLead(2 * weight)", "the weight of the new term is 2 times"),
                (
                    "FINE_TUNING + KeepTheLead(weight)",
                    "KeepTheLead(weight)",
                    "must begin with the terms of FINE_TUNING",
                ),
            ],
        },
    )


def test_the_exercises():
    holds(
        "solutions/13",
        {
            "keep_the_classifier": [
                (".sum(dim=1).mean()", ".mean()", "is 0.25 times what it should be"),
                ("self.weight * ", "", "is 0.5 times what it should be"),
                ("[: len(old)]", "", "stops with RuntimeError"),
                (".square()", ".abs()", "KeepTheClassifier is"),
            ],
        },
    )
