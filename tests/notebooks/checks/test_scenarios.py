"""Checks of lesson 01 hold for the lesson's code, and say what is off in other code."""

from check_cells import holds

SMALL = {"min(200": "min(12"}


def test_the_lesson():
    holds(
        "01",
        {
            "annotations": [
                ("plan.annotated(step).table", "plan.annotated(plan.steps[0]).table", "seen is off in entry 1"),
                (".labels(index) for", ".labels(index).T for", "axes in another order"),
                ("plan.steps[:6]", "plan.steps[::-1]", "first must hold the steps of the plan in their order"),
            ],
            "background": [
                ("100 * counts", "counts", "is 0.01 times what it should be"),
                ("(0, step.old, step.future)", "(0, step.future, step.old)", "the right values, in another order"),
                ("images.labels(index) == 0", "images.labels(index) > 0", "off"),
            ],
            "images": [
                ("setting=name", "setting='overlapped'", r"images_in\('disjoint', 0\) is .*"),
                ("other.steps[index]", "other.steps[0]", r"images_in\('overlapped', 1\) is .*"),
                ("return len(other", "return -len(other", "wrong sign"),
                ("return len(other", "len(other", "is None; a function needs a return"),
            ],
        },
        instead=SMALL,
        most=12,
    )


def test_the_exercises():
    holds(
        "solutions/01",
        {
            "disjoint_rule": [
                (" and not labels & set(step.future)", "", "belongs in step 0 has the right shape"),
                ("not labels & set(step.future)", "not labels & set(step.old)", "belongs in step 0"),
                ("step.new", "step.seen", "belongs in step 1"),
            ],
        },
        most=200,
    )
