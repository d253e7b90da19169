"""Checks of lesson 11b hold for the lesson's code, and say what is off in other code."""

from check_cells import holds

WATCHED = "np.array([[0, 5, 10, 15], [0.8, 0.7, 0.3, 0.1], [0, 0.02, 0.03, 0.05]])"  # instead of a training


def test_the_lesson():
    holds(
        "11b",
        {
            "by_hand": [
                ("after - before", "after", "by_hand has the right shape"),
                ("[c], h)", "[c])", "by_hand has the right shape"),
                ("np.mean(by_hand, axis=0)", "np.sum(by_hand, axis=0)", r"by_hand is \d+ times what it should be"),
                ("np.mean(by_hand, axis=0)", "np.mean(by_hand, axis=1)", "by_hand has the shape"),
            ],
            "means": [
                ('rows["iou_before"] - rows["iou_after"]', 'rows["iou_after"] - rows["iou_before"]', "lost .* sign"),
                ('["strategy", "world"]', '["strategy"]', "a row for every strategy and world, 8 in all, it has 4"),
                (".mean(axis=1)\n", ".sum(axis=1)\n", "the column drift of mean is 11 times what it should be"),
                ('.sort_values("lost")', "", "not sorted by lost"),
                ("", 'del mean["known"]', "mean has no column known"),
            ],
            "shares": [
                ("(found[0] - found)", "found", "gone has the right"),
                ("(found[0] - found) / max(found[0]", "(found[0] - found) / max(found[-1]", "gone is 8 times"),
                ("moved_by / max(moved_by[-1], 1e-9)", "1 - moved_by / moved_by[-1]", "there has the right"),
            ],
        },
        values={"strategies": ["fine-tuning"]},
        instead={"range(len(tests))": "range(60)", "watched(each)": WATCHED},
    )


def test_the_exercises():
    holds(
        "solutions/11b",
        {
            "drift_by_stage": [
                ("own.filter", "rows.filter", "by_stage has the right shape"),
                ("drift_s{stage + 1}h", "drift_s{4 - stage}h", "by_stage"),
                (".to_numpy().mean()", ".to_numpy().sum()", "by_stage"),
            ],
            "orders": [
                ("rank_correlation(mean", "-rank_correlation(mean", "orders is off for drift: it has the wrong sign"),
                (
                    'mean[each], mean["lost"]',
                    'stored[each], stored["lost"]',
                    "orders is off for drift: it is 0.917 times",
                ),
                ("for each in measures", "for each in measures[:2]", "must have the keys drift, cosine, cka_embedding"),
            ],
        },
    )
