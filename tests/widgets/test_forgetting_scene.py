"""What the canvas of the forgetting explorer gets is what was measured."""

import numpy as np

from satkit.analysis.codes import labels_from
from satkit.evaluation.metrics import iou_table
from satkit.widgets.forgetting_scene import image_of, predictions_of, scores_of
from satkit.widgets.scene import colour_table

NAMES = ["background", "cat", "dog"]
CONFUSIONS = [np.array([[5, 1], [2, 8]]), np.array([[4, 0, 2], [9, 1, 0], [0, 0, 2**33]])]


def test_scores_and_counts_come_back_as_they_were():
    iou = iou_table(CONFUSIONS, 3)
    made = scores_of(iou, CONFUSIONS, NAMES, [0, 0, 1], [0, 2])
    np.testing.assert_allclose(np.frombuffer(made["iou"], dtype="<f4").reshape(2, 3), iou, rtol=1e-6)
    for found, expected in zip(made["confusions"], CONFUSIONS, strict=True):
        counts = np.frombuffer(found["counts"], dtype="<f8").reshape(found["classes"], -1)
        np.testing.assert_array_equal(counts, expected)
    assert made["tables"] == {"share": colour_table("cividis")}
    assert (made["names"], made["learnt_at"], made["rows"]) == (NAMES, [0, 0, 1], [0, 2])


def test_label_maps_come_back_as_they_were():
    truth = np.random.default_rng(0).integers(0, 3, (6, 9), dtype=np.uint8)
    made = image_of(7, np.zeros((6, 9, 3), dtype=np.uint8), truth)
    assert (made["number"], made["image"]["size"]) == (7, [6, 9])
    np.testing.assert_array_equal(labels_from(made["labels"]), truth.ravel())
    sent = predictions_of(7, {0: truth, 3: truth[::-1]})
    assert (sent["number"], list(sent["steps"])) == (7, ["0", "3"])
    np.testing.assert_array_equal(labels_from(sent["steps"]["3"]), truth[::-1].ravel())
