"""Checks of lesson 02 hold for the lesson's code, and say what is off in other code."""

from check_cells import holds

TRAINING = "[watch(SimpleNamespace(number=n, total=10)) for n in (5, 10)]"
UNTRAINED = {
    "import tempfile\n": "import tempfile\nfrom types import SimpleNamespace\n",
    "        progress(iteration)\n": "",
    "fresh.train(started, watch)": TRAINING,
    "[first:160:2]": "[first:24:2]",
}


def test_the_lesson():
    holds(
        "02",
        {
            "curve": [
                ("for part in parts", "for part in (0, 1)", r"curve with the halves \(1,\)"),
                ("mean_iou(sum(Ms[part] for part in parts), classes)", "100 * mean_iou(sum(Ms), classes)", "100 times"),
                ("classes) for Ms", "now.new) for Ms", "curve with the halves"),
            ],
            "old_pixels": [
                ("[:, list(now.old)]", "", "off"),
                ("now.old, now.new)[", "now.new, now.old)[", "shares has the right values, in another order"),
                ("100 * flow", "flow", "is 0.01 times what it should be"),
                ("axis=1, keepdims=True", "axis=0, keepdims=True", "shares"),
            ],
            "fall_and_gap": [
                ("a[-1])", "a[0])", "comes back is off in entry 1"),
                ("(a[1:].min() - a[0])", "(a[0] - a[1:].min())", "wrong sign"),
                ("100 *", "1 *", "is 0.01 times"),
            ],
        },
        instead=UNTRAINED,
    )
