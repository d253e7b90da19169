"""Checks of lesson 10 hold for the lesson's code, and say what is off in other code."""

from check_cells import holds


def test_the_lesson():
    holds(
        "10",
        {
            "interval": [
                ('old["mib+attention"] - old["mib"]', 'old["mib"] - old["mib+attention"]', "d has the wrong sign"),
                ("/ np.sqrt(len(d))", "", "half is .* times what it should be"),
                ("d.std()", "d.std(ddof=0)", "half is 0.\\d+ times"),
                ("100 * by_seed", "by_seed", "d is 0.01 times"),
            ],
            "unpaired": [
                ("2 * len(d) - 2", "len(d) - 1", "unpaired is"),
                ("variances.sum()", "variances.mean()", "unpaired is 0.707 times"),
                ("np.sqrt(variances.sum() / len(d))", "variances.sum() / len(d)", "unpaired is"),
            ],
        },
    )


def test_the_exercises():
    holds(
        "solutions/10",
        {
            "seeds": [
                ("student_t(seeds - 1)", "student_t(seeds)", "half_width"),
                ("range(2, 10_000)", "range(50, 10_000)", "more than it takes"),
                ("<= effect", "<= 2 * effect", "is too few"),
            ],
        },
    )
