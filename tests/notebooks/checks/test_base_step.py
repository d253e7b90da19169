"""Checks of lesson 06 hold for the lesson's code, and say what is off in other code."""

from check_cells import holds

WRITES = "with run.writing():\n    scores = base.save(started, base.evaluate(student, started.step))\n"


def test_the_lesson():
    holds(
        "06",
        {
            "hidden": [
                ("plan.scenario.added", "plan.scenario.base", "hidden is off in entry"),
                ("complete.labels(index)", "started.images.labels(index)", "hidden is off in entry"),
                (".any()", ".all()", "hidden is off in entry"),
            ],
            "cross_entropy": [
                ("softmax(dim=1)", "softmax(dim=2)", "p is not normalised: its sums over the axis class"),
                ("", "counts = ~counts", "counts has the right shape"),
                ("by_hand = -(", "by_hand = (", "by_hand has the wrong sign"),
                ("/ labels.numel()", "/ counts.sum()", "by_hand is 1.\\d+ times what it should be"),
            ],
            "mistakes": [
                ("M.sum(axis=1, keepdims=True)", "M.sum(axis=0, keepdims=True)", "wrong has the right shape"),
                ("100 *", "1 *", "wrong is 0.01 times"),
                ("score = iou(M)", "score = np.diag(M) / np.maximum(1, M.sum(axis=1))", "score has the right shape"),
            ],
        },
        instead={"min(200": "min(40", WRITES: 'scores = {"old": 0.0}\n'},
        most=40,
    )


def test_the_exercises():
    holds(
        "solutions/06",
        {
            "taken_for_background": [
                ("M[c, 0]", "M[0, c]", "is off for"),
                ("100 *", "1 *", "is 0.01 times"),
                ("scenario.base", "scenario.base[1:]", "must have the keys"),
            ],
        },
    )
