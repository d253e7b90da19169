"""Checks of lesson 00 hold for the lesson's code, and say what is off in other code."""

from check_cells import holds


def test_the_lesson():
    holds(
        "00",
        {
            "predictions": [
                ("kit[strategies[-1]].model(0)", "kit[strategies[-1]].model(1)", "seen is off in entry 0"),
                ("kit.values()", "reversed(list(kit.values()))", "seen is off in entry 1"),
                ("prediction(model, picture)", "prediction(model, picture).T", "axes in another order"),
                ("for model in models", "for model in models[:3]", "must have 4 entries, it has 3"),
            ],
            "scores": [
                ("", "M = M.T", "M has its axes in another order"),
                ("pixel_accuracy(M)", "100 * pixel_accuracy(M)", "accuracy is 100 times what it should be"),
                ("range(len(M))", "range(1, len(M))", "miou is"),
            ],
        },
    )
