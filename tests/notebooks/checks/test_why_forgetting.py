"""Checks of lesson 11 hold for the lesson's code, and say what is off in other code."""

from check_cells import holds

FEW = {"tests.indices[part::2]": "tests.indices[part:60:2]"}


def test_the_lesson():
    holds(
        "11",
        {
            "shown": [
                ("testing[name][t].labels", "fitting[name][t].labels", "shown after step 0 is|stops"),
                ("return class_accuracy(", "return 100 * class_accuracy(", "is 100 times what it should be"),
                ("predicted, classes", "predicted, scenario.added", "shown after step 0 is"),
                ("[t].predicted", "[0].predicted", "shown after step 1 is"),
            ],
            "known": [
                ("fitting[name][t]", "testing[name][t]", "known is"),
                ("testing[name][t], classes", "testing[name][0], classes", "known is"),
                ("return probed", "return 1 - probed", "known is"),
            ],
            "cka": [
                (" ** 2", "", "cka of two models is"),
                (" - each.double().mean(dim=0)", "", "cka of"),
                ("(Y.T @ X)", "(X.T @ X)", "cka of two models is"),
            ],
        },
        values={"strategies": ["fine-tuning"], "per_image": 8},
        instead=FEW,
    )


def test_the_exercises():
    holds(
        "solutions/11",
        {
            "objects": [
                ("> 0).long(), [0, 1]", "> 0).long(), [1]", "what objects gives as shown is"),
                ("return 100 * class_accuracy(", "return class_accuracy(", "as shown is 0.01 times"),
                ("Probe(fitted.features[", "Probe(tested.features[", "what objects gives as known is|stops"),
                (", 100 * known", "", "must give two numbers"),
            ],
        },
        values={"per_image": 8},
        instead=FEW | {'"lwf", "mib", ': ""},
    )
