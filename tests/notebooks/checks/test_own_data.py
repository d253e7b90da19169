"""Checks of lesson 12 hold for the lesson's code, and say what is off in other code."""

from check_cells import holds


def test_the_lesson(tmp_path, monkeypatch):
    monkeypatch.setenv("SATKIT_RUNS", str(tmp_path))
    holds(
        "12",
        {
            "folder": [
                ("range(1, 7)", "range(1, 6)", "annotated has the right shape"),
                ("[:40]", "", "chosen has the shape"),
                ("[:, 1:7]", "[:, 0:7]", "chosen has the right shape"),
            ],
            "images_by_step": [
                ("step.new]", "step.seen]", "by_step is off in entry 1"),
                ("any(axis=1)", "all(axis=1)", "by_step is off in entry"),
                ("scenario.order[c - 1]", "scenario.order[c - 2]", "by_step is off in entry"),
            ],
        },
    )
